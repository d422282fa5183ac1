"""Where a candidate stands whose jobs were sent to SLURM: its ledger and the queue put together."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from discovery.submission.ledger import Stage, Submission
from discovery.submission.sending import GOING_ON
from discovery.submission.standing import Facts, State, lost, one_line
from discovery.submission.status_steps import Steps

if TYPE_CHECKING:
    from discovery.submission.slurm import QueueJob

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

SENT_S = 15.0
"""Seconds before a job counts as lost: the queue may have been asked just before it was sent."""


def stands(
    ledger: Submission, steps: Steps, jobs: Mapping[str, "QueueJob"] | None, running: Facts, now: float
) -> tuple[State, Facts]:
    """Return where a candidate stands whose jobs were sent to SLURM."""
    going = [stage for stage in ledger.stages if stage.state in GOING_ON]
    if not going:
        return _at_rest(ledger, steps)
    stage = going[0]
    found = [(one, job) for one in going if (job := _job(ledger, one, jobs)) is not None]
    if found:
        at_work = [pair for pair in found if pair[1].state not in WAITING]
        return _in_queue(stage, *(at_work or found)[0], steps, running, now)
    facts = _facts(stage, steps, now)
    if jobs is None and stage.state != "held":
        return ("running", facts | running) if running else ("queued", facts)
    if stage.state == "held":
        return "held", facts | ({"error": one_line(stage.reason)} if stage.reason else {})
    waited = facts["seconds"]
    patience = SENDING_S if stage.state == "sending" else SENT_S
    if isinstance(waited, float) and waited < patience:
        return "queued", facts
    return "lost", facts | running | lost(ledger.candidate, "its job left the queue before its steps ended")


def _at_rest(ledger: Submission, steps: Steps) -> tuple[State, Facts]:
    for state in ("failed", "cancelled"):
        for stage in ledger.stages:
            if stage.state == state:
                facts: Facts = {"step": _first_open(stage, steps), "queue": stage.job_id}
                facts |= {"error": one_line(stage.reason)} if stage.reason else {}
                remedy = f"`discover retry {ledger.candidate}` sends it again."
                return ("failed" if state == "failed" else "cancelled"), facts | {"remedy": remedy}
    return "lost", lost(ledger.candidate, "its jobs have ended without a verdict")


def _in_queue(
    first: Stage, stage: Stage, job: "QueueJob", steps: Steps, running: Facts, now: float
) -> tuple[State, Facts]:
    """Return where a candidate stands of which a job is in the queue, though it need not be the first."""
    facts = _facts(stage, steps, now) | {"queue": job.id}
    if job.state not in WAITING:
        return "running", facts | running
    if first.name != stage.name and first.state == "sent":
        facts["error"] = f"job {first.job_id} of {first.name} is gone; this one will see to it"
    elif job.reason not in USUAL:
        facts["error"] = f"the queue says {one_line(job.reason)}"
    return "queued", facts


def _job(ledger: Submission, stage: Stage, jobs: Mapping[str, "QueueJob"] | None) -> "QueueJob | None":
    job = (jobs or {}).get(stage.job_id or ledger.job_name(stage))
    return None if job is None or job.state in GONE else job


def _facts(stage: Stage, steps: Steps, now: float) -> Facts:
    since = datetime.fromisoformat(stage.submitted).timestamp() if stage.submitted else now
    return {"step": _first_open(stage, steps), "queue": stage.job_id, "seconds": max(0.0, now - since)}


def _first_open(stage: Stage, steps: Steps) -> str:
    return next((name for name in stage.steps if name not in steps.ended), stage.steps[-1])
