"""How a verification can stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal[
    "written",
    "held",
    "queued",
    "running",
    "lost",
    "cancelled",
    "failed",
    "stopped",
    "done",
    "damaged",
]
"""How a candidate stands:

``written``: its inputs are there and nothing runs them; ``held``: its next job is not sent yet;
``queued``: its next job waits; ``running``: a step is at work; ``lost``: a step has not ended and nothing
works on it; ``cancelled``: taken back; ``failed``: a step failed and there is no verdict; ``stopped``: a step
decided without one; ``done``: there is a verdict; ``damaged``: a file of it cannot be read.
"""

STATES: tuple[State, ...] = (
    "done",
    "stopped",
    "failed",
    "running",
    "queued",
    "held",
    "lost",
    "cancelled",
    "written",
    "damaged",
)
"""In the order in which they are counted."""

ACTIVE: frozenset[State] = frozenset({"held", "queued", "running"})
"""States that change by themselves."""

OVER: frozenset[State] = frozenset({"done", "stopped", "failed"})
"""States whose record belongs into the store."""

Facts = dict[str, object]
"""Fields of a `Standing` that are known besides its state."""


@dataclass(frozen=True)
class Standing:
    """Where one candidate's verification stands.

    Attributes:
        candidate: its id.
        name: formula or file.
        state: a `State`.
        step: at work, next to run, failed, or that decided.
        verdict: class, where there is one.
        backend: ``local``, ``slurm`` or ``jobflow-remote``; empty where only inputs were written.
        queue: number of its job in the queue, with what the queue says of it; or empty.
        seconds: how long the step has run or the job has waited; of what is over, all its steps together.
        error: what is wrong, in one line.
        remedy: what to do about it.
        done: steps that have ended.
        planned: steps that there are.
        directory: its folder.
    """

    candidate: str
    name: str
    state: State
    step: str = ""
    verdict: str = ""
    backend: str = ""
    queue: str = ""
    seconds: float | None = None
    error: str = ""
    remedy: str = ""
    done: int = 0
    planned: int = 0
    directory: str = ""


def lost(candidate: str, reason: str) -> Facts:
    """Return what there is to say of a verification on which nothing works any more."""
    remedy = f"`discover retry {candidate}` goes on after the last step that ended."
    return {"error": reason, "remedy": remedy}


def one_line(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


def counted(rows: Sequence[Standing]) -> str:
    """Return how many stand how, in one line."""
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    said = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    noun = "candidate" if len(rows) == 1 else "candidates"
    return f"{len(rows)} {noun}: {said}" if rows else "no candidates"
