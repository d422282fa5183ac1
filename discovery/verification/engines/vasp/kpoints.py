"""KPOINTS of the steps: Γ-centred meshes, band paths, the eight TRIMs, meshes with points of no weight."""

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.verification.meshes import TRIMS, Mesh
from discovery.verification.path import BandPath

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.io.vasp.inputs import Kpoints


def uniform(mesh: Mesh) -> "Kpoints":
    """Return a Γ-centred mesh: the only kind that keeps the symmetry of every lattice."""
    from pymatgen.io.vasp.inputs import Kpoints

    kpoints: Kpoints = Kpoints.gamma_automatic(mesh)
    kpoints.comment = f"Γ-centred mesh {mesh[0]} × {mesh[1]} × {mesh[2]}".replace("Γ", "Gamma").replace(
        "×", "x"
    )
    return kpoints


def line(path: BandPath) -> "Kpoints":
    """Return the points of a band path, one by one, in VASP's reciprocal coordinates."""
    names = dict(path.labels)
    labels = [names.get(place, "").replace("Γ", "GAMMA") for place in range(len(path.kpoints))]
    return _explicit("Band path of the standardised primitive cell (seekpath)", path.kpoints, labels=labels)


def trims() -> "Kpoints":
    """Return the eight TRIMs."""
    return _explicit("Eight time-reversal invariant momenta", TRIMS)


def mesh_with_points(
    structure: "Structure", mesh: Mesh, points: np.ndarray, symmetric: bool, symprec: float = 1e-5
) -> "Kpoints":
    """Return a mesh followed by points of no weight, for functionals that need the mesh beside a path.

    Args:
        structure: the crystal of the POSCAR.
        mesh: divisions.
        points: (n, 3) fractional, given weight 0.
        symmetric: reduce the mesh by symmetry and time reversal; otherwise all of it is listed.
        symprec: tolerance in Å, VASP's own default.
    """
    import spglib

    cell: Any = structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure]
    if symmetric:
        mapping, grid = spglib.get_ir_reciprocal_mesh(mesh, cell, is_shift=(0, 0, 0), symprec=symprec)
        places, counts = np.unique(mapping, return_counts=True)
        reduced = np.asarray(grid)[places] / np.array(mesh)
    else:
        reduced = np.array(list(product(*(range(n) for n in mesh)))) / np.array(mesh)
        counts = np.ones(len(reduced), dtype=int)
    weights = [int(count) for count in counts] + [0] * len(points)
    return _explicit("Mesh, then points without weight", np.vstack([reduced, points]), weights)


def _explicit(
    comment: str, points: np.ndarray, weights: list[int] | None = None, labels: list[str] | None = None
) -> "Kpoints":
    from pymatgen.io.vasp.inputs import Kpoints

    return Kpoints(
        comment=comment,
        style=Kpoints.supported_modes.Reciprocal,
        num_kpts=len(points),
        kpts=[tuple(round(float(x), 10) + 0.0 for x in point) for point in points],
        kpts_weights=weights or [1] * len(points),
        labels=labels or [""] * len(points),
    )
