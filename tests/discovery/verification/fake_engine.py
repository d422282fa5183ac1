"""A stand-in for a first-principles program: plumbing, not physics.

Whatever crystal it is given, its bands are those of the three-dimensional Wilson–Dirac model, so that the
indices a verification ends with are known. What it is to do wrong is said in the file that `FAULTS` names.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pymatgen.core import Structure

from candidates.verification import STEPS
from discovery.topology.parities import fu_kane
from discovery.topology.tightbinding import TightBinding
from discovery.verification.eigenvalues import Eigenvalues
from discovery.verification.engines import UNFINISHED, PendingInput, StepError, StepOutput, WalltimeReached
from discovery.verification.meshes import Mesh, mesh_of
from discovery.verification.options import Options
from discovery.verification.path import band_path
from discovery.verification.plan import WannierPlan
from discovery.verification.wannier90 import run_wannier90
from discovery.verification.wannierise import Wannierised
from discovery.wannier.wanniertools.plan import WtAtom
from tests.discovery.topology.models import wilson_dirac

NAME = "tests.discovery.verification.fake_engine:FakeEngine"
FAULTS = "FAKE_ENGINE_FAULTS"
"""Environment variable: a JSON file with `m`, `electrons`, `moved`; step names under `fail`, `crash`,
`kill`, `walltime`: what goes wrong."""

LEVELS = 10.0
"""Energy of the model's zero in eV, so that nothing works by chance because a Fermi energy is zero."""


def faults() -> dict[str, Any]:
    path = os.environ.get(FAULTS)
    return json.loads(Path(path).read_text()) if path else {}


def model(structure: Structure, m: float) -> TightBinding:
    """Return the model on the crystal's lattice, at the place of its atom."""
    plain = wilson_dirac(m)
    hoppings = plain.hoppings.copy()
    home = (plain.cells == 0).all(axis=1).argmax()
    hoppings[home] += LEVELS * np.eye(4)
    hoppings[home] += faults().get("exchange", 0.0) * np.kron(np.eye(2), np.diag([1, -1]))
    centres = np.repeat(structure.frac_coords[:1], 4, axis=0)
    return TightBinding(structure.lattice.matrix, plain.cells, hoppings, centres, plain.spin)


def odd_pairs(m: float) -> dict[tuple[int, int, int], int]:
    """Return how many of the model's occupied pairs are odd at each TRIM."""
    return {n: int(m + sum(1 - 2 * x for x in n) < 0) for n in np.ndindex(2, 2, 2)}  # type: ignore[misc]


