"""``discover verify`` of several crystals, side by side or to a queue on paper; stand-ins run: plumbing."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner, Result

from candidates.store import Store
from candidates.verifications import newest_verification
from discovery.cli.main import app
from discovery.settings import get_settings
from tests.discovery.submission.paper_queue import PaperQueue, paper

__all__ = ["paper"]

REPOSITORY = Path(__file__).parents[3]
STAND_IN = REPOSITORY / "tests/discovery/submission/stand_in"
FAST = ("--preset", "fast", "--no-relax", "--no-surface")
CLUSTER = "mpi: mpirun\nresources: {walltime: 1:00:00}\nengines: {espresso: {ranks: 4}}\n"


@pytest.fixture(autouse=True)
def crystals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three crystals: one of them has an odd number of electrons, one cannot be treated with +U on Po."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCOVER_CLUSTER", raising=False)
    monkeypatch.delenv("DISCOVER_VERIFICATIONS", raising=False)
    for name, a in (("Po", 4.0), ("Te", 3.9), ("Sb", 3.8)):
        Structure(Lattice.cubic(a), [name], [[0, 0, 0]]).to(filename=f"{name}.cif")
    Path("cluster.yaml").write_text(CLUSTER)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of orders for the program that runs instead of Quantum ESPRESSO in processes of their own."""
    orders = tmp_path / "orders"
    orders.mkdir()
    monkeypatch.setenv("FAKE_PW", str(orders))
    monkeypatch.setenv("PATH", f"{STAND_IN}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", f"{STAND_IN}{os.pathsep}{REPOSITORY}")
    return orders


def verify(*words: str) -> Result:
    return CliRunner().invoke(app, ["verify", *words, *FAST])


def said(result: Result) -> str:
    return " ".join(result.stderr.split())


def test_dry_run_shows_every_command_and_writes_nothing(tmp_path: Path, paper: PaperQueue) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = verify("Po.cif", "Te.cif", "--submit", "slurm", "--dry-run")
    assert done.exit_code == 0, done.output
    commands = re.findall(r"^sbatch .*", done.stdout, re.MULTILINE)
    assert len(commands) == 4
    assert [("--dependency=afterany:JOB_1" in command) for command in commands] == [False, True] * 2
    assert done.stdout.count("#!/bin/bash") == 2, "scripts of a second candidate differ in the candidate only"
    assert done.stdout.count("#SBATCH --ntasks=4\n") == 1
    assert sorted(path for path in tmp_path.rglob("*") if "store" not in path.name) == before
    assert paper.calls("sbatch") == []


def test_what_is_sent_is_what_the_dry_run_showed(paper: PaperQueue) -> None:
    shown = verify("Po.cif", "--submit", "slurm", "--dry-run").stdout
    done = verify("Po.cif", "--submit", "slurm")
    assert done.exit_code == 0, done.output
    (folder,) = Path("verifications").glob("*/")
    for script in folder.glob("jobs/*.sh"):
        assert script.read_text() in shown
    token = json.loads((folder / "submission.json").read_text())["token"]
    first, second = paper.calls("sbatch")
    assert first in shown.replace("TOKEN", token)
    assert second in shown.replace("TOKEN", token).replace("JOB_1", "101")


def test_submitting_twice_sends_once(paper: PaperQueue) -> None:
    assert verify("Po.cif", "--submit", "slurm").exit_code == 0
    again = verify("Po.cif", "Te.cif", "--submit", "slurm")
    assert again.exit_code == 0, again.output
    assert "1 candidate already in the queue" in said(again)
    assert len(paper.jobs) == 4


