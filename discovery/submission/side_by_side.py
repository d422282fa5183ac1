"""Several verifications at once on this machine, each in a process of its own."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass

from discovery.submission import SubmissionError
from discovery.verification.engines import StepError
from discovery.verification.flow import write_request
from discovery.verification.local import Event, ended_gently
from discovery.verification.results import Request

LISTEN = 5.0
"""Seconds for which what a process has said is read after its end."""

Told = Callable[[Request, Event], None]


@dataclass(frozen=True)
class Ended:
    """A verification whose process has ended.

    Attributes:
        request: what was asked for.
        error: why it could not be run; None where it was, however its steps ended.
    """

    request: Request
    error: StepError | None


class _Processes:
    """Those at work, to be ended together."""

    def __init__(self) -> None:
        self._all: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self.over = False

    def start(self, command: Sequence[str]) -> subprocess.Popen[str] | None:
        with self._lock:
            if self.over:
                return None
            # In a session of its own: Ctrl-C reaches it once, through `end`.
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._all.add(process)
            return process

    def forget(self, process: subprocess.Popen[str]) -> None:
        with self._lock:
            self._all.discard(process)

    def end(self) -> None:
        with self._lock:
            self.over = True
            for process in self._all:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)  # with programs that it has not in its own hand


def run(requests: Sequence[Request], jobs: int, told: Told) -> Iterator[Ended]:
    """Run verifications, so many at once, and yield each as it ends.

    What ends one, a program that takes all memory included, does not end the others.

    Args:
        requests: what to do; their directories are made.
        jobs: processes at once.
        told: called when a step begins or ends, from several threads.

    Raises:
        KeyboardInterrupt: after all processes have ended; finished steps are kept.
    """
    processes = _Processes()

    def one(request: Request) -> Ended:
        try:
            write_request(request)
            _run(request, processes, told)
        except StepError as error:
            return Ended(request, error)
        except OSError as error:
            return Ended(request, SubmissionError(f"{error.filename}: {error.strerror}", "Look at the disk."))
        return Ended(request, None)

    with ended_gently(), ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(one, request) for request in requests]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.end()
            raise


def _run(request: Request, processes: _Processes, told: Told) -> None:
    process = processes.start([sys.executable, "-m", "discovery", "work", request.directory, "--json"])
    if process is None:
        return
    words: list[str] = []

    def listen(lines: Iterable[str]) -> None:
        for line in lines:
            with suppress(ValueError, TypeError):
                told(request, Event(**json.loads(line)))

    assert process.stdout is not None
    assert process.stderr is not None
    readers = [
        threading.Thread(target=listen, args=(process.stdout,), daemon=True),
        threading.Thread(target=words.extend, args=(process.stderr,), daemon=True),
    ]
    for reader in readers:
        reader.start()
    code = process.wait()
    for reader in readers:
        reader.join(LISTEN)  # a program that was left behind may hold the pipe open
    processes.forget(process)
    if code in (0, 3) or processes.over:
        return
    said = [line.strip() for line in words if line.strip()]
    if code < 0:
        raise SubmissionError(
            f"its process was ended by signal {-code}", "Memory may have run out. Finished steps are kept."
        )
    # `refuse` prints the reason and then the remedy.
    reason, remedy = (said[-2], said[-1]) if len(said) > 1 else (said[-1] if said else f"status {code}", "")
    raise SubmissionError(reason, remedy)
