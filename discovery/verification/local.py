"""Run verifications on this machine."""

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.verification.flow import VerificationMaker, write_request
from discovery.verification.lock import alone
from discovery.verification.results import Request

if TYPE_CHECKING:
    from candidates.verification import Verification


@dataclass(frozen=True)
class Event:
    """What a step has to tell.

    Attributes:
        candidate: its id.
        step: its name.
        state: a `StepState`.
        seconds: wall time of a finished step.
        reason: why it ended as it did.
        kept: the result is that of an earlier run.
        numbers: what it found.
    """

    candidate: str
    step: str
    state: str
    seconds: float | None
    reason: str
    kept: bool
    numbers: dict[str, float]


@contextmanager
def watched(tell: Callable[[Event], None] | None) -> Iterator[None]:
    """Tell of every step that begins or ends in this process."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if tell is not None and hasattr(record, "step"):
                tell(Event(**{name: getattr(record, name) for name in Event.__dataclass_fields__}))

    logger = logging.getLogger("discovery.verification")
    handler, level, disabled = Handler(), logger.level, logger.disabled
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.disabled = False  # dictConfig of a host program, jobflow-remote for one, disables whatever exists
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.disabled = disabled


@contextmanager
def ended_gently() -> Iterator[None]:
    """Let SIGTERM end a run as Ctrl-C does, or the program that a step waits for would run on alone."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only that one may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def run_steps(
    request: Request, tell: Callable[[Event], None] | None = None, steps: Collection[str] | None = None
) -> None:
    """Run steps of a verification that is written down; see `run_here`.

    Args:
        request: what to do; its directory holds it.
        tell: called when a step begins and when it ends. What it raises ends the run.
        steps: those to run, earlier ones being as they are; all without it.

    Raises:
        StepError: another process is at work there.
    """
    from jobflow import JobStore, run_locally
    from maggma.stores import MemoryStore

    directory = Path(request.directory)
    with alone(directory), ended_gently(), watched(tell), warnings.catch_warnings():
        # jobflow changes directories by a function of monty that is on its way out.
        warnings.filterwarnings("ignore", category=FutureWarning, module="jobflow")
        run_locally(
            VerificationMaker().make(request, steps),
            log=False,
            store=JobStore(MemoryStore()),
            root_dir=directory,
            raise_immediately=True,
        )


def run_here(request: Request, tell: Callable[[Event], None] | None = None) -> "Verification":
    """Run a verification's Flow in this process and return what it came to.

    Finished steps are on disk as soon as they end, so whatever ends this process costs one step at most.

    Args:
        request: what to do; its directory is made.
        tell: called when a step begins and when it ends.

    Raises:
        StepError: its directory holds something else, or another process is at work there.
    """
    from discovery.verification.collect import collect

    request = write_request(request)
    run_steps(request, tell)
    return collect(Path(request.directory))
