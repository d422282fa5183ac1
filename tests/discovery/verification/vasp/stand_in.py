"""A program that answers to the name of VASP in tests: plumbing, not physics.

It reads what VASP reads, refuses what VASP or a careful person would refuse, and writes what VASP writes,
with the bands of a tight-binding model: Fu, Kane and Mele's on the two sites of a zincblende, a strong
topological insulator, whose Wannier functions are s orbitals. ``FAULTS`` names a JSON file that says what to
do wrong; a step under ``slow`` does not converge before somebody writes a STOPCAR.
"""

import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Incar, Kpoints, Poscar, Potcar

from discovery.topology.tightbinding import TightBinding
from tests.discovery.topology.models import fu_kane_mele
from tests.discovery.verification.vasp import rules, writers
from tests.discovery.verification.vasp.wavecar import write_model
from tests.discovery.wannier90_files import with_high_orbitals, write_overlaps

FAULTS = "STAND_IN_VASP_FAULTS"
"""Variable: a JSON file with ``unconverged``, ``cut``, ``crash`` (step names), ``inverted``, ``distort``;
``changes`` names steps whose wavefunctions have the other inversion."""

LEVEL = 5.0
"""Energy of the model's middle in eV: no Fermi energy is zero by chance."""


@dataclass
class Inputs:
    """What lies in the directory."""

    incar: Incar
    kpoints: Kpoints
    poscar: Poscar
    potcar: Potcar
    program: str
    folder: Path

    @property
    def structure(self) -> Structure:
        return self.poscar.structure

    @property
    def step(self) -> str:
        """The last word of SYSTEM."""
        return str(self.incar.get("SYSTEM", "")).split()[-1]

    @property
    def spin_orbit(self) -> bool:
        return bool(self.incar.get("LSORBIT"))

    @property
    def n_electrons(self) -> float:
        return float(sum(n * one.nelectrons for n, one in zip(self.poscar.natoms, self.potcar, strict=True)))

    @property
    def mesh(self) -> tuple[int, int, int] | None:
        if self.kpoints.num_kpts:
            return None
        a, b, c = (int(n) for n in self.kpoints.kpts[0])
        return a, b, c

    @property
    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """(n, 3) k-points and (n,) weights; meshes in full, as with ISYM = −1."""
        if self.mesh is None:
            weights = np.array(self.kpoints.kpts_weights, dtype=float)
            return np.array(self.kpoints.kpts, dtype=float), weights / weights.sum()
        k = np.array(list(np.ndindex(*self.mesh))) / np.array(self.mesh)
        return k, np.full(len(k), 1 / len(k))


def read_inputs(folder: Path, program: str) -> Inputs:
    import warnings

    warnings.simplefilter("ignore")
    return Inputs(
        Incar.from_file(folder / "INCAR"),
        Kpoints.from_file(folder / "KPOINTS"),
        Poscar.from_file(folder / "POSCAR", check_for_potcar=False),
        Potcar.from_file(str(folder / "POTCAR")),
        program,
        folder,
    )


