"""Where each verification stands: its steps' results, its ledger and the queue put together.

Results say what has ended, the ledger which job was sent for which steps, and the queue, asked once for all,
which of these jobs wait or run. A job that the queue does not know and whose steps have not ended is lost.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.submission import SubmissionError, status_remote, status_slurm
from discovery.submission.ledger import (
    Submission,
    candidate_directories,
    read_ledger,
)
from discovery.submission.standing import Facts, Standing, State, lost, one_line
from discovery.submission.status_steps import Steps, read_steps
from discovery.verification.engines import StepError
from discovery.verification.lock import at_work

if TYPE_CHECKING:
    from discovery.submission.jobflow_remote import RemoteFlow
    from discovery.submission.queues import Asked
    from discovery.submission.slurm import QueueJob


def standing(
    directory: Path,
    jobs: Mapping[str, "QueueJob"] | None,
    now: float | None = None,
    flows: Mapping[str, "RemoteFlow"] | None = None,
) -> Standing:
    """Return where the verification in a directory stands; a damaged one is a state, not an error.

    Args:
        directory: of a candidate.
        jobs: number and name of a job → what the queue says; None where the queue could not be asked.
        now: seconds since the epoch; the present without it.
        flows: number of a Flow → what jobflow-remote says of it; None where it could not be asked.
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
            error=one_line(error.reason),
            remedy=error.remedy,
            directory=str(directory),
        )
    state, facts = _stand(directory, steps, ledger, jobs, now, flows)
    failed = steps.failed
    if failed and "error" not in facts:
        facts |= {"error": f"{failed[0]}: {one_line(failed[1].reason)}", "remedy": failed[1].remedy}
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


def _stand(
    directory: Path,
    steps: Steps,
    ledger: Submission | None,
    jobs: Mapping[str, "QueueJob"] | None,
    now: float,
    flows: Mapping[str, "RemoteFlow"] | None,
) -> tuple[State, Facts]:
    if steps.damaged:
        name, reason = next(iter(steps.damaged.items()))
        remedy = f"`discover retry {steps.request.candidate_id} --from {name}` computes it again."
        return "damaged", {"step": name, "error": one_line(reason), "remedy": remedy}
    if steps.over:
        return _over(steps)
    running = _running(steps, now)
    if ledger is None:
        return _local(directory, steps, running)
    if ledger.backend == "slurm":
        return status_slurm.stands(ledger, steps, jobs, running, now)
    return status_remote.stands(ledger, directory, flows, running)


def _over(steps: Steps) -> tuple[State, Facts]:
    facts: Facts = {"seconds": steps.seconds}
    if steps.topology:
        return "done", facts | {"step": "verdict", "verdict": steps.topology}
    if steps.stopped:
        name, end = steps.stopped
        return "stopped", facts | {"step": name, "error": one_line(end.reason), "remedy": end.remedy}
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
    return "lost", lost(steps.request.candidate_id, "no process of this machine is at work on it") | running


def standings(directories: Iterable[Path], asked: "Asked", now: float | None = None) -> list[Standing]:
    """Return where each of these directories stands, by what the queues said."""
    return [standing(directory, asked.jobs, now, asked.flows) for directory in directories]


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
