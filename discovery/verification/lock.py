"""One process at a time in a candidate's directory, and whether there is one."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from discovery.verification.engines import StepError

LOCK = ".lock"

PATIENCE = 1.0
"""Seconds for which the lock is asked for: whoever looks whether it is held holds it for a moment."""


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Keep a second process out: it would empty the directory of the step that this one runs.

    Raises:
        StepError: another one is at work.
    """
    with (directory / LOCK).open("w") as lock:
        if not taken(lock, PATIENCE):
            raise StepError(f"another process is at work in {directory}", "Wait for it, or end it.")
        yield


def taken(file: IO[str], patience: float) -> bool:
    """Ask for the lock of an open file, for ``patience`` seconds at most, and return whether it is ours."""
    until = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.05)
        else:
            return True


def at_work(directory: Path) -> bool:
    """Return whether a process runs the verification in this directory.

    On a file system that does not carry locks from one machine to another it sees those of this one only.
    """
    try:
        with (directory / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
