"""Translationengleiche subgroups without inversion, one of each conjugacy class.

A translationengleiche subgroup keeps all translations of a space group and some of its point operations
(International Tables for Crystallography A1, section 1.2.6), so it keeps the primitive cell and with it
the number of electrons.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from xbert.crystals import Crystal


@dataclass(frozen=True)
class Operations:
    """The operations of a space group modulo its translations, in the basis of a primitive cell.

    Attributes:
        rotations: (g, 3, 3) int64.
        translations: (g, 3) float64, fractional.
        number: of the space group, 1–230.
    """

    rotations: np.ndarray
    translations: np.ndarray
    number: int

    @property
    def inversion(self) -> bool:
        """Whether inversion is among them."""
        return bool((self.rotations == -np.eye(3, dtype=np.int64)).all((1, 2)).any())


def operations_of(crystal: Crystal, symprec: float) -> Operations | None:
    """Ask spglib for the operations of a crystal given in a primitive cell; None where it finds none.

    Raises:
        ValueError: for a cell that is not primitive.
    """
    import spglib

    cell = (crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.numbers.tolist())
    try:
        found = spglib.get_symmetry_dataset(cell, symprec=symprec)
    except Exception:  # spglib raises its own kind from 2.7 on and answers None before
        return None
    if found is None:
        return None
    rotations = np.asarray(found.rotations, dtype=np.int64)
    if len(np.unique(rotations.reshape(-1, 9), axis=0)) < len(rotations):
        raise ValueError(f"{crystal.id} is not in a primitive cell; standardise it first")
    return Operations(rotations, np.asarray(found.translations, dtype=np.float64), int(found.number))


def inversionless_classes(rotations: np.ndarray) -> list[np.ndarray]:
    """Find the subgroups without inversion of a point group, one of each class of conjugates.

    Conjugate subgroups give the same crystals in another orientation.

    Args:
        rotations: (g, 3, 3) integer matrices that form a group.

    Returns:
        Ascending rows of ``rotations`` of each subgroup, larger ones first. The trivial group is among them.
    """
    whole = np.ascontiguousarray(rotations, dtype=np.int64)
    return [np.array(rows) for rows in _classes(whole.tobytes(), len(whole))]


def subgroup_number(operations: Operations, rows: np.ndarray, lattice: np.ndarray) -> int:
    """Space-group number of the subgroup that the operations at ``rows`` form; 0 if spglib finds none."""
    key = np.round(operations.translations[rows] % 1.0, 5) % 1.0
    rotations = np.ascontiguousarray(operations.rotations[rows])
    return _number(rotations.tobytes(), key.tobytes(), np.round(lattice.astype(float), 2).tobytes())


@lru_cache(maxsize=65536)
def _number(rotations: bytes, translations: bytes, lattice: bytes) -> int:
    import spglib

    try:
        found = spglib.get_spacegroup_type_from_symmetry(
            np.frombuffer(rotations, dtype=np.int64).reshape(-1, 3, 3),
            np.frombuffer(translations).reshape(-1, 3),
            lattice=np.frombuffer(lattice).reshape(3, 3),
            symprec=1e-3,
        )
    except Exception:  # as above
        return 0
    return int(found.number) if found is not None else 0


@lru_cache(maxsize=1024)
def _classes(content: bytes, order: int) -> tuple[tuple[int, ...], ...]:
    rotations = np.frombuffer(content, dtype=np.int64).reshape(order, 3, 3)
    product = multiplication_table(rotations)
    identity = int(np.flatnonzero((rotations == np.eye(3)).all((1, 2)))[0])
    inversion = set(np.flatnonzero((rotations == -np.eye(3)).all((1, 2))).tolist())
    inverse = (product == identity).argmax(1)
    found = {frozenset([identity])}
    fresh = set(found)
    while fresh:
        larger: set[frozenset[int]] = set()
        for group in fresh:
            tried: set[int] = set()
            for element in range(order):
                if element in group or element in tried:
                    continue
                joined = _generated(product, group | {element})
                tried |= joined if len(joined) == 2 * len(group) else {element}
                # What contains inversion has no larger group without it.
                if not joined & inversion:
                    larger.add(joined)
        fresh = larger - found
        found |= fresh
    classes: dict[frozenset[int], None] = {}
    seen: set[frozenset[int]] = set()
    for group in sorted(found, key=lambda g: (-len(g), sorted(g))):
        if group in seen:
            continue
        classes[group] = None
        for g in range(order):
            seen.add(frozenset(int(product[product[g, h], inverse[g]]) for h in group))
    return tuple(tuple(sorted(group)) for group in classes)


def multiplication_table(rotations: np.ndarray) -> np.ndarray:
    """Return (g, g) int64 rows of the products: ``rotations[table[i, j]] = rotations[i] @ rotations[j]``."""
    order = len(rotations)
    place = {matrix.tobytes(): row for row, matrix in enumerate(np.ascontiguousarray(rotations))}
    products = np.ascontiguousarray(np.einsum("iab,jbc->ijac", rotations, rotations))
    return np.array([[place[products[i, j].tobytes()] for j in range(order)] for i in range(order)])


def _generated(product: np.ndarray, generators: frozenset[int]) -> frozenset[int]:
    group = set(generators)
    while True:
        rows = np.array(sorted(group))
        grown = set(np.unique(product[np.ix_(rows, rows)]).tolist())
        if grown <= group:
            return frozenset(group)
        group |= grown
