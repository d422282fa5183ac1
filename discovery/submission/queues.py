"""What the queues say of all our jobs, each asked once however many candidates there are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from discovery.submission import SubmissionError
from discovery.submission.jobflow_remote import ask_flows
from discovery.submission.ledger import read_ledger

if TYPE_CHECKING:
    from discovery.submission.jobflow_remote import RemoteFlow
    from discovery.submission.slurm import QueueJob

Found = TypeVar("Found")


@dataclass(frozen=True)
class Asked:
    """What the queues said.

    Attributes:
        jobs: number and name of a job → the job; None where SLURM was not asked, or did not answer.
        flows: number of a Flow → the Flow; None where jobflow-remote was not asked, or did not answer.
        silent: one line for each queue that did not answer.
    """

    jobs: Mapping[str, "QueueJob"] | None = None
    flows: Mapping[str, "RemoteFlow"] | None = None
    silent: tuple[str, ...] = ()


def ask_queues(directories: Sequence[Path]) -> Asked:
    """Ask the queues that these candidates were handed to; a queue that nobody uses is left alone."""
    slurm, ids = False, []
    for directory in directories:
        try:
            ledger = read_ledger(directory)
        except SubmissionError:  # said where the candidate is shown
            continue
        slurm |= ledger is not None and ledger.backend == "slurm"
        if ledger is not None and ledger.backend == "jobflow-remote":
            ids.append(ledger.flow)
    silent: list[str] = []
    jobs = _ask(_slurm_jobs, silent) if slurm else None
    flows = _ask(lambda: ask_flows(ids), silent) if ids else None
    return Asked(jobs, flows, tuple(silent))


def _slurm_jobs() -> dict[str, "QueueJob"]:
    from discovery.submission.slurm import queue

    return {key: job for job in queue().values() for key in (job.id, job.name)}


def _ask(question: Callable[[], Found], silent: list[str]) -> Found | None:
    try:
        return question()
    except SubmissionError as error:
        silent.append(f"the queue does not answer, states are as last written down: {error.reason}")
        return None
