"""Crystals that no program could treat, refused before any library is given them."""

from typing import TYPE_CHECKING

import numpy as np

from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.core import Structure

CLOSEST = 0.5
"""Å between two nuclei: the two of H2 are 0.74 apart, nothing in a crystal is closer."""

FLATTEST = 1e-3
"""Volume of the cell over the product of its edges: below it the vectors span no space."""

LOOK = "Look at the structure; `discover show` has that of a candidate."


def require_sound(structure: "Structure") -> None:
    """Refuse what is no crystal of ordered atoms; numbers that are none make spglib end the process.

    Raises:
        StepError: no atoms, partly occupied or dummy sites, numbers that are not finite, a flat cell, or
            atoms on top of each other.
    """
    from pymatgen.core import Element

    if not len(structure):
        raise StepError("the crystal has no atoms", LOOK)
    if not structure.is_ordered:
        raise StepError(
            f"{structure.composition.reduced_formula} has partly occupied sites",
            "Order it first, for example in a supercell: first principles know whole atoms only.",
        )
    strange = {str(s) for s in structure.species if not isinstance(getattr(s, "element", s), Element)}
    if strange:
        raise StepError(f"{', '.join(sorted(strange))} is no element", LOOK)
    lattice = np.asarray(structure.lattice.matrix, dtype=float)
    if not (np.isfinite(lattice).all() and np.isfinite(structure.frac_coords).all()):
        raise StepError("lattice or positions hold numbers that are not finite", LOOK)
    edges = np.linalg.norm(lattice, axis=1)
    if edges.min() < CLOSEST or abs(np.linalg.det(lattice)) < FLATTEST * edges.prod():
        raise StepError("the lattice vectors span no cell", LOOK)
    if len(structure) > 1:
        distances = structure.distance_matrix + 1e3 * np.eye(len(structure))
        i, j = np.unravel_index(distances.argmin(), distances.shape)
        if distances[i, j] < CLOSEST:
            raise StepError(
                f"atoms {int(i) + 1} ({structure[int(i)].specie}) and {int(j) + 1} "
                f"({structure[int(j)].specie}) are {distances[i, j]:.2f} Å apart",
                LOOK,
            )
