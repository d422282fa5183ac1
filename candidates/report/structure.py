"""A crystal as a scene that the page's viewer draws: balls, sticks and the edges of its cell."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from candidates.records import Candidate

SYMPREC = 0.1
"""Tolerance of the conventional cell, Å; the one at which screens find the space group."""

MOST_ATOMS = 400
"""Larger cells are shown without their conventional cell."""

BOND_LENGTH = 1.12
"""Atoms are joined when closer than this times the sum of their covalent radii."""

EDGE = 0.03
"""Atoms this close to a face, as a fraction of the cell, are shown on the opposite face too."""

NON_METALS = frozenset(
    (1, 2, 5, 6, 7, 8, 9, 10, 14, 15, 16, 17, 18, 32, 33, 34, 35, 36, 51, 52, 53, 54, 85, 86)
)
"""Atomic numbers; where there are any, two metals are not joined, however close."""

MOST_SHOWN = 600
"""Atoms beyond which coordination shells are not completed."""

_CORNERS = np.array(list(product((0, 1), repeat=3)))


def scenes(candidate: Candidate) -> dict[str, dict[str, Any]]:
    """Return the cells of a crystal for the viewer, the conventional one first where it is another.

    Each holds ``elements`` (symbol, colour, radius in Å), ``atoms`` (x, y, z, number of the element,
    fractional coordinates), ``bonds`` (pairs of atoms), ``lines`` (edges of the cell) and ``labels``; lengths
    in Å from the middle of the cell. Colours are Jmol's, radii covalent (B. Cordero et al., Dalton Trans.
    2008, 2832), both as tabulated in ASE.
    """
    lattice = np.reshape(candidate.lattice, (3, 3))
    positions = np.reshape(candidate.frac_coords, (-1, 3)) % 1.0
    numbers = np.array(candidate.atomic_numbers)
    found = {"primitive": _scene(lattice, positions, numbers)}
    conventional = _conventional(lattice, positions, numbers)
    if conventional is not None and len(conventional[2]) != len(numbers):
        found = {"conventional": _scene(*conventional)} | found
    return found


def cif(candidate: Candidate) -> str:
    """Return the primitive cell as a CIF without symmetry."""
    from io import BytesIO

    from ase import Atoms
    from ase.io import write

    atoms = Atoms(
        numbers=candidate.atomic_numbers,
        scaled_positions=np.reshape(candidate.frac_coords, (-1, 3)),
        cell=np.reshape(candidate.lattice, (3, 3)),
        pbc=True,
    )
    file = BytesIO()
    write(file, atoms, format="cif")
    return file.getvalue().decode()


def _conventional(
    lattice: np.ndarray, positions: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    import warnings

    import spglib

    if len(numbers) > MOST_ATOMS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of spglib's error handling; None is looked at
        try:
            cell = spglib.standardize_cell(
                (lattice.tolist(), positions.tolist(), numbers.tolist()), symprec=SYMPREC
            )
        except Exception:  # spglib raises its own kinds for cells that it does not understand
            return None
    return None if cell is None else (np.array(cell[0]), np.array(cell[1]) % 1.0, np.array(cell[2]))


def _scene(lattice: np.ndarray, positions: np.ndarray, numbers: np.ndarray) -> dict[str, Any]:
    from ase.data import chemical_symbols, covalent_radii
    from ase.data.colors import jmol_colors

    kinds = sorted(set(numbers.tolist()))
    fractional, owner = _with_faces(positions)
    fractional, owner = _with_shells(fractional, owner, lattice, positions, numbers)
    places = (fractional - 0.5) @ lattice
    kind = np.array([kinds.index(z) for z in numbers[owner]])
    edges = [(a, b) for a in _CORNERS for b in _CORNERS if (b - a).sum() == 1 and (b - a).min() == 0]
    corners = [((a - 0.5) @ lattice, (b - 0.5) @ lattice) for a, b in edges]
    names = [((np.eye(3)[i] * 1.1 - 0.5) @ lattice, name) for i, name in enumerate("abc")]
    return {
        "elements": [
            {
                "symbol": chemical_symbols[z],
                "colour": [round(255 * float(c)) for c in jmol_colors[z]],
                "radius": round(float(0.44 * covalent_radii[z]), 3),
            }
            for z in kinds
        ],
        "atoms": [
            [*_round(xyz), int(k), *_round(uvw)] for xyz, k, uvw in zip(places, kind, fractional, strict=True)
        ],
        "bonds": [
            [int(i), int(j)]
            for i, j in np.argwhere(np.triu(_joined(places, places, numbers[owner], numbers[owner]), 1))
        ],
        "lines": [[*_round(a), *_round(b), "cell"] for a, b in corners],
        "labels": [[*_round(at), name] for at, name in names],
        "directions": [_round(row) for row in lattice],
    }


def _with_faces(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Repeat atoms on faces, edges and corners on the opposite ones; return coordinates and owners."""
    found, owner = [], []
    for i, at in enumerate(positions):
        near = np.where(at > 1 - EDGE, at - 1, at)
        moves = product(*[(0, 1) if abs(x) < EDGE else (0,) for x in near])
        for move in moves:
            found.append(near + move)
            owner.append(i)
    return np.array(found), np.array(owner)


def _with_shells(
    fractional: np.ndarray, owner: np.ndarray, lattice: np.ndarray, positions: np.ndarray, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Add the atoms outside that complete the shells of those with more neighbours than their neighbours."""
    if len(fractional) > MOST_SHOWN // 2:
        return fractional, owner
    moves = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)))
    around = (positions[None] + moves[:, None]).reshape(-1, 3)
    number_around = np.tile(np.arange(len(positions)), len(moves))
    near = _joined(positions @ lattice, around @ lattice, numbers, numbers[number_around])
    coordination = near.sum(axis=1)
    joined = _joined(fractional @ lattice, around @ lattice, numbers[owner], numbers[number_around])
    wanted = joined & (coordination[owner][:, None] > coordination[number_around][None])
    more = np.flatnonzero(wanted.any(axis=0))
    shown = {tuple(np.round(at, 3)) for at in fractional}
    new = [i for i in more if tuple(np.round(around[i], 3)) not in shown]
    if len(fractional) + len(new) > MOST_SHOWN:
        return fractional, owner
    return np.concatenate([fractional, around[new]]), np.concatenate([owner, number_around[new]]).astype(int)


def _joined(a: np.ndarray, b: np.ndarray, numbers_a: np.ndarray, numbers_b: np.ndarray) -> np.ndarray:
    """Return (n, m) bool: which atoms of ``a`` and ``b``, places in Å, are close enough to be joined."""
    from ase.data import covalent_radii

    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    reach = BOND_LENGTH * (covalent_radii[numbers_a][:, None] + covalent_radii[numbers_b][None])
    metal_a, metal_b = (~np.isin(n, list(NON_METALS)) for n in (numbers_a, numbers_b))
    ionic = not (metal_a.all() and metal_b.all())
    both_metals = metal_a[:, None] & metal_b[None]
    return (distance < reach) & (distance > 0.4) & ~(both_metals & ionic)


def _round(values: Sequence[float] | np.ndarray) -> list[float]:
    return [round(float(x), 4) for x in values]
