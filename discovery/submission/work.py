"""What a job does: run its steps, and see to it that what is left is queued again."""

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from discovery.submission import SubmissionError, slurm
from discovery.submission.ledger import PREFIX, Stage, Submission, locked, read_ledger, write_ledger
from discovery.submission.sending import GOING_ON, Report, job_of, send_locked, top_up
from discovery.verification.collect import read_request
from discovery.verification.engines import DEADLINE
from discovery.verification.local import Event, run_steps
from discovery.verification.results import (
    INPUTS,
    RESULT,
    Request,
    StepResult,
    begun_with,
    step_directory,
    write_text,
)

PATIENCE = 600.0
"""Seconds that a job waits for others at the ledger: it would be lost without it, and sbatch can be slow."""

Say = Callable[[str], None]


class _Over(BaseException):
    """The time is over; no `Exception`, which would count as a failure of the step."""


@dataclass(frozen=True)
class Worked:
    """What a job came to.

    Attributes:
        ending: ``ended``: every step has; ``walltime``: there was no time for all; ``idle``: there was
            nothing for this job to do.
        reason: why it was idle.
        again: number of the job that goes on, where one was sent.
    """

    ending: Literal["ended", "walltime", "idle"]
    reason: str = ""
    again: str = ""


def work(
    directory: Path,
    steps: Sequence[str],
    until: float | None = None,
    ranks: int | None = None,
    threads: int | None = None,
    tell: Callable[[Event], None] | None = None,
    say: Say = print,
) -> Worked:
    """Run steps of the verification in a directory, finished ones kept.

    In a job of ours the ledger is kept as well: a job that the ledger does not know (any more) does nothing,
    one that comes before an earlier stage has ended is put back, and one whose time is over is sent again.

    Args:
        directory: of the candidate.
        steps: names of steps.
        until: seconds since the epoch at which no program may run any more.
        ranks: MPI ranks of the program; as in the request without it.
        threads: of each rank; as in the request without it.
        tell: called when a step begins and when it ends.
        say: called with a sentence about the ledger or the queue that is worth a line in the log.

    Raises:
        StepError: the directory holds no verification, another process is at work there, or the verification
            has no such step.
    """
    from discovery.verification.order import planned_steps

    directory = directory.resolve()
    request = _here(read_request(directory), directory, ranks, threads)
    planned = planned_steps(request)
    for step in steps:
        if step not in planned:
            raise SubmissionError(f"{directory.name} has no step {step!r}", f"It has {', '.join(planned)}.")
    stage = _claim(directory, say)
    if isinstance(stage, str):
        _go_on(directory, say)
        return Worked("idle", stage)
    if until is not None:
        os.environ[DEADLINE] = f"{until:.0f}"
    ended, stopped = 0, False

    def listen(event: Event) -> None:
        nonlocal ended, stopped
        if tell is not None:
            tell(event)
        if event.state == "waiting":  # the engine has stopped it; what comes next would have no time either
            raise _Over
        ended += event.state in ("done", "stopped", "failed") and not event.kept
        stopped |= event.state == "stopped"

    try:
        with _signalled():
            run_steps(request, listen, tuple(step for step in planned if step in steps))
            following = planned[planned.index(stage.steps[-1]) + 1 :] if stage else ()
            if stopped and following:  # all of it is skipped: no need to queue for that
                run_steps(request, None, following)
    except _Over:
        if stage is None:
            return Worked("walltime")
        again = _again(directory, stage.name, request, progress=ended > 0, say=say)
        return Worked("walltime", again=again)
    if stage is not None:
        _end(directory, stage, with_following=stopped, say=say)
        _go_on(directory, say)
    return Worked("ended")


def _here(request: Request, directory: Path, ranks: int | None, threads: int | None) -> Request:
    """Return the request for this place and this job's ranks."""
    changes = {"ranks": ranks, "threads": threads}
    options = request.options.model_copy(update={k: v for k, v in changes.items() if v is not None})
    return request.model_copy(update={"directory": str(directory), "options": options})


@contextmanager
def _signalled() -> Iterator[None]:
    """Let SIGUSR1, with which the job's shell says that the walltime is near, end what runs."""

    def over(*_: object) -> None:
        raise _Over

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGUSR1, over)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # a second one is of no use
        if before is not signal.SIG_DFL:
            signal.signal(signal.SIGUSR1, before)


def this_job() -> tuple[str, str]:
    """Return number and name of the SLURM job of ours that this process is part of; empty in no such job."""
    number, name = os.environ.get("SLURM_JOB_ID", ""), os.environ.get("SLURM_JOB_NAME", "")
    return (number, name) if number and name.startswith(PREFIX) else ("", "")


