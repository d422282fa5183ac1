"""What goes wrong on a cluster, done to jobs on a real SLURM; the program is a stand-in: plumbing.

After each fault: nothing that has finished runs again, nothing is lost, and the state shown is true.
"""

import os
import signal
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from candidates.store import Store
from candidates.verifications import newest_verification, verifications
from discovery.settings import get_settings
from tests.discovery.submission.conftest import PROGRAM_STEPS, SUBMIT, Bench

pytestmark = pytest.mark.slow

LONG = "exec sleep 300"
"""Order for a program that does not end by itself."""


def once_then(order: str, step: str) -> str:
    """Return an order that is obeyed the first time the step is run, and forgotten then."""
    return f'rm -f "$FAKE_PW/{step}"\n{order}'


def test_submitted_queued_run_collected(bench: Bench) -> None:
    bench.submit()
    bench.wait_done()
    assert bench.started() == Counter(PROGRAM_STEPS)
    bench.discover("collect")
    store = Store(get_settings().resolved_store_url)
    record = newest_verification(store, bench.folder.name)
    assert record.verdict is not None
    assert record.verdict.topology == "strong TI"
    bench.submit()
    assert not bench.slurm.queue(), "what is done is not sent again"
    bench.discover("collect")
    assert len(verifications(store, bench.folder.name)) == 1


def test_job_killed_in_mid_step(bench: Bench) -> None:
    bench.order("bands_soc", once_then(LONG, "bands_soc"))
    bench.submit()
    bench.wait_started("bands_soc")
    assert bench.status()["state"] == "running"
    (job,) = bench.slurm.queue()
    bench.slurm.call("scancel", "--signal=KILL", "--full", job)
    bench.slurm.wait_empty()
    assert bench.wait_state("lost")["step"] == "bands_soc"
    assert bench.finished() == Counter(PROGRAM_STEPS[:3])
    bench.retry()
    bench.wait_done()
    assert bench.started() == Counter((*PROGRAM_STEPS, "bands_soc"))


def test_program_killed_in_mid_step(bench: Bench) -> None:
    bench.order("bands_soc", once_then(LONG, "bands_soc"))
    bench.submit()
    bench.wait_started("bands_soc")
    os.kill(int((bench.orders / "bands_soc.pid").read_text()), signal.SIGKILL)
    bench.slurm.wait_empty()
    row = bench.status()
    assert (row["state"], row["step"]) == ("failed", "bands_soc")
    assert "status -9" in row["error"]
    bench.retry()
    bench.wait_done()
    assert bench.started()["static_soc"] == 1


@pytest.mark.parametrize("deaf", [False, True], ids=["stops by itself", "is told by SLURM"])
def test_walltime_hit_and_gone_on(bench: Bench, monkeypatch: pytest.MonkeyPatch, deaf: bool) -> None:
    """The program sees the deadline coming, or is ended when SLURM sends its signal, up to a minute early."""
    if deaf:
        monkeypatch.setenv("FAKE_PW_DEAF", "1")
    bench.cluster(margin=60, resources={"walltime": "2:00"})
    bench.order("static_soc", once_then(LONG, "static_soc"))
    bench.submit()
    bench.wait_started("static_soc")
    bench.wait_done(300)
    assert bench.started() == Counter((*PROGRAM_STEPS, "static_soc"))


def test_walltime_hit_too_often(bench: Bench) -> None:
    bench.cluster(margin=60, max_attempts=1, resources={"walltime": "2:00"})
    bench.order("static_soc", once_then(LONG, "static_soc"))
    bench.submit()
    bench.wait_started("static_soc")
    bench.slurm.wait_empty(300)
    row = bench.status()
    assert row["state"] == "failed"
    assert "walltime" in row["error"]
    bench.retry()
    bench.wait_done()
    assert bench.started()["static"] == 1


def test_node_drained_before_the_job_runs(bench: Bench) -> None:
    bench.slurm.drain("disks are exchanged")
    bench.submit()
    bench.slurm.wait(lambda: any(r not in ("None", "Priority") for _, r in bench.slurm.queue().values()), 30)
    row = bench.status()
    assert row["state"] == "queued"
    assert row["error"], "why it waits is said"
    bench.slurm.resume()
    bench.wait_done()
    assert bench.started() == Counter(PROGRAM_STEPS)


def test_node_drained_while_the_job_runs(bench: Bench) -> None:
    bench.order("bands_soc", once_then("sleep 5", "bands_soc"))
    bench.submit()
    bench.wait_started("bands_soc")
    bench.slurm.drain()
    assert bench.status()["state"] == "running"
    bench.wait_done()
    assert bench.started() == Counter(PROGRAM_STEPS)


def test_node_goes_down_with_the_job(bench: Bench) -> None:
    bench.order("bands_soc", once_then(LONG, "bands_soc"))
    bench.submit()
    bench.wait_started("bands_soc")
    bench.slurm.call("scontrol", "update", "NodeName=localhost", "State=DOWN", "Reason=power")
    bench.slurm.wait(lambda: all(state != "RUNNING" for state, _ in bench.slurm.queue().values()), 60)
    row = bench.status()
    assert row["state"] in ("queued", "lost"), "SLURM puts the job back, or drops it"
    bench.slurm.resume()
    if row["state"] == "lost":
        bench.retry()
    for job in bench.slurm.queue():  # SLURM lets a job that was put back wait for two minutes
        bench.slurm.call("scontrol", "update", f"JobId={job}", "StartTime=now")
    bench.wait_done(240)
    assert bench.started() == Counter((*PROGRAM_STEPS, "bands_soc"))


