"""Write a complete `wt.in` from a plan: sections and keys as in the manual, the same text for the same plan.

Source: WannierTools 2.7.1, doc/source/input.rst and src/readinput.f90. `Eta_Arc` and `E_arc` are read by
every version; 2.7.1 also knows them as Fermi_broadening and iso_energy.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np

from discovery.wannier.wanniertools.plan import IntVector, PlanError, Segment, Vector, WtAtom, WtPlan


class Task(StrEnum):
    """What wt.x can be asked for."""

    Z2 = "z2"
    CHERN = "chern"
    BULK_BANDS = "bulk-bands"
    SLAB_BANDS = "slab-bands"
    SURFACE_SPECTRUM = "surface-spectrum"
    FERMI_ARCS = "fermi-arcs"
    NODES = "nodes"
    CHIRALITY = "chirality"
    MIRROR_CHERN = "mirror-chern"


class _Recipe(NamedTuple):
    flag: str
    mesh: IntVector
    cards: tuple[str, ...] = ()


RECIPES = {
    Task.Z2: _Recipe("Z2_3D_calc", (41, 41, 1)),
    Task.CHERN: _Recipe("Chern_3D_calc", (41, 41, 1)),
    Task.BULK_BANDS: _Recipe("BulkBand_calc", (101, 1, 1), ("KPATH_BULK",)),
    Task.SLAB_BANDS: _Recipe("SlabBand_calc", (101, 1, 1), ("KPATH_SLAB",)),
    Task.SURFACE_SPECTRUM: _Recipe("SlabSS_calc", (101, 1, 1), ("KPATH_SLAB",)),
    Task.FERMI_ARCS: _Recipe("SlabArc_calc", (101, 101, 1), ("KPLANE_SLAB",)),
    Task.NODES: _Recipe("FindNodes_calc", (8, 8, 8), ("KCUBE_BULK",)),
    Task.CHIRALITY: _Recipe("WeylChirality_calc", (41, 41, 1), ("WEYL_CHIRALITY",)),
    Task.MIRROR_CHERN: _Recipe("MirrorChern_calc", (81, 201, 1), ("KPLANE_BULK",)),
}
"""Flag, mesh (Nk1, Nk2, Nk3) and cards of each task. Nk1 means something else to each: points of a line of a
band structure, of a Wilson loop, or of a starting grid."""

GAP_THRESHOLD = 1e-4
"""Smallest gap that wt.x still takes for a node, in eV."""


def write_wt_in(
    plan: WtPlan,
    tasks: Collection[Task | str],
    *,
    mesh: IntVector | None = None,
    nodes: Sequence[Vector] = (),
    radius: float = 0.004,
) -> str:
    """Return the text of a `wt.in`.

    Args:
        plan: what the crystal and its Hamiltonian are.
        tasks: what to compute in this one run.
        mesh: Nk1, Nk2, Nk3 for all of it; None for the usual ones of the tasks.
        nodes: fractional k-points whose chirality is wanted.
        radius: of the sphere around each, in 1/Å.

    Raises:
        PlanError: no task, tasks whose meshes differ, or a task that lacks what it needs.
    """
    wanted = sorted({Task(task) for task in tasks}, key=list(Task).index)
    if not wanted:
        raise PlanError("no task for WannierTools")
    cards = {card for task in wanted for card in RECIPES[task].cards}
    written = {
        "KPATH_BULK": lambda: _path(plan.bulk_path, "bulk_path"),
        "KPATH_SLAB": lambda: _path(plan.slab_path, "slab_path"),
        "KPLANE_SLAB": lambda: _rows([(-0.5, -0.5), (1, 0), (0, 1)]),
        "KPLANE_BULK": lambda: _mirror_plane(plan),
        "KCUBE_BULK": lambda: _rows([(-0.5, -0.5, -0.5), (1, 0, 0), (0, 1, 0), (0, 0, 1)]),
        "WEYL_CHIRALITY": lambda: _chirality(nodes, radius),
    }
    sections = [
        _namelist("TB_FILE", {"Hrfile": f"'{plan.hamiltonian}'", "Package": f"'{plan.package}'"}),
        _card("LATTICE", ["Angstrom", *_rows(plan.lattice, 12)]),
        _card("ATOM_POSITIONS", [str(len(plan.atoms)), "Direct", *_atoms(plan)]),
        _card("PROJECTORS", _projectors(plan)),
        _card("SURFACE", [" ".join(f"{n:3d}" for n in vector) for vector in plan.surface or ()]),
        _namelist("CONTROL", {RECIPES[task].flag: "T" for task in wanted}),
        _namelist("SYSTEM", _system(plan, wanted)),
        _namelist("PARAMETERS", _parameters(plan, wanted, mesh)),
        *(_card(name, lines()) for name, lines in written.items() if name in cards),
    ]
    if plan.centres:
        sections.append(_card("WANNIER_CENTRES", ["Cartesian", *_rows(plan.centres, 8)]))
    return "\n".join(sections)


def _system(plan: WtPlan, tasks: Collection[Task]) -> dict[str, str]:
    keys = {"NSLAB": str(plan.slab_layers)} if Task.SLAB_BANDS in tasks else {}
    return keys | {
        "NumOccupied": str(plan.n_occupied),
        "SOC": str(int(plan.spin_orbit)),
        "E_FERMI": _number(plan.fermi_energy, 6),
    }


def _parameters(plan: WtPlan, tasks: Collection[Task], mesh: IntVector | None) -> dict[str, str]:
    keys = {}
    if surface := {Task.SURFACE_SPECTRUM, Task.FERMI_ARCS} & set(tasks):
        keys["Eta_Arc"] = _number(plan.broadening, 6)
    if Task.FERMI_ARCS in tasks:
        keys["E_arc"] = _number(plan.arc_energy, 6)
    if Task.SURFACE_SPECTRUM in tasks:
        low, high = plan.energy_window
        keys |= {"OmegaNum": str(plan.n_energies), "OmegaMin": _number(low, 6), "OmegaMax": _number(high, 6)}
    keys |= {f"Nk{i}": str(n) for i, n in enumerate(mesh or _common_mesh(tasks), start=1)}
    if surface:
        keys["NP"] = str(plan.principal_layers)
    if Task.NODES in tasks:
        keys["Gap_threshold"] = _number(GAP_THRESHOLD, 6)
    return keys


def _common_mesh(tasks: Iterable[Task]) -> IntVector:
    meshes = {RECIPES[task].mesh: task for task in tasks}
    if len(meshes) > 1:
        raise PlanError(
            f"{' and '.join(meshes.values())} need different meshes, and a wt.in has one Nk1, Nk2, Nk3: "
            "write a file for each, or give a mesh"
        )
    return next(iter(meshes))


def _atoms(plan: WtPlan) -> list[str]:
    rows = _rows([atom.position for atom in plan.atoms], 12)
    return [f"{atom.element:4s}{row}" for atom, row in zip(plan.atoms, rows, strict=True)]


def _projectors(plan: WtPlan) -> list[str]:
    counts = " ".join(str(len(atom.orbitals)) for atom in plan.atoms)
    return [counts, *(f"{atom.element} {' '.join(atom.orbitals)}" for atom in plan.atoms)]


def _path(segments: Sequence[Segment], name: str) -> list[str]:
    if not segments:
        raise PlanError(f"the plan has no {name}, which this task follows")
    lines = [str(len(segments))]
    for begin, k, end, q in segments:
        lines.append(f"{_label(begin):4s} {_rows([k], 6)[0]}   {_label(end):4s} {_rows([q], 6)[0]}")
    return lines


def _label(name: str) -> str:
    """A label that Fortran reads as one word of at most four letters; Γ is G."""
    plain = unicodedata.normalize("NFKD", re.sub(r"Γ|\\?gamma", "G", name, flags=re.IGNORECASE))
    word = re.sub(r"[^A-Za-z0-9_]", "", plain)
    return word[:4] if re.match(r"[A-Za-z]", word) else f"K{word}"[:4]


def _mirror_plane(plan: WtPlan) -> list[str]:
    """The plane k₃ = 0, where wt.x's own mirror is one of the crystal: z → −z at every atom's place.

    wt.x builds the operator from the orbitals alone (symmetry.f90), so each atom must be its own image, and
    makes the Hamiltonian symmetric without looking: a wrong mirror would give a number all the same. It tells
    the sectors by ⟨ψ|M|ψ⟩ and breaks off where inversion and time reversal make every band twofold.
    """
    a, b, c = np.array(plan.lattice)
    if max(abs(a[2]), abs(b[2]), np.hypot(c[0], c[1])) > 1e-3:
        raise PlanError(
            "WannierTools knows the mirror z → −z only: it needs a, b in the xy plane and c along z"
        )
    if any(abs(2 * atom.position[2] - round(2 * atom.position[2])) > 1e-3 for atom in plan.atoms):
        raise PlanError("WannierTools' mirror moves no atoms: every atom needs z = 0 or ½")
    if not plan.spin_orbit:
        raise PlanError("mirror Chern numbers need spin–orbit coupling")
    if plan.time_reversal and _has_inversion(plan):
        raise PlanError(
            "WannierTools cannot tell the mirror sectors of twofold bands, and the crystal has inversion and "
            "time reversal: compute its mirror Chern numbers from the Hamiltonian instead"
        )
    return _rows([(0, 0, 0), (1, 0, 0), (0, 1, 0)])


def _has_inversion(plan: WtPlan) -> bool:
    first = plan.atoms[0]
    for partner in plan.atoms:
        twice = np.add(first.position, partner.position)
        if all(any(_same(other, atom, twice) for other in plan.atoms) for atom in plan.atoms):
            return True
    return False


def _same(other: WtAtom, atom: WtAtom, twice: np.ndarray) -> bool:
    away = twice - atom.position - other.position
    return other.element == atom.element and bool(np.abs(away - np.round(away)).max() < 1e-3)


def _chirality(nodes: Sequence[Vector], radius: float) -> list[str]:
    if not nodes or radius <= 0:
        raise PlanError("chirality needs the nodes, and a radius around them in 1/Å")
    return [str(len(nodes)), "Direct", _number(radius, 6), *_rows(nodes, 8)]


def _namelist(name: str, keys: dict[str, str]) -> str:
    return "\n".join([f"&{name}", *(f"{key} = {value}" for key, value in keys.items()), "/", ""])


def _card(name: str, lines: Iterable[str]) -> str:
    return "\n".join([name, *lines, ""])


def _rows(rows: Iterable[Sequence[float]], digits: int = 6) -> list[str]:
    return [" ".join(f"{_number(x, digits):>{digits + 6}s}" for x in row) for row in rows]


def _number(value: float, digits: int) -> str:
    return f"{round(float(value), digits) + 0.0:.{digits}f}"
