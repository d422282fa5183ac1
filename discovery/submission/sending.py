"""Send what is due to SLURM, as far as the queue has room, and nothing twice.

Each stage is marked ``sending`` before it is sent and ``sent`` after. Whoever comes next, a job that ends or
a user who looks, goes on from there.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from discovery.submission import SubmissionError, script, slurm
from discovery.submission.ledger import (
    PREFIX,
    Stage,
    Submission,
    candidate_directories,
    locked,
    now,
    read_ledger,
    write_ledger,
)

Jobs = Mapping[str, slurm.QueueJob]

GOING_ON = ("held", "sending", "sent")
"""States of a stage that is still to come to an end."""


@dataclass
class Report:
    """What became of a round of sending.

    Attributes:
        sent: candidate, stage, number of the job.
        held: stages that wait here and will be sent by themselves.
        refused: why the round ended early; empty where it did not.
        remedy: what to do about that.
        damaged: candidate → why its ledger was left out.
    """

    sent: list[tuple[str, str, str]] = field(default_factory=list)
    held: int = 0
    refused: str = ""
    remedy: str = ""
    damaged: dict[str, str] = field(default_factory=dict)


def job_of(ledger: Submission, stage: Stage, jobs: Jobs) -> slurm.QueueJob | None:
    """Return the job in the queue that belongs to a stage, by its number or, if that is unknown, its name."""
    if stage.state == "sent":
        return jobs.get(stage.job_id)
    if stage.state == "sending":
        name = ledger.job_name(stage)
        return next((job for job in jobs.values() if job.name == name), None)
    return None


@dataclass(frozen=True)
class Due:
    """A stage that may be sent now.

    Attributes:
        directory: of the candidate.
        stage: its name.
        place: its place in the candidate, from 0.
        after: number of the job that has to end first; empty where nothing has to.
        max_jobs: jobs in the queue with which it still waits.
        created: when it was handed in.
    """

    directory: Path
    stage: str
    place: int
    after: str
    max_jobs: int
    created: str


def due(directory: Path, ledger: Submission, jobs: Jobs) -> Due | None:
    """Return the first stage of a candidate that can be sent; None where there is none.

    A stage whose job went away without a word is not sent again by itself: it would go away again. What
    comes after it waits, until the next job of its candidate or ``discover retry`` finds that.
    """
    before: Stage | None = None
    for place, stage in enumerate(ledger.stages):
        if stage.state in ("held", "sending"):
            after = ""
            if before is not None and before.state in GOING_ON:
                job = job_of(ledger, before, jobs)
                if job is None:
                    return None
                after = job.id
            return Due(directory, stage.name, place, after, ledger.max_jobs, ledger.created)
        if stage.state == "cancelled":
            return None
        before = stage
    return None


def top_up(
    root: Path, ending: str = "", only: Collection[str] | None = None, patience: float = 60.0
) -> Report:
    """Send what is due as far as the queue has room.

    Stages that can start at once go before those that would only wait in the queue, and of the former those
    of candidates that are furthest.

    Args:
        root: folder of all verifications.
        ending: number of a job that is about to end, and takes no room any more.
        only: candidates to look at; all of them without it.
        patience: seconds to wait for another round.

    Raises:
        SubmissionError: the queue cannot be asked, or the root cannot be written to.
    """
    report, root = Report(), root.resolve()
    with locked(root, patience):
        jobs = dict(slurm.queue())
        in_queue = sum(job.name.startswith(PREFIX) and job.id != ending for job in jobs.values())
        ledgers = {}
        for directory in candidate_directories(root):
            if only is not None and directory.name not in only:
                continue
            try:
                ledger = read_ledger(directory)
            except SubmissionError as error:
                report.damaged[directory.name] = error.reason
                continue
            if ledger is not None and ledger.backend == "slurm":
                ledgers[directory] = ledger
        try:
            for one in _in_order(ledgers, jobs):
                if in_queue >= one.max_jobs:
                    break
                sent = send(one.directory, one.stage, one.after)
                if sent is not None:
                    in_queue += sent.job_id not in jobs
                    jobs[sent.job_id] = slurm.QueueJob(sent.job_id, sent.name, "PENDING", "", 0, "")
                    report.sent.append((one.directory.name, one.stage, sent.job_id))
                changed = read_ledger(one.directory)
                if changed is not None:
                    ledgers[one.directory] = changed
        except SubmissionError as error:
            report.refused, report.remedy = error.reason, error.remedy
        report.held = sum(_waiting(ledger, jobs) for ledger in ledgers.values())
    return report


def _waiting(ledger: Submission, jobs: Jobs) -> int:
    """Return how many stages will be sent by themselves: those before which no job went away."""
    waiting = 0
    for stage in ledger.stages:
        if stage.state == "cancelled" or (stage.state == "sent" and job_of(ledger, stage, jobs) is None):
            break
        waiting += stage.state in ("held", "sending")
    return waiting


def _in_order(ledgers: Mapping[Path, Submission], jobs: Jobs) -> Iterator[Due]:
    """Yield what is due; the mappings change while they are gone through."""
    ready = [one for directory, ledger in ledgers.items() if (one := due(directory, ledger, jobs))]
    first = [one for one in ready if not one.after]
    yield from sorted(first, key=lambda one: (-one.place, one.created, one.directory.name))
    for directory in sorted(ledgers, key=lambda place: (ledgers[place].created, place.name)):
        tried: set[str] = set()
        while (one := due(directory, ledgers[directory], jobs)) and one.stage not in tried:
            tried.add(one.stage)
            yield one


@dataclass(frozen=True)
class Sent:
    """A job that is in the queue now: its number and name."""

    job_id: str
    name: str


def send(directory: Path, name: str, after: str = "") -> Sent | None:
    """Send one stage, or find the job that was sent for it by somebody who could not write that down.

    Args:
        directory: of the candidate.
        name: of a stage that is held, or was being sent.
        after: number of the job that has to end first.

    Returns:
        The job; None where somebody else has sent it in between.

    Raises:
        Refused: SLURM does not take it; it is held, with the reason.
        Unanswered: SLURM is away, or went silent; the next call finds out.
    """
    directory = directory.resolve()
    with locked(directory) as lock:
        ledger = read_ledger(directory)
        if ledger is None:
            return None
        stage = ledger.stage(name)
        if stage.state == "sending":
            # Nobody else sends it now, or the lock would be theirs: their sbatch inherits it.
            job_name = ledger.job_name(stage)
            for job in slurm.queue([job_name]).values():
                write_ledger(directory, ledger.changed(name, state="sent", job_id=job.id, reason=""))
                return Sent(job.id, job_name)
        elif stage.state != "held":
            return None
        return send_locked(directory, ledger, name, after, lock)


def send_locked(directory: Path, ledger: Submission, name: str, after: str, lock: int) -> Sent:
    """Send a stage whose ledger is locked by ``lock``; see `send`."""
    attempt = ledger.stage(name).attempt + 1
    ledger = ledger.changed(name, state="sending", attempt=attempt, submitted=now(), job_id="", reason="")
    write_ledger(directory, ledger)
    stage = ledger.stage(name)
    job_name = ledger.job_name(stage)
    try:
        number = slurm.submit(script.script_path(directory, stage), job_name, after, keep_open=(lock,))
    except slurm.Refused as error:
        write_ledger(directory, ledger.changed(name, state="held", reason=error.reason))
        raise
    except slurm.Unanswered as error:
        write_ledger(directory, ledger.changed(name, reason=error.reason))
        raise
    write_ledger(directory, ledger.changed(name, state="sent", job_id=number))
    return Sent(number, job_name)
