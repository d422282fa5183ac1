"""Hand verifications in for SLURM, as often as one likes: what is there already is not handed in again.

Nothing is sent from memory. First the request, the job scripts and a ledger whose stages are all ``held`` are
on disk; `discovery.submission.sending` sends from there.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from discovery.submission import SubmissionError, script, slurm
from discovery.submission.ledger import (
    PREFIX,
    Stage,
    Submission,
    locked,
    read_ledger,
    write_ledger,
)
from discovery.submission.sending import Jobs, job_of
from discovery.submission.stages import stages_of
from discovery.verification.results import REQUEST, Request

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster


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
        request = _first_written(request)
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
            active = _active(before, jobs)
            if not active and any(stage.state in ("sending", "sent") for stage in before.stages):
                active = _active(before, slurm.queue())  # somebody may have sent it since the queue was asked
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
        ledger = Submission.new("slurm", request.candidate_id, cluster, path, sha256, stages=stages)
        write_ledger(directory, ledger)
    return "new"


def _active(ledger: Submission, jobs: Jobs) -> list[Stage]:
    """Return the stages that have a job in the queue."""
    return [stage for stage in ledger.stages if job_of(ledger, stage, jobs) is not None]


def _first_written(request: Request) -> Request:
    """Write a request where there is none; of two who want to, the second finds that of the first."""
    from discovery.verification.flow import write_request

    directory = Path(request.directory)
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SubmissionError(f"{directory.parent}: {error.strerror}", "Name another folder.") from None
    with locked(directory.parent):
        return request if (directory / REQUEST).exists() else write_request(request)


def _as_before(stage: Stage, before: Submission) -> Stage:
    """Return the stage as ended if all its steps were in stages that have ended."""
    old = [before.stage_of(step) for step in stage.steps]
    ended = all(one is not None and one.state == "ended" for one in old)
    return stage.model_copy(update={"state": "ended"}) if ended else stage


def commands(request: Request, stages: Iterable[Stage]) -> Iterator[list[str]]:
    """Yield the commands that submit stages, as far as they are known before there are numbers."""
    directory = Path(request.directory)
    after = ""
    for stage in stages:
        number = stage.name.partition("-")[0]
        name = f"{PREFIX}{request.candidate_id}-TOKEN-{number}.1"
        yield ["sbatch", *slurm.submit_arguments(script.script_path(directory, stage), name, after)]
        after = f"JOB_{number}"
