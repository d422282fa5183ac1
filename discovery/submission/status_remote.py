"""Where a candidate stands whose Flow is in the hands of jobflow-remote."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.submission.jobflow_remote import BROKEN
from discovery.submission.ledger import Submission
from discovery.submission.standing import Facts, State, lost, one_line

if TYPE_CHECKING:
    from discovery.submission.jobflow_remote import RemoteFlow

AT_WORK = ("RUNNING", "BATCH_RUNNING", "RUN_FINISHED", "DOWNLOADED")
TAKEN_BACK = ("USER_STOPPED", "STOPPED", "PAUSED")
"""States of jobs in jobflow-remote 1.0, ``jobflow_remote.jobs.state.JobState``."""


def stands(
    ledger: Submission, directory: Path, flows: Mapping[str, "RemoteFlow"] | None, running: Facts
) -> tuple[State, Facts]:
    """Return state and facts of a candidate whose steps are not over on this file system.

    Args:
        ledger: of the candidate.
        directory: its folder here.
        flows: number → Flow in the database; None where it could not be asked.
        running: the step at work, as far as this file system shows it.
    """
    if flows is None:
        return ("running", running) if running else ("queued", {})
    flow = flows.get(ledger.flow)
    if flow is None:
        return "lost", lost(ledger.candidate, "its Flow is not in the database of jobflow-remote")
    for states, state in ((BROKEN, "lost"), (TAKEN_BACK, "cancelled"), (AT_WORK, "running")):
        for step, job in flow.jobs.items():
            if job.state in states:
                facts: Facts = {"queue": job.id, "step": step}
                if state == "lost":
                    said = f"jobflow-remote: {job.state.lower().replace('_', ' ')}"
                    said += f": {job.error}" if job.error else ""
                    return "lost", lost(ledger.candidate, one_line(said)) | facts
                if state == "cancelled":
                    return "cancelled", facts | {"error": "taken back"}
                return "running", running | facts
    waiting = [(step, job) for step, job in flow.jobs.items() if job.state != "COMPLETED"]
    if waiting:
        return "queued", {"queue": waiting[0][1].id, "step": waiting[0][0]}
    return _fetched(directory)


def _fetched(directory: Path) -> tuple[State, Facts]:
    """Return what the record says that `jobflow_remote.fetch` has brought here."""
    from candidates.verification import Verification

    try:
        record = Verification.model_validate_json((directory / "verification.json").read_bytes())
    except (OSError, ValueError):
        return "done", {"step": "verdict", "remedy": "`discover collect` fetches what it came to."}
    if record.verdict is not None:
        return "done", {"step": "verdict", "verdict": record.verdict.topology}
    ended = next((s for s in record.steps if s.state in ("stopped", "failed")), None)
    facts: Facts = (
        {"step": ended.name, "error": one_line(ended.reason), "remedy": ended.remedy} if ended else {}
    )
    return ("stopped" if record.state == "stopped" else "failed"), facts
