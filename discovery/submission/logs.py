"""Which files tell how a step went: what its programs wrote, and the log of the job it ran in."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from discovery.submission import SubmissionError
from discovery.submission.ledger import PREFIX, Submission, read_ledger
from discovery.submission.script import FOLDER
from discovery.submission.status_steps import Steps, read_steps
from discovery.verification.results import step_directory

OUTPUTS = (
    "traceback.txt",
    "*.werr",
    "CRASH",
    "*.out",
    "*.wout",
    "wt.log",
    "std_err.txt",
    "OSZICAR",
)
"""Patterns of files that programs tell their story in."""

LONGEST = 1 << 20
"""Bytes at the end of a file that are looked at for its last lines."""


@dataclass(frozen=True)
class Logs:
    """Files of one step.

    Attributes:
        step: its name.
        outputs: of its programs, the latest first.
        job: log of the job that it ran, or will run, in; None where there is none yet.
    """

    step: str
    outputs: tuple[Path, ...] = ()
    job: Path | None = None


def find_logs(directory: Path, step: str | None = None) -> Logs:
    """Return the files that tell of a step.

    Args:
        directory: of a candidate.
        step: the one at work without it, or the one that failed, or the last that has ended.

    Raises:
        StepError: there is no such step, or a file of the candidate cannot be read.
    """
    steps = read_steps(directory)
    if step is not None and step not in steps.planned:
        raise SubmissionError(
            f"{steps.request.candidate_id} has no step {step!r}", f"It has {', '.join(steps.planned)}."
        )
    name = step or telling_step(steps)
    return Logs(
        name, _outputs(step_directory(steps.request, name)), _job_log(directory, read_ledger(directory), name)
    )


def telling_step(steps: Steps) -> str:
    """Return the step whose output says most about where the candidate stands."""
    if steps.damaged:
        return next(iter(steps.damaged))
    if steps.begun and not steps.over:
        return max(steps.begun.items(), key=lambda item: item[1])[0]
    if steps.failed:
        return steps.failed[0]
    return [*steps.planned[:1], *steps.ended][-1]


def _outputs(place: Path) -> tuple[Path, ...]:
    """Return the outputs below a step's folder that say something, the latest first."""
    found: dict[Path, float] = {}
    for pattern in OUTPUTS:
        for path in (*place.glob(pattern), *place.glob(f"*/{pattern}")):
            if path.is_file() and (facts := path.stat()).st_size:
                found[path] = facts.st_mtime
    return tuple(sorted(found, key=lambda path: (-found[path], path.name)))


def _job_log(directory: Path, ledger: Submission | None, step: str) -> Path | None:
    """Return the log of the latest job that was sent for a step."""
    stage = ledger.stage_of(step) if ledger else None
    if ledger is None or stage is None:
        return None
    number = stage.name.partition("-")[0]
    logs = (directory / FOLDER).glob(f"{PREFIX}{ledger.candidate}-*-{number}.*.log")
    return max(logs, key=lambda path: (path.stat().st_mtime, path.name), default=None)


def last_lines(path: Path, count: int) -> list[str]:
    """Return the last lines of a text file, of a large one without reading all of it.

    Args:
        path: the file.
        count: at most so many.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LONGEST))
        text = file.read().decode("utf-8", errors="replace")
    lines = text.splitlines()
    return lines[-count:] if count else []


def follow(
    find: Callable[[], Sequence[Path]], goes_on: Callable[[], bool], pause: float = 0.5
) -> Iterator[tuple[Path, str]]:
    """Give what is written to files from now on, as it comes, until it ends.

    Args:
        find: returns the files, which may be others from time to time.
        goes_on: whether more may come.
        pause: seconds between two looks.

    Yields:
        File and whole new lines of it.
    """
    read: dict[Path, int] = {path: path.stat().st_size for path in find() if path.exists()}
    while True:
        last_look = not goes_on()
        for path in find():
            start = read.get(path, 0)
            try:
                with path.open("rb") as file:
                    size = file.seek(0, 2)
                    start = 0 if size < start else start  # the step began anew
                    file.seek(start)
                    new = file.read()
            except FileNotFoundError:
                continue
            whole = len(new) if last_look else new.rfind(b"\n") + 1
            read[path] = start + whole
            if whole:
                yield path, new[:whole].decode("utf-8", errors="replace")
        if last_look:
            return
        time.sleep(pause)
