"""Where each verification stands: its steps' results, its ledger and the queue put together.

Results say what has ended, the ledger which job was sent for which steps, and the queue, asked once for all,
which of these jobs wait or run. A job that the queue does not know and whose steps have not ended is lost.
"""

import fcntl
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from discovery.submission import SubmissionError
from discovery.submission.ledger import (
    Stage,
    Submission,
    candidate_directories,
    read_ledger,
)
from discovery.submission.status_steps import Steps, read_steps
from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from discovery.submission.slurm import QueueJob

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

WAITING = frozenset(
    ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD")
)
GONE = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)
"""States of SLURM jobs (manual page of squeue, "JOB STATE CODES") that wait, and that have ended."""

USUAL = frozenset({"", "None", "Priority", "Resources", "Dependency", "BeginTime"})
"""Reasons for waiting that nobody need know of; others, such as `AssocMaxJobsLimit`, are shown."""

SENDING_S = 120.0
"""Seconds that sbatch may take before a job whose number was never written down counts as lost."""

LOCAL_LOCK = ".lock"


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


def standing(directory: Path, jobs: Mapping[str, "QueueJob"] | None, now: float | None = None) -> Standing:
    """Return where the verification in a directory stands; a damaged one is a state, not an error.

    Args:
        directory: of a candidate.
        jobs: number and name of a job → what the queue says; None where the queue could not be asked.
        now: seconds since the epoch; the present without it.
    """
    now = time.time() if now is None else now
    try:
        steps = read_steps(directory)
        ledger = read_ledger(directory)
    except StepError as error:
        return Standing(
            directory.name,
            "",
            "damaged",
            error=_line(error.reason),
            remedy=error.remedy,
            directory=str(directory),
        )
    state, facts = _stand(directory, steps, ledger, jobs, now)
    failed = steps.failed
    if failed and "error" not in facts:
        facts |= {"error": f"{failed[0]}: {_line(failed[1].reason)}", "remedy": failed[1].remedy}
    return Standing(
        candidate=steps.request.candidate_id,
        name=steps.request.name,
        state=state,
        backend=ledger.backend if ledger else ("" if state == "written" else "local"),
        done=len(steps.ended),
        planned=len(steps.planned),
        directory=str(directory),
        **facts,  # type: ignore[arg-type]
    )


Facts = dict[str, object]


def _stand(
    directory: Path,
    steps: Steps,
    ledger: Submission | None,
    jobs: Mapping[str, "QueueJob"] | None,
    now: float,
) -> tuple[State, Facts]:
    if steps.damaged:
        name, reason = next(iter(steps.damaged.items()))
        remedy = f"`discover retry {steps.request.candidate_id} --from {name}` computes it again."
        return "damaged", {"step": name, "error": _line(reason), "remedy": remedy}
    if steps.over:
        return _over(steps)
    running = _running(steps, now)
    if ledger is None:
        return _local(directory, steps, running)
    if ledger.backend == "slurm":
        stage = _next_stage(ledger, steps)
        if stage is None:
            return "lost", _lost(steps, "its jobs have ended without a verdict")
        return _queued(ledger, stage, steps, jobs, running, now)
    return "queued", {"queue": ledger.flow} | running


def _over(steps: Steps) -> tuple[State, Facts]:
    facts: Facts = {"seconds": steps.seconds}
    if steps.topology:
        return "done", facts | {"step": "verdict", "verdict": steps.topology}
    if steps.stopped:
        name, end = steps.stopped
        return "stopped", facts | {"step": name, "error": _line(end.reason), "remedy": end.remedy}
    name = steps.failed[0] if steps.failed else "verdict"
    return "failed", facts | {"step": name}


def _running(steps: Steps, now: float) -> Facts:
    """Return the step at work and since when; of several, which a broken run leaves, the latest."""
    if not steps.begun:
        return {}
    name, since = max(steps.begun.items(), key=lambda item: item[1])
    return {"step": name, "seconds": max(0.0, now - since)}


