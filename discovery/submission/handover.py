"""Hand verifications over to SLURM, as often as one likes: what is there already is not sent again.

Nothing is sent from memory. First the request, the job scripts and a ledger whose stages are all ``held`` are
on disk; then stages that are due are sent, one after the other, each marked ``sending`` before and ``sent``
after. Whoever comes next, a job that ends or a user who looks, goes on from there.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

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
from discovery.submission.stages import stages_of
from discovery.verification.results import REQUEST, Request

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster

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


def hand_in(
    request: Request,
    cluster: "Cluster",
    path: Path,
    sha256: str,
    jobs: Jobs,
) -> Literal["new", "known", "ended"]:
    """Write down what is to be sent for a candidate, unless it is in the queue or has ended already.

    Args:
        request: what to do; its directory is made.
        cluster: what its jobs ask for.
        path: of the cluster file.
        sha256: of the cluster file.
        jobs: what is in the queue.

    Returns:
        ``new``: it is written and held; ``known``: this very request is in the queue; ``ended``: all its
        jobs have ended.

    Raises:
        StepError: its directory holds something else.
        SubmissionError: another request for it is in the queue; its ledger cannot be read or written.
    """
    from discovery.verification.collect import read_request
    from discovery.verification.flow import write_request

    directory = Path(request.directory)
    written = not (directory / REQUEST).exists()
    if written:
        request = write_request(request)
    with locked(directory):
        before = read_ledger(directory)
        known = read_request(directory)
        same = known == request.model_copy(update={"created": known.created})
        if before is not None and before.backend != "slurm":
            raise SubmissionError(
                f"{before.candidate} was handed to {before.backend}",
                f"`discover retry {before.candidate}` goes on there; another folder (-o) begins anew.",
            )
        if before is not None:
            active = [stage for stage in before.stages if job_of(before, stage, jobs) is not None]
            if active and not same:
                raise SubmissionError(
                    f"{before.candidate} is in the queue with other options",
                    f"Wait for it, or take it back first: discover cancel {before.candidate}.",
                )
            if active and same:
                return "known"
            if same and all(stage.state == "ended" for stage in before.stages):
                return "ended"
        if not written:
            request = write_request(request)
        stages = stages_of(request, cluster)
        if before is not None and same:
            stages = tuple(_as_before(stage, before) for stage in stages)
        (directory / script.FOLDER).mkdir(exist_ok=True)
        for stage in stages:
            text = script.render(directory, stage, cluster)
            script.script_path(directory, stage).write_text(text, encoding="utf-8")
        ledger = Submission(
            backend="slurm",
            candidate=request.candidate_id,
            token=uuid4().hex[:6],
            cluster=str(path),
            cluster_sha256=sha256,
            max_jobs=cluster.max_jobs,
            max_attempts=cluster.max_attempts,
            stages=stages,
            created=now(),
        )
        write_ledger(directory, ledger)
    return "new"


def _as_before(stage: Stage, before: Submission) -> Stage:
    """Return the stage as ended if all its steps were in stages that have ended."""
    old = [before.stage_of(step) for step in stage.steps]
    ended = all(one is not None and one.state == "ended" for one in old)
    return stage.model_copy(update={"state": "ended"}) if ended else stage


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


def commands(request: Request, stages: Iterable[Stage]) -> Iterator[list[str]]:
    """Yield the commands that submit stages, as far as they are known before there are numbers."""
    directory = Path(request.directory)
    after = ""
    for stage in stages:
        number = stage.name.partition("-")[0]
        name = f"{PREFIX}{request.candidate_id}-TOKEN-{number}.1"
        yield ["sbatch", *slurm.submit_arguments(script.script_path(directory, stage), name, after)]
        after = f"JOB_{number}"
