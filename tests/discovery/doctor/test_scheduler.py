"""A cluster's queue as the doctor sees it: scripts in the place of its commands, and a real SLURM."""

import time
from pathlib import Path

import pytest

from discovery.doctor import scheduler
from tests.discovery.doctor.test_programs import Put, put  # noqa: F401
from tests.slurm import Slurm

SINFO = 'if [ "$2" = --format=%P ]; then echo "main*"; echo big; else echo "main|up|4"; echo "big|down|1"; fi'


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cluster.yaml"
    monkeypatch.setenv("DISCOVER_CLUSTER", str(path))
    return path


def test_nothing_there_is_no_fault(put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("DISCOVER_CLUSTER", raising=False)
    for check in (scheduler.queue(), scheduler.clock(), scheduler.cluster_file()):
        assert check.state == "missing"
        assert check.remedy


def test_queue(put: Put) -> None:  # noqa: F811
    put("sinfo", SINFO)
    put("squeue", "echo 7; echo 8")
    check = scheduler.queue(20)
    assert (check.state, check.found) == ("ok", "2 jobs of yours; partitions up: main")
    put("sinfo", "echo 'main|down|4'")
    assert scheduler.queue(20).state == "warning"
    put("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    check = scheduler.queue(20)
    assert check.state == "broken"
    assert "Unable to contact" in check.found


@pytest.mark.parametrize(("off", "state"), [(0, "ok"), (-3600, "warning"), (40, "warning")])
def test_clock(put: Put, off: int, state: str) -> None:  # noqa: F811
    put(
        "scontrol",
        f'[ "$SLURM_TIME_FORMAT" = %s ] && echo "Configuration data as of {time.time() + off:.0f}"',
    )
    check = scheduler.clock(20)
    assert check.state == state
    if off:
        assert ("ahead of" if off > 0 else "behind") in check.found


def test_clock_that_is_not_told(put: Put) -> None:  # noqa: F811
    put("scontrol", "echo nothing")
    assert scheduler.clock(20).state == "warning"


@pytest.mark.parametrize(
    ("text", "state", "said"),
    [
        ("resources: {partition: main}", "ok", "main"),
        ("resources: {partition: 'main,big'}", "ok", "big, main"),
        ("{}", "ok", "default partition"),
        ("resources: {partition: main}\nsteps: {wannier: {partition: fat}}", "broken", "no partition fat"),
        ("resources: {partitoin: main}", "broken", "did you mean partition"),
    ],
)
def test_cluster_file(put: Put, file: Path, text: str, state: str, said: str) -> None:  # noqa: F811
    put("sinfo", SINFO)
    file.write_text(text)
    check = scheduler.cluster_file(20)
    assert check.state == state
    assert said in check.found


def test_no_partition_named_and_no_default(put: Put, file: Path) -> None:  # noqa: F811
    put("sinfo", "echo main")
    file.write_text("{}")
    assert "no default" in scheduler.cluster_file(20).found


@pytest.mark.slow
def test_real_slurm(slurm: Slurm, file: Path) -> None:
    file.write_text("resources: {partition: main}")
    for check in (scheduler.queue(20), scheduler.clock(20), scheduler.cluster_file(20)):
        assert check.state == "ok", check
    file.write_text("resources: {partition: main}\nengines: {vasp: {partition: big}}")
    assert scheduler.cluster_file(20).state == "broken"
