"""What the queues say of all our jobs, each asked once however many candidates there are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.submission import SubmissionError
from discovery.submission.ledger import LEDGER

if TYPE_CHECKING:
    from discovery.submission.slurm import QueueJob


@dataclass(frozen=True)
class Asked:
    """What the queues said.

    Attributes:
        jobs: number and name of a job → the job; None where no queue was asked, or it did not answer.
        silent: one line for each queue that did not answer.
    """

    jobs: Mapping[str, "QueueJob"] | None = None
    silent: tuple[str, ...] = ()


def jobs_of(directories: Sequence[Path]) -> Asked:
    """Ask the queues that these candidates were handed to; a queue that nobody uses is left alone."""
    if not any((directory / LEDGER).exists() for directory in directories):
        return Asked()
    from discovery.submission.slurm import queue

    try:
        jobs = queue()
    except SubmissionError as error:
        return Asked(silent=(f"the queue does not answer, states are as last written down: {error.reason}",))
    return Asked({key: job for job in jobs.values() for key in (job.id, job.name)})
