"""Quantum ESPRESSO from a crystal to the overlaps that Wannier90 reads."""

from discovery.verification.engines.espresso.engine import EspressoEngine

__all__ = ["EspressoEngine"]
