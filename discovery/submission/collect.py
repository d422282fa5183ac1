"""Bring finished verifications from their directories into the candidate store, as often as one likes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from discovery.submission.status_steps import read_steps
from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from candidates.store import Store
    from candidates.verification import Verification

Outcome = Literal["added", "changed", "unchanged", "open", "unreadable"]
"""``open``: a step is still to come; ``unreadable``: a file of it is damaged."""


@dataclass(frozen=True)
class Collected:
    """What became of one candidate.

    Attributes:
        candidate: its id.
        name: formula or file; empty where not even that can be read.
        outcome: an `Outcome`.
        state: of the record: ``verified``, ``stopped`` or ``failed``.
        topology: class of the verdict, where there is one.
        reason: what cannot be read, or why there is no verdict.
        remedy: what to do about it.
    """

    candidate: str
    name: str = ""
    outcome: Outcome = "open"
    state: str = ""
    topology: str = ""
    reason: str = ""
    remedy: str = ""


Fetch = Callable[[Path], "Verification | None"]


def collect_into(
    store: "Store", directories: Sequence[Path], fetch: Fetch | None = None
) -> Iterator[Collected]:
    """Store every verification that is over and say what became of each; a damaged one stops no other.

    Args:
        store: where to.
        directories: of candidates.
        fetch: returns the record of a directory whose results are elsewhere, or None.

    Raises:
        StoreError: the store cannot be read or written; what came before is stored.
    """
    for directory in directories:
        yield _collected(store, directory, fetch)


def _collected(store: "Store", directory: Path, fetch: Fetch | None) -> Collected:
    from candidates.verifications import update_verification

    name = ""
    try:
        steps = read_steps(directory)
        name = steps.request.name
        if steps.damaged:
            step, reason = next(iter(steps.damaged.items()))
            raise StepError(reason, f"`discover retry {directory.name} --from {step}` computes it again.")
        far = fetch(directory) if fetch is not None and not steps.over else None
        if not steps.over and far is None:
            return Collected(directory.name, name)
        record: list[Verification] = []

        def read() -> "Verification":
            record.append(far or _read(directory))
            return record[-1]

        change = update_verification(store, read)
    except StepError as error:
        return Collected(directory.name, name, "unreadable", reason=error.reason, remedy=error.remedy)
    last = record[-1]
    ended = next((s for s in last.steps if s.state in ("stopped", "failed")), None)
    if last.verdict is not None or ended is None:
        topology = last.verdict.topology if last.verdict else ""
        return Collected(directory.name, name, change, last.state, topology)
    reason = f"{ended.name}: {ended.reason}"
    return Collected(directory.name, name, change, last.state, reason=reason, remedy=ended.remedy)


def _read(directory: Path) -> "Verification":
    """Return the record of a directory.

    Raises:
        StepError: one of its files is damaged.
    """
    from discovery.verification.collect import collect

    try:
        return collect(directory)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise StepError(
            f"{directory}: {said}", f"`discover retry {directory.name} --from verdict` computes it again."
        ) from None
