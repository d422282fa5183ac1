"""Run a job under custodian, and turn what it gives up into a reason and a remedy."""

import logging
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from custodian.custodian import Custodian, CustodianError, ErrorHandler, Job, Validator

from discovery.verification.engines import StepError

MAX_CORRECTIONS = 12
"""All handlers together; each has its own, smaller number."""


def supervise(
    job: Job,
    directory: Path,
    handlers: Sequence[ErrorHandler],
    validators: Sequence[Validator],
    stream: str,
    polling_s: float = 1.0,
) -> tuple[str, ...]:
    """Run a job until it ends well and return what was retried, one sentence each.

    Args:
        job: what to run.
        directory: where.
        handlers: in the order in which they are asked; a correction they cannot make may carry a ``remedy``
            and an ``advice`` (see `StepError`).
        validators: what a good end is.
        stream: file in ``directory`` that holds the program's standard output and error.
        polling_s: how often a handler that watches the run looks at it, in s.

    Raises:
        StepError: with the program's words, what was tried, and the handler's remedy.
    """
    custodian = Custodian(
        list(handlers),
        [job],
        list(validators),
        max_errors=MAX_CORRECTIONS,
        polling_time_step=polling_s,
        monitor_freq=1,
        directory=str(directory),
    )
    # What it logs stands in custodian.json and in what is raised here.
    logger = logging.getLogger("custodian")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        custodian.run()
    except CustodianError as error:
        raise _failure(job, directory, custodian.run_log, error, stream) from None
    finally:
        logger.setLevel(level)
    return tuple(action for entry in _corrections(custodian.run_log) for action in entry["actions"])


def find_command(command: Sequence[str], remedy: str) -> tuple[str, ...]:
    """Return a command with its program's path.

    Raises:
        StepError: it is not installed; with the remedy given.
    """
    program = shutil.which(command[0])
    if program is None:
        raise StepError(f"{command[0]} is not installed", remedy)
    return (program, *command[1:])


def _corrections(run_log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [entry for attempt in run_log for entry in attempt["corrections"]]


def _failure(
    job: Job, directory: Path, run_log: list[dict[str, Any]], error: CustodianError, stream: str
) -> StepError:
    corrections = _corrections(run_log)
    tried = [action for entry in corrections for action in entry["actions"] or []]
    note = f"; tried: {'; '.join(tried)}" if tried else ""
    if corrections and not corrections[-1]["actions"]:
        last = corrections[-1]
        reason = f"{job.name}: {', '.join(last['errors'])}{note}"
        return StepError(reason, last.get("remedy", ""), last.get("advice", ""))
    path, words = directory / stream, ""
    if path.is_file():
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
        said = [line.strip() for line in lines if line.strip() and "examine the output" not in line]
        words = f": {said[-1]}" if said else ""
    return StepError(f"{job.name} in {directory}: {error.message}{words}{note}", f"Look at {stream} there.")
