"""Look whether this machine has what each part of the workflow needs, and say what to do where it has not."""

from discovery.doctor.check import Check, State, healthy
from discovery.doctor.examine import examine

__all__ = ["Check", "State", "examine", "healthy"]
