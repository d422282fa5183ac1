"""How far the programs of a step have come, and how long pw.x may run before its deadline."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from discovery.verification.engines import UNFINISHED, WalltimeReached, seconds_left

MARGIN = 0.05
"""Part of the time that is left which pw.x does not get: it stops after a k-point and then writes."""

LEAST_MARGIN, MOST_MARGIN = 20.0, 300.0
"""Bounds of it in seconds."""

WORTHWHILE = 5.0
"""Seconds below which no program is begun."""


class Progress(BaseModel):
    """Kept as `UNFINISHED` in the step's directory, from the first program that ends or can go on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    done: tuple[str, ...] = Field(default=(), description="Input stems of programs that ended well.")
    restarts: bool = Field(default=False, description="pw.x goes on with what it left.")
    ranks: int = Field(default=1, description="Its ranks: each left wavefunctions of its own.")
    reason: str = Field(default="", description="What stopped it.")

    def write(self, directory: Path) -> None:
        """Keep it; a file that is cut off would be taken for no progress at all."""
        part = directory / f".{UNFINISHED}.part"
        part.write_text(self.model_dump_json() + "\n", encoding="utf-8")
        part.replace(directory / UNFINISHED)


def read_progress(directory: Path) -> Progress:
    """Return what an earlier run left; nothing done where it left nothing that can be read."""
    try:
        return Progress.model_validate_json((directory / UNFINISHED).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return Progress()


def time_for(program: str) -> float | None:
    """Return how many seconds a program may run; None where there is no deadline.

    Raises:
        WalltimeReached: too few are left to begin.
        StepError: the deadline is no number.
    """
    left = seconds_left()
    if left is None:
        return None
    granted = left - min(MOST_MARGIN, max(LEAST_MARGIN, MARGIN * left))
    if granted < WORTHWHILE:
        raise WalltimeReached(
            f"{left:.0f} s were left before the deadline, too few to begin {program}",
            "The step goes on from there when it is run again.",
        )
    return round(granted, 1)