def model(structure: Structure, n_bands: int, spin_orbit: bool, inverted: bool = True) -> TightBinding:
    """Return the model with as many bands as NBANDS, orbitals at the crystal's two sites."""
    crystal = four_bands(structure, spin_orbit, inverted)
    spinors = n_bands if spin_orbit else 2 * n_bands
    return with_high_orbitals(crystal, LEVEL + 14.0, coupling=0.05, pairs=spinors // 2 - 2)


def four_bands(structure: Structure, spin_orbit: bool, inverted: bool = True) -> TightBinding:
    """Return Fu, Kane and Mele's model; two elements differ in energy, which takes the inversion away.

    With inversion the strong bond decides: where it is very strong, bands are not inverted.
    """
    one = len(set(structure.species)) == 1
    bonds = (1.4 if inverted or not one else 8.0, 1.0, 1.0, 1.0)
    plain = placed(fu_kane_mele(bonds, soc=0.125 if spin_orbit else 0.0), structure)
    hoppings = plain.hoppings.copy()
    home = (plain.cells == 0).all(axis=1).argmax()
    mass = 0.0 if one else 0.1 if inverted else 8.0
    hoppings[home] += np.diag([LEVEL + mass] * 2 + [LEVEL - mass] * 2)
    centres = np.repeat(structure.frac_coords, 2, axis=0)
    return TightBinding(structure.lattice.matrix, plain.cells, hoppings, centres, "interleaved")


def placed(model: TightBinding, structure: Structure) -> TightBinding:
    """Return the model for sites that may be the other way round and in other cells than its own.

    Bonds would otherwise join places that are no neighbours, and have none of the crystal's mirrors.
    """
    apart = structure.frac_coords[1] - structure.frac_coords[0]
    order = [0, 1, 2, 3] if np.allclose(apart - apart.round(), 0.25) else [2, 3, 0, 1]
    step = np.rint(apart - (0.25 if order[0] == 0 else -0.25)).astype(int)
    cell_of = np.zeros((4, 3), dtype=int)  # where the model has an orbital of the cell
    cell_of[2:] = step
    blocks: dict[tuple[int, ...], np.ndarray] = {}
    for cell, block in zip(model.cells, model.hoppings, strict=True):
        for i, j in np.ndindex(4, 4):
            moved = tuple((cell - cell_of[j] + cell_of[i]).tolist())
            target = blocks.setdefault(moved, np.zeros((4, 4), dtype=complex))
            target[i, j] += block[order[i], order[j]]
    centres = np.repeat(structure.frac_coords, 2, axis=0)
    cells = np.array(sorted(blocks))
    hoppings = np.array([blocks[tuple(cell)] for cell in cells.tolist()])
    return TightBinding(structure.lattice.matrix, cells, hoppings, centres, model.spin)


def main(program: str) -> int:
    """Do what VASP would in the current directory; returns the exit status."""
    folder = Path.cwd()
    faults: dict[str, Any] = json.loads(Path(os.environ[FAULTS]).read_text()) if FAULTS in os.environ else {}
    inputs = read_inputs(folder, program)
    refused = rules.refusals(inputs)
    if refused:
        print(f"the stand-in for VASP refuses {inputs.step}: " + "; ".join(refused), file=sys.stderr)
        return 1
    if faults.get("crash") == inputs.step:
        print("a fault of the program", file=sys.stderr)
        return 139
    h = model(inputs.structure, int(inputs.incar["NBANDS"]), inputs.spin_orbit, faults.get("inverted", True))
    points, weights = inputs.points
    energies = h.bands(points)
    if not inputs.spin_orbit:
        energies = energies[:, ::2]
    final = inputs.structure.copy()
    if inputs.incar.get("NSW", 0) > 0:
        final.apply_strain([0.0, 0.0, 0.03] if faults.get("distort") else 0.004)
    slow = faults.get("slow") == inputs.step
    unconverged = slow or faults.get("unconverged") == inputs.step
    optional = writers.optional_points(inputs)
    path = None if optional is None else (optional, h.bands(optional))
    results = writers.Results(inputs, points, weights, energies, final, unconverged, path)
    writers.write_all(results)
    if inputs.spin_orbit and inputs.incar.get("LWAVE"):
        inverted = faults.get("inverted", True) and inputs.step not in faults.get("changes", ())
        states = four_bands(inputs.structure, True, inverted)
        write_model(folder / "WAVECAR", inputs.structure, points, states, round(inputs.n_electrons))
    if slow:
        for _ in range(600):
            if (folder / "STOPCAR").is_file():
                return 0
            time.sleep(0.1)
        return 1
    if faults.get("cut") == inputs.step:
        text = (folder / "vasprun.xml").read_text()
        (folder / "vasprun.xml").write_text(text[: len(text) // 2])
    if inputs.incar.get("LWANNIER90"):
        writers.write_win(inputs)
        write_overlaps(folder, "wannier90", h, range(4), extent=0.5)
    return 0
