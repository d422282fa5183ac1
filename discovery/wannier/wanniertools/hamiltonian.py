"""Complete a plan from its Hamiltonian, and refuse one that disagrees with it."""

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from discovery.topology.tightbinding import TightBinding
from discovery.wannier.wanniertools.plan import (
    IntVector,
    Package,
    PlanError,
    Segment,
    Vector,
    WtAtom,
    WtPlan,
)

MESH: IntVector = (6, 6, 6)

NEGLIGIBLE = 0.01
"""By how much couplings over more cells than a principal layer holds may shift a level, in eV, at most."""

SYMPREC = 1e-3
"""Tolerance of symmetry for the path of bulk bands, in Å."""


def plan_for(
    model: TightBinding,
    atoms: Sequence[WtAtom],
    n_occupied: int,
    *,
    hamiltonian: str,
    package: Package,
    miller: IntVector | None,
    fermi: float | None = None,
    spin_orbit: bool = True,
    mesh: IntVector = MESH,
    **settings: Any,
) -> WtPlan:
    """Return the plan for a Hamiltonian, checked against it, its paths and principal layers worked out.

    Args:
        model: the Hamiltonian.
        atoms: its atoms with their projectors.
        n_occupied: bands below the gap; see `occupied_bands`.
        hamiltonian: name of the `_hr.dat` file.
        package: the program whose spinors it holds.
        miller: index of the surface in the lattice of the Hamiltonian.
        fermi: Fermi energy in eV, or None to take the one that fills `n_occupied` bands.
        spin_orbit: whether the Hamiltonian holds spinors.
        mesh: k-points for the Fermi energy and the checks.
        **settings: further fields of `WtPlan`.

    Raises:
        PlanError: a plan that contradicts itself or the Hamiltonian.
    """
    surface, slab_path = surface_cards(model.lattice, miller)
    a, b, c = (_vector(row) for row in model.lattice)
    computed: dict[str, Any] = {
        "slab_path": slab_path,
        "bulk_path": bulk_lines(model.lattice, atoms, settings.get("time_reversal", True)),
        "principal_layers": principal_layers(model, surface),
    }
    plan = WtPlan(
        hamiltonian=hamiltonian,
        package=package,
        lattice=(a, b, c),
        atoms=tuple(atoms),
        spin_orbit=spin_orbit,
        num_wann=model.n_orbitals,
        n_occupied=n_occupied,
        fermi_energy=fermi_energy(model, n_occupied, mesh) if fermi is None else fermi,
        surface=surface,
        centres=centres_spin_up_first(model, package if spin_orbit else "VASP"),
        **(computed | settings),
    )
    check_hamiltonian(plan, model, mesh)
    return plan


def check_hamiltonian(plan: WtPlan, model: TightBinding, mesh: IntVector = MESH) -> None:
    """Refuse a plan that disagrees with its Hamiltonian.

    Args:
        plan: the plan.
        model: the Hamiltonian that `plan.hamiltonian` names.
        mesh: k-points on which its spectrum is looked at.

    Raises:
        PlanError: another num_wann or lattice, a Fermi energy outside the spectrum, or one that fills a
            number of bands which differs from NumOccupied by one or more.
    """
    if plan.num_wann != model.n_orbitals:
        raise PlanError(
            f"num_wann is {plan.num_wann} in the plan and {model.n_orbitals} in {plan.hamiltonian}"
        )
    if np.abs(np.array(plan.lattice) - model.lattice).max() > 1e-3:
        raise PlanError(f"the lattice of the plan is not the one of {plan.hamiltonian}")
    bands = model.bands(_mesh(mesh))
    if not bands.min() < plan.fermi_energy < bands.max():
        raise PlanError(
            f"E_FERMI = {plan.fermi_energy:.4f} eV lies outside the spectrum ({bands.min():.4f} to "
            f"{bands.max():.4f} eV): take it from the calculation that made the Hamiltonian"
        )
    filled = float((bands < plan.fermi_energy).sum() / len(bands))
    if abs(filled - plan.n_occupied) >= 1:
        raise PlanError(
            f"E_FERMI = {plan.fermi_energy:.4f} eV fills {filled:.2f} bands on average, "
            f"but NumOccupied is {plan.n_occupied}: one of the two is wrong"
        )


def fermi_energy(model: TightBinding, n_occupied: int, mesh: IntVector = MESH) -> float:
    """Return the energy that fills so many bands, in eV: mid-gap, or the Fermi level where bands overlap."""
    if not 0 < n_occupied < model.n_orbitals:
        raise PlanError(f"NumOccupied = {n_occupied} leaves no gap inside {model.n_orbitals} bands")
    levels = np.sort(model.bands(_mesh(mesh)), axis=None)
    filled = n_occupied * int(np.prod(mesh))
    return float(levels[filled - 1 : filled + 1].mean())


