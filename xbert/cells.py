"""Conventional cells of primitive ones, and the six lattice parameters."""

from functools import cache

import numpy as np

from xbert.spacegroups import space_group

PARAMETERS = ("a", "b", "c", "alpha", "beta", "gamma")
"""Lengths in Å, angles in degrees."""

# Conventional rows from primitive rows, by the first letter of the space-group symbol, for the primitive
# standard cell that moyopy returns (International Tables A, hexagonal axes for rhombohedral groups).
_CENTRING = {
    "P": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "A": ((1, 0, 0), (0, 1, -1), (0, 1, 1)),
    "C": ((1, 1, 0), (-1, 1, 0), (0, 0, 1)),
    "F": ((-1, 1, 1), (1, -1, 1), (1, 1, -1)),
    "I": ((0, 1, 1), (1, 0, 1), (1, 1, 0)),
    "R": ((1, -1, 0), (0, 1, -1), (1, 1, 1)),
}

# Which of α, β, γ the crystal system leaves free.
_FREE = {"triclinic": (True, True, True), "monoclinic": (False, True, False)}


def conventional_lattices(lattices: np.ndarray, spacegroup: np.ndarray) -> np.ndarray:
    """Return the lattices of the conventional standard cells of primitive standard cells.

    Args:
        lattices: (n, 3, 3) rows a, b, c in Å of primitive cells, as `xbert.symmetry.standardise` makes them.
        spacegroup: (n,) numbers.

    Returns:
        (n, 3, 3) float64.
    """
    found: np.ndarray = _centrings()[np.asarray(spacegroup, dtype=np.int64)] @ lattices.astype(np.float64)
    return found


def lattice_parameters(lattices: np.ndarray) -> np.ndarray:
    """Return (n, 6) a, b, c in Å and α, β, γ in degrees of (n, 3, 3) lattices."""
    lengths = np.linalg.norm(lattices, axis=-1)
    unit = lattices / lengths[..., None]
    cosines = np.stack([(unit[:, i] * unit[:, j]).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1))], axis=-1)
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0)))], axis=-1)


def free_angles(spacegroup: np.ndarray) -> np.ndarray:
    """Return (n, 3) bool: which angles of the conventional cell the crystal system does not fix."""
    fixed = (False, False, False)
    return np.array(
        [_FREE.get(space_group(int(number)).crystal_system, fixed) for number in spacegroup], dtype=bool
    ).reshape(-1, 3)


@cache
def _centrings() -> np.ndarray:
    table = np.tile(np.eye(3), (231, 1, 1))
    for number in range(1, 231):
        table[number] = _CENTRING[space_group(number).symbol[0]]
    table.setflags(write=False)
    return table
