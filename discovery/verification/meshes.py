"""K-points that any engine needs: uniform meshes, their irreducible number, the eight TRIMs."""

from itertools import product
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

Mesh = tuple[int, int, int]

TRIMS: np.ndarray = np.array(list(product((0.0, 0.5), repeat=3)))
"""(8, 3) fractional time-reversal invariant momenta, last component fastest."""


def mesh_of(structure: "Structure", spacing: float) -> Mesh:
    """Return divisions such that neighbouring points are at most ``spacing`` (1/Å, 2π included) apart."""
    a, b, c = (max(1, ceil(length / spacing - 1e-6)) for length in structure.lattice.reciprocal_lattice.abc)
    return a, b, c


def irreducible_count(structure: "Structure", mesh: Mesh, symprec: float = 1e-5) -> int:
    """Return how many points of a Γ-centred mesh symmetry and time reversal leave."""
    import spglib

    cell: Any = (structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure])
    mapping, _ = spglib.get_ir_reciprocal_mesh(mesh, cell, is_shift=(0, 0, 0), symprec=symprec)
    return len(np.unique(mapping))
