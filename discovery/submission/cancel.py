"""Take verifications back from where they were handed to; what has ended stays."""

import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from discovery.submission import SubmissionError
from discovery.submission.ledger import locked, read_ledger, write_ledger
from discovery.submission.sending import GOING_ON
from discovery.verification.lock import LOCK, at_work

REASON = "taken back"


@dataclass(frozen=True)
class Cancelled:
    """What was taken back.

    Attributes:
        candidate: its id.
        backend: ``local``, ``slurm`` or ``jobflow-remote``.
        jobs: numbers of the jobs, or of the process.
    """

    candidate: str
    backend: str
    jobs: tuple[str, ...]


def cancel(directories: Sequence[Path]) -> list[Cancelled]:
    """Take these candidates' jobs out of the queue and end those that run; others have nothing to take back.

    Ledgers are written first: a job that ends must not find a reason to send another one.

    Args:
        directories: of candidates.

    Raises:
        SubmissionError: a ledger cannot be read or written, or the queue does not answer. Called again, it
            does the rest.
    """
    from discovery.submission import slurm

    found = []
    ledgers = {directory: read_ledger(directory) for directory in directories}
    jobs = slurm.queue() if any(it and it.backend == "slurm" for it in ledgers.values()) else {}
    numbers: list[str] = []
    for directory, ledger in ledgers.items():
        if ledger is None:
            process = _end_process(directory)
            found += [Cancelled(directory.name, "local", (process,))] if process else []
        elif ledger.backend == "slurm":
            names, changed = _write_down(directory)
            its = tuple(job.id for job in jobs.values() if job.name in names)
            numbers += its
            found += [Cancelled(directory.name, "slurm", its)] if its or changed else []
    slurm.cancel(numbers)
    return found + _stop_flows([d for d, it in ledgers.items() if it and it.backend == "jobflow-remote"])


def _stop_flows(directories: Sequence[Path]) -> list[Cancelled]:
    from discovery.submission.jobflow_remote import stop
    from discovery.submission.queues import ask_queues
    from discovery.submission.standing import ACTIVE
    from discovery.submission.status import standings

    asked = ask_queues(directories)
    if asked.silent:
        raise SubmissionError(asked.silent[0], "Try again when it does.")
    rows = {Path(row.directory): row for row in standings(directories, asked) if row.state in ACTIVE}
    stop(list(rows))
    return [Cancelled(row.candidate, "jobflow-remote", (row.queue,)) for row in rows.values()]


def _write_down(directory: Path) -> tuple[set[str], bool]:
    """Mark what is to come as cancelled; return the names of all its jobs, and whether there was any."""
    with locked(directory):
        ledger = read_ledger(directory)
        if ledger is None:
            return set(), False
        names = {ledger.job_name(stage) for stage in ledger.stages}
        stages = tuple(
            stage.model_copy(update={"state": "cancelled", "reason": REASON})
            if stage.state in GOING_ON
            else stage
            for stage in ledger.stages
        )
        changed = stages != ledger.stages
        if changed:
            write_ledger(directory, ledger.model_copy(update={"stages": stages}))
        return names, changed


def _end_process(directory: Path) -> str:
    """Ask the process that runs a verification on this machine to end, and return its number.

    Raises:
        SubmissionError: it runs on another machine, or is another user's.
    """
    if not at_work(directory):
        return ""
    number = lock_holder(directory / LOCK)
    if number is None:
        raise SubmissionError(
            f"{directory.name} is run by a process of another machine", "End it there, with Ctrl-C or kill."
        )
    try:
        os.kill(number, signal.SIGTERM)  # as Ctrl-C: the program that the step waits for ends with it
    except PermissionError:
        raise SubmissionError(
            f"process {number} of {directory.name} is another user's", "Ask them."
        ) from None
    except ProcessLookupError:
        return ""
    return str(number)


def lock_holder(path: Path) -> int | None:
    """Return the process of this machine that holds a file's lock (proc(5), ``/proc/locks``)."""
    with suppress(OSError, ValueError):
        facts = path.stat()
        wanted = f"{os.major(facts.st_dev):02x}:{os.minor(facts.st_dev):02x}:{facts.st_ino}"
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()
            if len(fields) > 5 and fields[1] == "FLOCK" and fields[3] == "WRITE" and fields[5] == wanted:
                number = int(fields[4])
                return number if number > 0 else None
    return None
