import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from xbert.parallel import WorkerError, in_parallel


def square(number: int) -> int:
    return number * number


def die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order(workers: int) -> None:
    assert list(in_parallel(square, range(20), workers)) == [n * n for n in range(20)]


def test_few_items_are_drawn_ahead() -> None:
    drawn = []

    def items():
        for n in range(100):
            drawn.append(n)
            yield n

    results = in_parallel(square, items(), 2)
    assert next(results) == 0
    assert len(drawn) <= 6
    results.close()


def test_a_killed_worker_is_told_with_its_remedy() -> None:
    with pytest.raises(WorkerError, match="--workers 1"):
        list(in_parallel(die, range(6), 2))


def test_an_error_in_a_worker_comes_here() -> None:
    with pytest.raises(TypeError):
        list(in_parallel(square, [1, "x", None, 4], 2))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        "import itertools, multiprocessing\n"
        "from xbert.parallel import in_parallel\n"
        "if __name__ == '__main__':\n"
        "    for _ in in_parallel(abs, itertools.count(), 2):\n"
        "        print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(workers) == 2
    end = time.monotonic() + 20
    while (left := [pid for pid in workers if _running(pid)]) and time.monotonic() < end:
        time.sleep(0.05)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []


def _running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
