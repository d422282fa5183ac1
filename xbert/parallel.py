"""Ordered work on several processes that hold little, and that end when their parent is killed."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from multiprocessing import get_context, parent_process
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


class WorkerError(RuntimeError):
    """A worker process was ended from outside."""


def in_parallel(function: Callable[[T], R], items: Iterable[T], workers: int) -> Iterator[R]:
    """Apply ``function`` to ``items`` on ``workers`` processes and yield the results in order.

    Only a few items are held at a time. With one worker, or one item, the work is done here.

    Raises:
        WorkerError: if a process was killed, most likely for want of memory.
    """
    remaining = iter(items)
    first = list(islice(remaining, 2))
    if workers <= 1 or len(first) < 2:  # processes take a second to start
        yield from map(function, chain(first, remaining))
        return
    # Fresh processes: forking one with the threads of torch or of a progress display is not safe.
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_follow_the_parent) as pool:
        pending: deque[Future[R]] = deque()
        try:
            for item in chain(first, remaining):
                pending.append(pool.submit(function, item))
                if len(pending) > 2 * workers:  # enough to keep all busy, and no more in memory
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BrokenProcessPool as error:
            raise WorkerError(
                "a worker process was ended from outside, perhaps for want of memory; run the same command "
                "again, it goes on where it stopped, or use --workers 1"
            ) from error
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _follow_the_parent() -> None:
    """Leave Ctrl-C to the parent, which ends the pool; end when the parent was killed and cannot.

    One thread a process: threads of several processes that wait for the same cores are many times slower.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_the_parent, daemon=True).start()


def _end_with_the_parent() -> None:
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)
