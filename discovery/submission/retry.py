"""Compute steps of a verification again, through the backend that it was handed to."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from discovery.submission import SubmissionError
from discovery.submission.ledger import Submission, locked, read_ledger, write_ledger
from discovery.submission.status import standings
from discovery.submission.status_steps import Steps, read_steps
from discovery.verification.order import used_by
from discovery.verification.results import INPUTS, RESULT, step_directory

VERIFICATION = "verification.json"


@dataclass(frozen=True)
class Again:
    """What a retry begins with.

    Attributes:
        directory: of the candidate.
        name: formula or file.
        backend: what it goes to: ``local``, ``slurm`` or ``jobflow-remote``.
        removed: steps whose results were removed, in order.
        kept: steps whose results stay.
    """

    directory: Path
    name: str
    backend: str
    removed: tuple[str, ...]
    kept: tuple[str, ...]


def prepare(directory: Path, step: str | None = None) -> Again:
    """Remove the results that are to be computed again.

    Without a step these are the failed and damaged ones; their folders stay, for a program to go on in that
    can, and what builds on them is computed again if it turns out otherwise. With one, the step's folder and
    those of all steps that use its results are removed.

    Args:
        directory: of a candidate.
        step: to begin with.

    Raises:
        SubmissionError: it is at work or in a queue, there is no such step, or nothing to do again.
        StepError: its request or ledger cannot be read.
    """
    from discovery.submission.queues import ask_queues

    steps = read_steps(directory)
    if step is not None and step not in steps.planned:
        raise SubmissionError(f"{directory.name} has no step {step!r}", f"It has {', '.join(steps.planned)}.")
    asked = ask_queues([directory])
    (row,) = standings([directory], asked)
    if asked.silent:
        raise SubmissionError(asked.silent[0], "Try again when it does: its jobs may be at work.")
    if row.state in ("queued", "running", "held"):
        raise SubmissionError(
            f"{directory.name} is {row.state}",
            f"Wait for it, or take it back first: discover cancel {directory.name}.",
        )
    if row.state == "written":
        raise SubmissionError(
            f"{directory.name} was not submitted", "`discover verify ID --submit …` does that."
        )
    if step is None and row.state in ("done", "stopped"):
        what = f"has a verdict, {row.verdict}" if row.state == "done" else f"stopped: {row.error}"
        raise SubmissionError(f"{directory.name} {what}", "--from STEP computes it again from there.")
    removed = _to_remove(steps, step)
    with locked(directory):
        for name in removed:
            _remove(step_directory(steps.request, name), whole=step is not None or name == "verdict")
        (directory / VERIFICATION).unlink(missing_ok=True)
        ledger = read_ledger(directory)
        if ledger is not None and ledger.backend == "slurm":
            write_ledger(directory, _held(ledger, read_steps(directory)))
    kept = tuple(name for name in steps.ended if name not in removed)
    return Again(directory, steps.request.name, row.backend, removed, kept)


def _to_remove(steps: Steps, step: str | None) -> tuple[str, ...]:
    if step is not None:
        return tuple(name for name in steps.planned if name == step or step in used_by(name, steps.planned))
    failed = {name for name, end in steps.ended.items() if end.state != "done"} | set(steps.damaged)
    return tuple(name for name in steps.planned if name in failed | {"verdict"})


def _remove(place: Path, whole: bool) -> None:
    if whole and ((place / INPUTS).is_file() or (place / RESULT).is_file()):
        shutil.rmtree(place)
    else:
        (place / RESULT).unlink(missing_ok=True)


def _held(ledger: Submission, steps: Steps) -> Submission:
    """Return the ledger with every stage held from the first on that has something to do."""
    affected = False
    stages = []
    for stage in ledger.stages:
        affected |= any(name not in steps.ended for name in stage.steps) or stage.state != "ended"
        changes = {"state": "held", "job_id": "", "walltimes": 0, "reason": ""}
        stages.append(stage.model_copy(update=changes) if affected else stage)
    return ledger.model_copy(update={"stages": tuple(stages)})


def resend(directory: Path) -> list[tuple[str, str, str]]:
    """Send what `prepare` left to do to its queue, with the resources that its cluster file gives by now.

    Returns:
        Candidate, stage and number of each job that was sent; none where the queue is full.

    Raises:
        SubmissionError: SLURM is away or does not take it, or the cluster file cannot be read. The ledger
            holds what is to be sent, and the same command goes on from there.
    """
    from discovery.submission import slurm
    from discovery.submission.cluster import load_cluster
    from discovery.submission.handover import hand_in
    from discovery.submission.jobflow_remote import submit
    from discovery.submission.sending import top_up

    ledger = read_ledger(directory)
    if ledger is None:
        raise SubmissionError(
            f"{directory.name} was not submitted", "`discover verify ID --submit …` does that."
        )
    cluster, path, sha256 = load_cluster(Path(ledger.cluster))
    request = read_steps(directory).request
    request = request.model_copy(update={"directory": str(directory.resolve())})
    if ledger.backend == "jobflow-remote":
        submit(request, cluster, path, sha256, again=True)
        flow = read_ledger(directory)
        return [(directory.name, "Flow", flow.flow if flow else "")]
    hand_in(request, cluster, path, sha256, slurm.queue())
    report = top_up(directory.resolve().parent, only={directory.name})
    if report.refused:
        raise SubmissionError(report.refused, report.remedy)
    return report.sent