@pytest.fixture
def small_disk(bench: Bench) -> Iterator[Path]:
    """A file system of two megabytes where verifications run."""
    place = bench.place / "verifications"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no tmpfs can be mounted: {done.stderr.strip()}")
    yield place
    bench.slurm.clear()
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_disk_full(bench: Bench, small_disk: Path) -> None:
    bench.order(
        "static_soc", once_then(f"dd if=/dev/zero of={small_disk}/filler bs=4k; exit 2", "static_soc")
    )
    bench.submit()
    bench.slurm.wait_empty()
    assert (small_disk / "filler").stat().st_size > 1_000_000
    assert bench.wait_state("lost")["step"] == "static_soc"
    assert "No space left on device" in bench.discover("logs", bench.folder.name).stdout
    (small_disk / "filler").unlink()
    bench.retry()
    bench.wait_done()
    assert bench.started()["static"] == 1


def test_two_collectors_at_once(bench: Bench) -> None:
    bench.submit()
    bench.wait_done()
    runs = [
        subprocess.Popen(bench.command("collect"), cwd=bench.place, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for run in runs:
        assert run.wait(120) == 0, run.stderr and run.stderr.read()
        assert run.stderr is not None
        run.stderr.close()
    store = Store(get_settings().resolved_store_url)
    assert len(verifications(store, bench.folder.name)) == 1


def test_store_locked(bench: Bench, tmp_path: Path) -> None:
    bench.submit()
    bench.wait_done()
    Store(get_settings().resolved_store_url).runs()
    other = sqlite3.connect(tmp_path / "store.sqlite", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    refused = bench.discover("collect", expect=1)
    assert "lock" in refused.stderr
    assert bench.status()["state"] == "done", "the folder has it all the same"
    other.execute("ROLLBACK")
    other.close()
    bench.discover("collect")
    store = Store(get_settings().resolved_store_url)
    assert newest_verification(store, bench.folder.name).state == "verified"


def test_program_missing_on_the_node(bench: Bench) -> None:
    bench.cluster(environment={"PATH": "/usr/bin:/bin"})
    bench.submit()
    bench.slurm.wait_empty()
    row = bench.status()
    assert row["state"] == "failed"
    assert "fake-pw.x is not installed" in row["error"]
    assert row["remedy"]
    bench.cluster()
    bench.retry()
    bench.wait_done()


def test_python_missing_on_the_node(bench: Bench) -> None:
    bench.cluster(python="/nowhere/bin/python")
    bench.submit()
    bench.slurm.wait_empty()
    bench.wait_state("lost")
    assert "/nowhere/bin/python" in bench.discover("logs", bench.folder.name).stdout
    bench.cluster()
    bench.retry()
    bench.wait_done()


@pytest.mark.parametrize(
    "wrong",
    [": > fake-pw.answer", r"printf '\xff\xfe\x00' > fake-pw.answer"],
)
def test_corrupt_output(bench: Bench, wrong: str) -> None:
    bench.order("static_soc", once_then(wrong, "static_soc"))
    bench.submit()
    bench.slurm.wait_empty()
    row = bench.status()
    assert (row["state"], row["step"]) == ("failed", "static_soc")
    assert "static_soc" in row["error"]
    bench.retry()
    bench.slurm.wait_empty()
    assert bench.status()["verdict"] == "strong TI"
    assert bench.started() == Counter((*PROGRAM_STEPS, "static_soc"))


def test_corrupt_result(bench: Bench) -> None:
    """A file that a broken disk cut off."""
    bench.submit()
    bench.wait_done()
    result = next(bench.folder.glob("*-parities")) / "result.json"
    result.write_text(result.read_text()[:100])
    row = bench.status()
    assert (row["state"], row["step"]) == ("damaged", "parities")
    bench.discover("collect", expect=1)
    bench.retry("--from", "parities")
    bench.slurm.wait_empty()
    assert bench.status()["state"] == "done"
    assert bench.started() == Counter((*PROGRAM_STEPS, "parities"))


@pytest.mark.parametrize("sent", [False, True], ids=["before sbatch", "after sbatch"])
def test_laptop_gone_during_submission(bench: Bench, tmp_path: Path, sent: bool) -> None:
    """The process that submits is killed when it has begun to call sbatch, or before it hears the answer."""
    real = subprocess.run(["which", "sbatch"], capture_output=True, text=True, check=True).stdout.strip()
    broken = tmp_path / "broken"
    broken.mkdir()
    call = f'{real} "$@" > /dev/null\n' if sent else ""
    (broken / "sbatch").write_text(f"#!/bin/bash\n{call}kill -KILL $PPID\n")
    (broken / "sbatch").chmod(0o755)
    bench.slurm.drain()
    bench.submit(-signal.SIGKILL, PATH=f"{broken}:{os.environ['PATH']}")
    assert len(bench.slurm.queue()) == int(sent)
    assert bench.status()["state"] in ("queued", "held", "lost")
    bench.submit()
    assert len(bench.slurm.queue()) == 1
    bench.submit()
    assert len(bench.slurm.queue()) == 1
    bench.slurm.resume()
    bench.wait_done()
    assert bench.started() == Counter(PROGRAM_STEPS)


def test_submitted_twice_at_once(bench: Bench) -> None:
    bench.slurm.drain()
    runs = [subprocess.Popen(bench.command("verify", *SUBMIT), cwd=bench.place) for _ in range(2)]
    assert [run.wait(120) for run in runs] == [0, 0]
    assert len(bench.slurm.queue()) == 1
    bench.slurm.resume()
    bench.wait_done()
    assert bench.started() == Counter(PROGRAM_STEPS)