def test_a_refusal_does_not_stop_the_others(paper: PaperQueue) -> None:
    done = verify("Te.cif", "Po.cif", "--hubbard", "Po=2", "--engine", "vasp", "--submit", "slurm")
    assert done.exit_code == 1
    assert "names Po, which Te" in said(done)
    assert len(paper.jobs) == 1
    written = verify("Te.cif", "Po.cif", "--hubbard", "Po=2", "--engine", "vasp", "--write", "inputs")
    assert written.exit_code == 1
    assert len(list(Path("inputs").iterdir())) == 1


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["--submit", "local", "--dry-run"], "--dry-run is for a queue"),
        (["--submit", "local", "--cluster", "c.yaml"], "--cluster is for a queue"),
        (["--submit", "slurm", "--jobs", "2"], "max_jobs"),
        (["--submit", "slurm", "--parallel", "2"], "those of the cluster file"),
        (["--write", "a", "--jobs", "2"], "--submit local"),
        (["--submit", "slurm", "--cluster", "gone.yaml"], "gone.yaml: no such file"),
        (["--submit", "slurm", "--cluster", "wrong.yaml"], "did you mean max_jobs"),
    ],
)
def test_refusals(paper: PaperQueue, words: list[str], what: str) -> None:
    Path("wrong.yaml").write_text("max_job: 3")
    done = verify("Po.cif", *words)
    assert done.exit_code == 2
    assert what in said(done)
    assert not Path("verifications").exists()


def test_without_slurm_nothing_is_written(paper: PaperQueue) -> None:
    paper.sign("away")
    done = verify("Po.cif", "--submit", "slurm")
    assert done.exit_code == 1
    assert "Unable to contact slurm controller" in said(done)
    assert not Path("verifications").exists()


def test_no_room_is_no_fault(paper: PaperQueue) -> None:
    Path("cluster.yaml").write_text(f"max_jobs: 1\n{CLUSTER}")
    done = verify("Po.cif", "Te.cif", "--submit", "slurm")
    assert done.exit_code == 0
    assert "3 jobs wait here" in said(done)


def test_a_refusal_of_slurm_is_told_once(paper: PaperQueue) -> None:
    sign = paper.sign("refuse", "sbatch: error: Batch job submission failed: Invalid account\n")
    done = verify("Po.cif", "Te.cif", "--submit", "slurm")
    assert done.exit_code == 1
    assert said(done).count("Invalid account") == 1
    sign.unlink()
    assert verify("Po.cif", "Te.cif", "--submit", "slurm").exit_code == 0
    assert len(paper.jobs) == 4


def test_side_by_side(stand_in: Path) -> None:
    (stand_in / "static").write_text('rm -f "$FAKE_PW/static"; kill -KILL $PPID; sleep 60\n')
    done = verify("Po.cif", "Te.cif", "Sb.cif", "--submit", "local", "--jobs", "2")
    assert done.exit_code == 1, done.output
    assert "its process was ended by signal 9" in said(done), "one is killed"
    assert "stopped static" in said(done), "Sb has an odd number of electrons"
    assert said(done).count("verified strong TI") == 1, "and the third goes on"
    again = verify("Po.cif", "Te.cif", "--submit", "local", "--jobs", "2")
    assert again.exit_code == 0, again.output
    assert said(again).count("verified strong TI") == 2
    store = Store(get_settings().resolved_store_url)
    folders = [path for path in Path("verifications").iterdir() if path.is_dir()]
    found = [newest_verification(store, folder.name).state for folder in folders]
    assert sorted(found) == ["stopped", "verified", "verified"]
    assert (stand_in / "finished").read_text().split().count("bands") == 2, "nothing is run twice"


def test_ctrl_c_ends_all_of_them(stand_in: Path, tmp_path: Path) -> None:
    (stand_in / "bands").write_text("exec sleep 300\n")
    words = ["verify", "Po.cif", "Te.cif", *FAST, "--submit", "local", "--jobs", "2"]
    run = subprocess.Popen(
        [sys.executable, "-m", "discovery", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    started, until = stand_in / "started", time.monotonic() + 90
    while not (started.exists() and started.read_text().split().count("bands") == 2):
        assert time.monotonic() < until, run.poll()
        time.sleep(0.2)
    run.send_signal(signal.SIGINT)
    _, errors = run.communicate(timeout=60)
    assert run.returncode == 130, errors
    assert "goes on from there" in errors
    (stand_in / "bands").unlink()
    assert verify("Po.cif", "Te.cif", "--submit", "local", "--jobs", "2").exit_code == 0
    assert started.read_text().split().count("static") == 2
