"""From a structure to a verdict with Quantum ESPRESSO and Wannier90, both really run: no plumbing only.

Antimony goes through SLURM where one can be brought up.
"""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from candidates.verification import Verification
from dft_templates.presets import load_preset
from discovery.submission.cluster import load_cluster
from discovery.submission.handover import hand_in
from discovery.submission.ledger import read_ledger
from discovery.submission.sending import top_up
from discovery.verification.collect import collect
from discovery.verification.flow import make_request
from discovery.verification.local import run_here
from discovery.verification.options import Options
from discovery.verification.results import Request
from tests.discovery.verification.espresso.conftest import require_programs, require_pseudos
from tests.slurm import NoSlurm, Slurm

pytestmark = pytest.mark.slow

PATH_SPACING = 0.15
"""Points of band paths in 1/Å: enough to hold the Wannier functions against, less than half of the time."""

CUTOFF = 45
"""Ry, for Sb: bands within 0.1 eV of the converged ones, for two thirds of the time."""

ANTIMONY = Structure.from_spacegroup("R-3m", Lattice.hexagonal(4.3084, 11.274), ["Sb"], [[0, 0, 0.23349]])
"""C. S. Barrett, P. Cucka & K. Haefner, Acta Cryst. 16, 451 (1963), at 298 K."""

SILICON = Structure(Lattice(2.7155 * (1 - np.eye(3))), ["Si", "Si"], [[0, 0, 0], [0.25, 0.25, 0.25]])


RANKS = min(2, os.cpu_count() or 1) if shutil.which("mpirun") else 1

CLUSTER = f"""\
mpi: mpirun
margin: 60
resources: {{walltime: "1:00:00"}}
engines: {{espresso: {{ranks: {RANKS}}}}}
"""


def ask(structure: Structure, place: Path, **settings: float) -> Request:
    require_programs("pw.x", "projwfc.x", "pw2wannier90.x", "wannier90.x")
    pytest.importorskip("irrep", reason="needs irrep (the extra `parities`)")
    return make_request(
        structure,
        "0123456789ab",
        structure.formula,
        place,
        "espresso",
        load_preset("fast", {"espresso.line_spacing": PATH_SPACING} | settings),
        Options(relax=False, surfaces=False, ranks=RANKS),
    )


def run_in_queue(request: Request, slurm: Slurm) -> Verification:
    """Run a verification in two jobs: what needs MPI ranks, and then what does not."""
    directory = Path(request.directory)
    (directory.parent / "cluster.yaml").write_text(CLUSTER)
    cluster, path, sha256 = load_cluster(directory.parent / "cluster.yaml")
    assert hand_in(request, cluster, path, sha256, {}) == "new"
    jobs = [(stage, job) for _, stage, job in top_up(directory.parent).sent]
    assert [stage for stage, _ in jobs] == ["1-static", "2-wannier"] if RANKS > 1 else ["1-static"]
    slurm.wait_empty(2400)
    ledger = read_ledger(directory)
    assert ledger is not None
    assert [(stage.name, stage.job_id, stage.state) for stage in ledger.stages] == [
        (stage, job, "ended") for stage, job in jobs
    ]
    return collect(directory)


def check(record: Verification, topology: str, z2: tuple[int, int, int, int]) -> None:
    assert [(step.name, step.state, step.reason) for step in record.steps if step.state != "done"] == []
    assert record.stand_in == ""
    assert record.state == "verified"
    verdict = record.verdict
    assert verdict is not None
    assert verdict.topology == topology
    assert verdict.z2 == {"Wilson loops": z2, "parities": z2}
    assert verdict.functional == "PBE"
    gates = {gate.name: gate for gate in verdict.gates}
    assert gates["methods agree"].passed
    assert [name for name, gate in gates.items() if not gate.passed] == []
    programs = {name for step in record.steps for name in step.programs}
    assert {"Quantum ESPRESSO", "wannier90"} <= programs
    assert all(step.seconds for step in record.steps if step.name != "verdict")


def test_antimony_is_a_strong_topological_semimetal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slurm_if_any: Slurm | NoSlurm
) -> None:
    """Fu & Kane, Phys. Rev. B 76, 045302 (2007): the lower five pairs of bands of Sb have indices 1;(111)."""
    require_pseudos("Sb-d_r.upf", monkeypatch)
    request = ask(ANTIMONY, tmp_path, **{"espresso.SYSTEM.ecutwfc": CUTOFF})
    in_queue = isinstance(slurm_if_any, Slurm)
    record = run_in_queue(request, slurm_if_any) if in_queue else run_here(request)
    check(record, "strong TI", (1, 1, 1, 1))


def test_silicon_is_trivial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Debian's own pseudopotential where there is no other."""
    require_pseudos("Si_r.upf", monkeypatch)
    check(run_here(ask(SILICON, tmp_path)), "trivial", (0, 0, 0, 0))