def centres_spin_up_first(model: TightBinding, package: Package) -> tuple[Vector, ...]:
    """Return the Wannier centres in Å, all spin-up first.

    That is the order in which WannierTools pairs them with the Hamiltonian: it sorts the Hamiltonian of QE
    and VASP6 so (`reorder_wannierbasis` in readHmnR.f90) and takes this list as it stands (readinput.f90).
    """
    cartesian = model.centres @ model.lattice
    order = model.spin or ("blocks" if package == "VASP" else "interleaved")
    if order == "interleaved":
        cartesian = np.concatenate([cartesian[0::2], cartesian[1::2]])
    return tuple(_vector(centre) for centre in cartesian)


def surface_cards(
    lattice: np.ndarray, miller: IntVector | None
) -> tuple[tuple[IntVector, IntVector, IntVector], tuple[Segment, ...]]:
    """Return SURFACE and KPATH_SLAB of a surface.

    Args:
        lattice: (3, 3) rows in Å.
        miller: index of the surface in that lattice.

    Raises:
        PlanError: no Miller index.
    """
    if miller is None or not any(miller):
        raise PlanError("SURFACE is missing: WannierTools hangs without it; give a Miller index")
    from discovery.topology.surface_lattice import surface

    found = surface(lattice, miller)
    first, second, out = ((int(v[0]), int(v[1]), int(v[2])) for v in (*found.in_plane, found.out))
    points = zip(found.path.labels, found.path.corners, strict=True)
    lines = tuple(
        (begin, (float(k[0]), float(k[1])), end, (float(q[0]), float(q[1])))
        for (begin, k), (end, q) in pairwise(points)
    )
    return (first, second, out), lines


def bulk_lines(
    lattice: np.ndarray, atoms: Sequence[WtAtom] = (), time_reversal: bool = True
) -> tuple[Segment, ...]:
    """Return KPATH_BULK, the lines of the zone in the reciprocal vectors of this very cell.

    Args:
        lattice: (3, 3) rows in Å, of any cell.
        atoms: they lower the symmetry of the bare lattice and may add lines.
        time_reversal: whether E(k) = E(−k).

    Source: Hinuma, Pizzi, Kumagai, Oba & Tanaka, Comput. Mater. Sci. 128, 140 (2017).
    """
    from seekpath import get_path_orig_cell

    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(atom.element for atom in atoms), start=1)}
    positions = [list(atom.position) for atom in atoms] or [[0.0, 0.0, 0.0]]
    cell = (np.asarray(lattice).tolist(), positions, [kinds[atom.element] for atom in atoms] or [1])
    with warnings.catch_warnings():  # of cells between two settings, and of larger than primitive ones
        warnings.simplefilter("ignore")
        found = get_path_orig_cell(cell, time_reversal, symprec=SYMPREC)
    places = {name: _vector(k) for name, k in found["point_coords"].items()}
    return tuple((a, places[a], b, places[b]) for a, b in found["path"])


def principal_layers(model: TightBinding, surface: Sequence[IntVector], tolerance: float = NEGLIGIBLE) -> int:
    """Return NP, the cells of a principal layer: couplings over more are left out by wt.x.

    By Weyl's inequality these shift no level by more than twice the sum of their norms; that sum is kept
    below the tolerance.

    Args:
        model: the Hamiltonian.
        surface: SURFACE, two vectors in the plane and the one out of it; its third counts the cells.
        tolerance: in eV.
    """
    upwards = np.rint(np.linalg.inv(np.array(surface)))[:, 2]
    # wt.x cuts at the cell's boundary: an orbital belongs to the layer of its R, wherever its centre is.
    climbed = np.rint(model.cells @ upwards).astype(int)
    phases = np.exp(2j * np.pi * (_mesh((4, 4, 4)) @ model.cells.T))
    norms = []
    for layer in range(1, int(climbed.max(initial=0)) + 1):
        chosen = climbed == layer
        block = np.tensordot(phases[:, chosen], model.hoppings[chosen], axes=1)
        norms.append(float(np.linalg.norm(block, 2, axis=(1, 2)).max(initial=0.0)))
    beyond = 2.0 * (sum(norms) - np.cumsum([0.0, *norms]))
    beyond[-1] = 0.0  # exactly
    return max(1, int(np.argmax(beyond <= tolerance)))


def _mesh(mesh: IntVector) -> np.ndarray:
    axes = [np.arange(n) / n for n in mesh]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)


def _vector(values: Sequence[float] | np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