class FakeEngine:
    """Writes a line about every input, runs nothing, reads the model."""

    name: Literal["vasp", "espresso"] = "espresso"

    def write(
        self,
        step: str,
        structure: Structure,
        preset: Any,
        options: Options,
        directory: Path,
        previous: Mapping[str, Path],
    ) -> None:
        assert step in STEPS
        structure.to(filename=str(directory / "POSCAR"), fmt="poscar")
        (directory / "POTCAR").write_text("secret")
        if step in ("bands", "bands_soc"):
            path = band_path(structure, preset.espresso.line_spacing, not options.magnetic)
            k = path.kpoints
        else:
            k = np.array(list(np.ndindex(4, 4, 4))) / 4
        plan = {"step": step, "k": k.tolist(), "check": options.check, "previous": sorted(previous)}
        plan |= {"mesh": mesh_of(structure, preset.wannier.k_spacing), "bands": preset.wannier.bands or 12}
        plan["magnetic"] = options.magnetic
        (directory / "in.json").write_text(json.dumps(plan))
        if step == "wannier_input" and not (previous["static_soc"] / "done").exists():
            raise PendingInput({"windows": "eigenvalues of static_soc"})

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: Options) -> None:
        wrong = faults()
        if directory.name.startswith("attempt-"):
            wrong |= wrong.get("in_attempts", {})
        if wrong.get("kill") == step:
            raise KeyboardInterrupt
        if wrong.get("walltime") == step:
            (directory / UNFINISHED).write_text("{}")
            (directory / "half").touch()
            raise WalltimeReached(f"{step} was stopped before its deadline")
        if wrong.get("crash") == step:
            raise ZeroDivisionError("a fault of the program")
        if wrong.get("fail") == step:
            raise StepError(f"{step} did not converge", "Use more iterations.")
        there = (parent for parent in directory.parents if (parent / "request.json").exists())
        root = next(there, directory.parent)  # a worker of jobflow-remote has no request.json
        with (root.parent / "runs.txt").open("a") as log:
            log.write(step + "\n")
        (directory / "done").touch()

    def parse(self, step: str, directory: Path) -> StepOutput:
        wrong, plan = faults(), json.loads((directory / "in.json").read_text())
        structure = Structure.from_file(directory / "POSCAR")
        changes: dict[str, Any] = {
            "functional": "HSE06" if step == "check" else "PBE",
            "stand_in": "a model Hamiltonian answered instead of a program",
            "programs": {"fake": "1"},
        }
        m = wrong.get("m", 2.0)
        if step == "relax":
            if wrong.get("moved"):
                structure.apply_strain([0.0, 0.0, 0.05])
            return StepOutput(structure=structure, **changes)
        if step in ("parities", "check"):
            m = wrong.get("m_check", m) if step == "check" else m
            changes["parities"] = fu_kane(odd_pairs(m), 1)
        if step == "wannier_input":
            changes["wannier_plan"] = plan_of(
                structure, tuple(plan["mesh"]), plan["bands"], not plan["magnetic"]
            )
        if plan["magnetic"]:
            changes["magnetisation"] = faults().get("exchange", 0.0)
        return StepOutput(eigenvalues=self.bands(step, structure, np.array(plan["k"]), m), **changes)

    def bands(self, step: str, structure: Structure, k: np.ndarray, m: float) -> Eigenvalues:
        electrons = faults().get("electrons", 2.0)
        energies = model(structure, m).bands(k)
        if step == "bands_soc" and faults().get("metal"):  # two bands touch once, on a slope
            walked = np.arange(len(k)) / len(k)
            split = np.abs(walked - walked[len(k) // 2])
            energies = LEVELS + walked[:, None] * 3 + split[:, None] * np.array([-1, -1, 1, 1])
        spin_orbit = step not in ("static", "bands")
        if not spin_orbit:
            energies = energies[:, ::2]
        filled = np.zeros(energies.shape)
        filled[:, : int(electrons) // (1 if spin_orbit else 2)] = 1.0
        return Eigenvalues(k, np.ones(len(k)) / len(k), energies, filled, LEVELS, electrons, spin_orbit)


def plan_of(structure: Structure, mesh: Mesh, n_bands: int, time_reversal: bool) -> WannierPlan:
    """Return a plan of one s shell and one pz, which the model's four orbitals stand for."""
    a, b, c = (tuple(row) for row in structure.lattice.matrix.tolist())
    place = tuple(structure.frac_coords[0].tolist())
    return WannierPlan(
        lattice=(a, b, c),
        atoms=(WtAtom(structure[0].specie.symbol, place, ("s", "pz")),),
        package="QE",
        mesh=mesh,
        n_bands=n_bands,
        n_excluded=0,
        num_wann=4,
        n_occupied=2,
        fermi=LEVELS,
        outer=(LEVELS - 20, LEVELS + 20),
        frozen=(LEVELS - 10, LEVELS + 10),
        time_reversal=time_reversal,
    )


def wannierise(output: StepOutput, preset: Any, options: Options, directory: Path) -> Wannierised:
    """Write the model's Hamiltonian instead of running Wannier90."""
    wrong = faults()
    if wrong.get("fail") == "wannier":
        raise StepError("wannier90.x is missing", "Install it.")
    plan = output.wannier_plan
    assert plan is not None
    if wrong.get("command"):
        for kind in ("win", "mmn", "amn", "eig"):
            (directory / f"{plan.seed}.{kind}").touch()
        run_wannier90(directory, plan.seed, plan.n_occupied, command=(wrong["command"],))
    poor = plan.mesh[0] < wrong.get("needs_mesh", 0)
    if plan.n_bands < wrong.get("needs_bands", 0):
        raise StepError(f"no convergence with {plan.n_bands} bands", "Give more bands.", "bands")
    structure = Structure(np.array(plan.lattice), [plan.atoms[0].element], [plan.atoms[0].position])
    m = wrong.get("m", 2.0) + (0.5 if poor else 0.0)
    write_hamiltonian(model(structure, wrong.get("m_wannier", m)), directory)
    plan.save(directory)
    return Wannierised({"largest spread (Å²)": wrong.get("spread", 1.0)}, {"wannier90": "fake"})


def write_hamiltonian(h: TightBinding, directory: Path) -> None:
    """Write hr.dat and a .win with the lattice."""
    n = h.n_orbitals
    lines = ["model", f"{n}", f"{len(h.cells)}"]
    ones = ["1"] * len(h.cells)
    lines += [" ".join(ones[i : i + 15]) for i in range(0, len(ones), 15)]
    for cell, block in zip(h.cells.tolist(), h.hoppings, strict=True):
        for j in range(n):
            for i in range(n):
                x = block[i, j]
                lines.append("{} {} {} {} {} {:.8f} {:.8f}".format(*cell, i + 1, j + 1, x.real, x.imag))
    (directory / "wannier90_hr.dat").write_text("\n".join(lines) + "\n")
    rows = "\n".join(" ".join(f"{x:.10f}" for x in row) for row in h.lattice)
    (directory / "wannier90.win").write_text(f"begin unit_cell_cart\nAng\n{rows}\nend unit_cell_cart\n")
