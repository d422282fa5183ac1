"""Verifications handed to a real SLURM, with a stand-in for the program: plumbing, not physics."""

import json
import os
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from tests.slurm import Slurm

ROOT = Path(__file__).parents[3]
STAND_IN = Path(__file__).parent / "stand_in"

STEPS = (
    *("static", "bands", "static_soc", "bands_soc", "parities", "wannier_input"),
    *("wannier", "topology", "verdict"),
)
"""Of a verification without relaxation and surfaces."""

PROGRAM_STEPS = STEPS[:6]
"""Those that start the program."""

SUBMIT = ("Po.cif", "--preset", "fast", "--no-relax", "--no-surface", "--submit", "slurm")

CLUSTER = {"margin": 20, "mpi": "mpirun", "resources": {"walltime": "10:00"}}


@dataclass
class Bench:
    """A folder to work in, a SLURM to work on, and a program that does as it is told.

    Attributes:
        slurm: the queue.
        place: working directory of every command.
        orders: what the program is to do, and what it did.
    """

    slurm: Slurm
    place: Path
    orders: Path

    def discover(self, *words: str, expect: int | None = 0, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``discover`` in a process of its own, which is to end with a status, any with None."""
        done = subprocess.run(
            self.command(*words), cwd=self.place, env=os.environ | env, capture_output=True, text=True
        )
        assert expect in (None, done.returncode), f"{words}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def command(self, *words: str) -> list[str]:
        """Return the command line of ``discover``."""
        return [sys.executable, "-m", "discovery", *words]

    def cluster(self, **changes: Any) -> None:
        """Write ``cluster.yaml``; JSON is YAML."""
        (self.place / "cluster.yaml").write_text(json.dumps(CLUSTER | changes))

    def submit(self, expect: int = 0, **env: str) -> None:
        """Submit ``Po.cif``."""
        self.discover("verify", *SUBMIT, expect=expect, **env)

    def retry(self, *words: str) -> None:
        """Send the only candidate again."""
        self.discover("retry", self.folder.name, *words)

    def order(self, step: str, shell: str) -> None:
        """Say what the program is to do in a step, in the language of the shell."""
        (self.orders / step).write_text(shell + "\n")

    def started(self) -> Counter[str]:
        """Return how often the program was started for each step."""
        return self._counted("started")

    def finished(self) -> Counter[str]:
        """Return how often the program came to its end in each step."""
        return self._counted("finished")

    def _counted(self, name: str) -> Counter[str]:
        path = self.orders / name
        return Counter(path.read_text().split() if path.exists() else [])

    def wait_started(self, step: str, seconds: float = 90.0) -> None:
        """Wait until the program is at work on a step."""
        self.slurm.wait(lambda: step in self.started(), seconds, f"for {step}")

    @property
    def folder(self) -> Path:
        """The only candidate's folder (Path)."""
        (folder,) = (path for path in (self.place / "verifications").iterdir() if path.is_dir())
        return folder

    def status(self) -> dict[str, Any]:
        """Return what ``discover status`` says of the only candidate."""
        (row,) = json.loads(self.discover("status", "--json", expect=None).stdout)
        return dict(row)

    def wait_state(self, *states: str, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until ``discover status`` says one of these and return all that it says."""
        row: dict[str, Any] = {}
        self.slurm.wait(lambda: row.update(self.status()) or row["state"] in states, seconds, f"for {states}")
        return row

    def wait_done(self, seconds: float = 120.0) -> None:
        """Wait until nothing is queued, and see that there is the verdict, with nothing run twice."""
        self.slurm.wait_empty(seconds)
        row = self.status()
        assert (row["state"], row["verdict"]) == ("done", "strong TI"), (
            f"{row}\n{self.job_output()}\n{self.slurm.told()}"
        )
        assert self.finished() == Counter(PROGRAM_STEPS), "each step came to its end once"

    def job_output(self) -> str:
        """Return what the jobs printed."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("jobs/*.log")))


@pytest.fixture
def bench(slurm: Slurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    place, orders = tmp_path / "place", tmp_path / "orders"
    place.mkdir()
    orders.mkdir()
    path = [str(STAND_IN), str(Path(sys.executable).parent), os.environ["PATH"]]
    monkeypatch.setenv("PATH", os.pathsep.join(path))
    monkeypatch.setenv("PYTHONPATH", f"{STAND_IN}{os.pathsep}{ROOT}")
    monkeypatch.setenv("FAKE_PW", str(orders))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    Structure(Lattice.cubic(4.0), ["Po"], [[0, 0, 0]]).to(filename=str(place / "Po.cif"))
    bench = Bench(slurm, place, orders)
    bench.cluster()
    return bench