def _local(directory: Path, steps: Steps, running: Facts) -> tuple[State, Facts]:
    if at_work(directory):
        return "running", running or {"step": next((s for s in steps.planned if s not in steps.ended), "")}
    if not steps.begun and not steps.ended:
        return "written", {"step": steps.planned[0]}
    return "lost", _lost(steps, "no process of this machine is at work on it") | running


def at_work(directory: Path) -> bool:
    """Whether a process runs the verification in this directory by itself, as ``--submit local`` does."""
    try:
        with (directory / LOCAL_LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _next_stage(ledger: Submission, steps: Steps) -> Stage | None:
    """Return the first stage that has not said that it ended."""
    return next(
        (s for s in ledger.stages if s.state != "ended" and not all(name in steps.ended for name in s.steps)),
        next((s for s in ledger.stages if s.state != "ended"), None),
    )


def _queued(
    ledger: Submission,
    stage: Stage,
    steps: Steps,
    jobs: Mapping[str, "QueueJob"] | None,
    running: Facts,
    now: float,
) -> tuple[State, Facts]:
    step = next((name for name in stage.steps if name not in steps.ended), stage.steps[-1])
    facts: Facts = {"step": step, "queue": stage.job_id}
    if stage.submitted:
        facts["seconds"] = max(0.0, now - datetime.fromisoformat(stage.submitted).timestamp())
    match stage.state:
        case "held":
            return "held", facts | ({"error": _line(stage.reason)} if stage.reason else {})
        case "cancelled":
            return "cancelled", facts | ({"error": _line(stage.reason)} if stage.reason else {})
        case "failed":
            return "failed", facts | {
                "error": _line(stage.reason),
                "remedy": f"`discover retry {ledger.candidate}` sends it again.",
            }
    if jobs is None:
        return ("running", facts | running) if running else ("queued", facts)
    job = jobs.get(stage.job_id) if stage.job_id else jobs.get(ledger.job_name(stage))
    if job is None or job.state in GONE:
        if stage.state == "sending" and facts.get("seconds", 0.0) < SENDING_S:  # type: ignore[operator]
            return "queued", facts
        return "lost", facts | running | _lost(steps, "its job is gone from the queue before its steps ended")
    facts["queue"] = job.id
    if job.state in WAITING:
        odd = job.reason not in USUAL
        return "queued", facts | ({"error": f"the queue says {_line(job.reason)}"} if odd else {})
    return "running", facts | running


def _lost(steps: Steps, reason: str) -> Facts:
    remedy = f"`discover retry {steps.request.candidate_id}` goes on after the last step that ended."
    return {"error": reason, "remedy": remedy}


def _line(text: str) -> str:
    """Return a text in one line."""
    return " ".join(text.split())


def standings(
    directories: Iterable[Path], jobs: Mapping[str, "QueueJob"] | None, now: float | None = None
) -> list[Standing]:
    """Return where each of these directories stands."""
    return [standing(directory, jobs, now) for directory in directories]


def find_directories(root: Path, wanted: Sequence[str]) -> list[Path]:
    """Return the directories of candidates that are named, or of all.

    Args:
        root: of all verifications.
        wanted: beginnings of ids, or folders; all candidates below the root where there are none.

    Raises:
        SubmissionError: one is not there, or several begin so.
    """
    there = candidate_directories(root)
    if not wanted:
        return there
    found: dict[Path, None] = {}
    for text in wanted:
        folder = Path(text)
        if len(folder.parts) > 1 and folder.is_dir():
            found[folder] = None
            continue
        fits = [path for path in there if path.name.startswith(text)] if text else []
        if not fits:
            raise SubmissionError(
                f"no verification {text!r} in {root}",
                "`discover status` lists them; -o names another folder.",
            )
        if len(fits) > 1:
            ids = ", ".join(path.name for path in fits[:8]) + (", …" if len(fits) > 8 else "")
            raise SubmissionError(f"{text!r} could be {ids}", "Give more of the id.")
        found[fits[0]] = None
    return list(found)


def counted(rows: Sequence[Standing]) -> str:
    """Return how many stand how, in one line."""
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    said = ", ".join(f"{n} {state}" for state, n in counts.items() if n)
    noun = "candidate" if len(rows) == 1 else "candidates"
    return f"{len(rows)} {noun}: {said}" if rows else "no candidates"