def _claim(directory: Path, say: Say) -> Stage | str | None:
    """Return the stage of this job, why it is not to run, or None where this is no job of a ledger."""
    number, name = this_job()
    if not number:
        return None
    with locked(directory, PATIENCE):
        ledger = read_ledger(directory)
        if ledger is None:
            return None
        stage = next((one for one in ledger.stages if ledger.job_name(one) == name), None)
        if stage is None:
            return f"{name} was replaced by another job"
        if stage.state not in ("sending", "sent"):
            return f"{stage.name} is {stage.state}"
        earlier = ledger.stages[: ledger.stages.index(stage)]
        open_ones = [one for one in earlier if one.state in GOING_ON]
        if open_ones:
            write_ledger(directory, _put_back(directory, ledger, stage, open_ones, say))
            return f"{stage.name} waits for {open_ones[0].name}"
        ledger = ledger.changed(stage.name, state="sent", job_id=number, reason="")
        write_ledger(directory, ledger)
        return ledger.stage(stage.name)


def _end(directory: Path, stage: Stage, with_following: bool, say: Say) -> None:
    """Note that a stage has ended, or that all have, and take the jobs of the others out of the queue."""
    with locked(directory, PATIENCE):
        ledger = read_ledger(directory)
        if ledger is None:
            return
        place = [one.name for one in ledger.stages].index(stage.name)
        ending = ledger.stages[place:] if with_following else ledger.stages[place : place + 1]
        waiting = [one.job_id for one in ending[1:] if one.state == "sent"]
        for one in ending:
            ledger = ledger.changed(one.name, state="ended", reason="")
        write_ledger(directory, ledger)
    try:
        slurm.cancel(waiting)
    except SubmissionError as error:  # they will find that there is nothing to do
        say(error.reason)


def _put_back(
    directory: Path, ledger: Submission, stage: Stage, earlier: Sequence[Stage], say: Say
) -> Submission:
    """Hold a stage whose turn it is not yet, and send earlier ones again whose jobs went away."""
    ledger = ledger.changed(stage.name, state="held", reason=f"waits for {earlier[0].name}")
    try:
        jobs = slurm.queue()
    except SubmissionError as error:
        say(error.reason)
        return ledger
    for one in earlier:
        if one.state != "sent" or job_of(ledger, one, jobs) is not None:
            continue
        if one.attempt < ledger.max_attempts:
            reason = f"job {one.job_id} went away without a word"
            say(f"{one.name}: {reason}")
            ledger = ledger.changed(one.name, state="held", reason=reason)
        else:
            reason = f"{one.attempt} jobs went away without a word"
            ledger = ledger.changed(one.name, state="failed", reason=reason)
            remedy = f"Look into {directory / 'jobs'}, then discover retry {ledger.candidate}."
            _fail(directory, one.steps, reason, remedy)
    return ledger


def _again(directory: Path, name: str, request: Request, progress: bool, say: Say) -> str:
    """Send a stage again whose time is over and return the number of its job; empty where that is no use."""
    sent = ""
    with locked(directory, PATIENCE) as lock:
        ledger = read_ledger(directory)
        if ledger is None or ledger.stage(name).state != "sent":  # cancelled in between
            return ""
        stage = ledger.stage(name)
        count = 1 if progress else stage.walltimes + 1
        if count >= ledger.max_attempts:
            often = "once" if count == 1 else f"{count} times"
            reason = f"the walltime of {stage.resources.walltime} was reached {often}"
            write_ledger(directory, ledger.changed(name, state="failed", walltimes=count, reason=reason))
            remedy = f"Ask for more in {ledger.cluster}, then discover retry {ledger.candidate}."
            _fail(directory, stage.steps, reason, remedy)
            say(reason)
        else:
            ledger = ledger.changed(name, state="held", walltimes=count, reason="the walltime was reached")
            write_ledger(directory, ledger)
            try:
                # Behind this job: what it has not in its own hand is gone only when it is.
                sent = send_locked(directory, ledger, name, this_job()[0], lock).job_id
            except SubmissionError as error:
                say(f"{error.reason}. {error.remedy}")
            else:
                _rechain(ledger, name, sent, say)
    if not sent:
        _go_on(directory, say)
    return sent


def _rechain(ledger: Submission, name: str, number: str, say: Say) -> None:
    """Let the job after a stage wait for its new job; should that not work, it is put back when it starts."""
    place = [stage.name for stage in ledger.stages].index(name)
    for following in ledger.stages[place + 1 : place + 2]:
        if following.state == "sent":
            try:
                slurm.rechain(following.job_id, number)
            except SubmissionError as error:
                say(error.reason)


def _fail(directory: Path, steps: Sequence[str], reason: str, remedy: str) -> None:
    """Write the failure of the step that was at work; what it has come to stays, for a retry to go on."""
    request = read_request(directory).model_copy(update={"directory": str(directory)})
    for step in steps:
        place = step_directory(request, step)
        if (place / INPUTS).is_file() and not (place / RESULT).is_file():
            failed = StepResult(
                name=step,
                state="failed",
                reason=reason,
                remedy=remedy,
                directory=str(place),
                inputs=begun_with(place),
            )
            write_text(place / RESULT, failed.model_dump_json(indent=2) + "\n")
            return


def _go_on(directory: Path, say: Say) -> Report | None:
    """Send what waited for room in the queue; whatever hinders that, the next one does it."""
    try:
        report = top_up(directory.parent, ending=this_job()[0], patience=PATIENCE)
    except (SubmissionError, OSError) as error:
        say(str(error))
        return None
    if report.refused:
        say(report.refused)
    return report
