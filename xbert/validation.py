"""What makes a crystal unusable, said in words with its remedy."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xbert.crystals import Crystal, CrystalTable
from xbert.overlaps import find_overlaps

MAX_ATOMS = 1000
MAX_ATOMIC_NUMBER = 118
MIN_DISTANCE = 0.5
"""Å; the shortest bond there is, H–H, is 0.74 Å."""
VOLUME_PER_ATOM = (1.0, 10_000.0)
"""Å³; diamond has 5.7, hydrogen at 500 GPa 1.4, the emptiest Materials Project entry 3,700."""
MAX_FRACTIONAL = 1000.0
"""Single precision places an atom within 0.001 Å up to about a thousand cells from the origin."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A crystal, or a whole file, that was left out.

    Attributes:
        file: where it came from; empty for crystals that were never in a file.
        id: name of the crystal; empty when the whole file is refused.
        reason: what is wrong, with the numbers.
        remedy: what to do about it.
    """

    file: str
    id: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        where = " ".join(part for part in (self.file, self.id) if part)
        return f"{where}: {self.reason}; {self.remedy}" if where else f"{self.reason}; {self.remedy}"


def check(crystal: Crystal, file: str = "", max_atoms: int = MAX_ATOMS) -> Refusal | None:
    """Return why a crystal cannot be used, or None when it can."""
    beyond = [int(z) for z in crystal.numbers if not 0 <= z <= 255]
    if beyond:
        reason, remedy = _unknown_element(list(crystal.numbers).index(beyond[0]), beyond[0])
        return Refusal(file, crystal.id, reason, remedy)
    _, refusals = check_table(CrystalTable.from_crystals([crystal]), file, max_atoms)
    return refusals[0] if refusals else None


def check_table(
    table: CrystalTable, file: str = "", max_atoms: int = MAX_ATOMS
) -> tuple[np.ndarray, list[Refusal]]:
    """Separate the crystals that can be used from those that cannot.

    Refused are crystals without atoms or with more than ``max_atoms``, non-finite or far-away numbers, a
    missing, flat or absurdly dense or empty cell, atomic numbers outside 1–118, and atoms closer than
    0.5 Å, periodic images included. The first thing found wrong is the reason.

    Args:
        table: the crystals.
        file: where they came from; empty takes each row's ``source_file`` column, if there is one.
        max_atoms: atoms allowed in a cell.

    Returns:
        (k,) int64 rows that can be used, ascending, and one refusal for each other row, in table order.
    """
    wrong: dict[int, tuple[str, str]] = {}
    good = np.ones(len(table), dtype=bool)
    for find in (_atom_counts(max_atoms), _numbers, _cells, _elements):
        for row, reason, remedy in find(table, good):
            wrong[row] = (reason, remedy)
            good[row] = False
    for row, reason, remedy in _overlaps(table, good):
        wrong[row] = (reason, remedy)
        good[row] = False
    refusals = []
    if wrong:
        ids = table.arrow.column("id")
        own = "source_file" in table.arrow.column_names and not file
        files = table.arrow.column("source_file") if own else None
        for row in sorted(wrong):
            where = file if files is None else files[row].as_py() or ""
            refusals.append(Refusal(where, ids[row].as_py() or "", *wrong[row]))
    return np.flatnonzero(good), refusals


Wrong = list[tuple[int, str, str]]
"""Row, reason and remedy of each crystal that a check refuses."""


def _atom_counts(max_atoms: int) -> Callable[[CrystalTable, np.ndarray], Wrong]:
    def find(table: CrystalTable, good: np.ndarray) -> Wrong:
        counts = table.n_atoms
        empty: Wrong = [
            (row, "it has no atoms", "check that the atom list was exported")
            for row in np.flatnonzero(good & (counts == 0)).tolist()
        ]
        return empty + [
            (
                row,
                f"its cell holds {counts[row]:,} atoms, more than {max_atoms:,}",
                "reduce it to its primitive cell, or raise the limit (max_atoms)",
            )
            for row in np.flatnonzero(good & (counts > max_atoms)).tolist()
        ]

    return find


def _numbers(table: CrystalTable, good: np.ndarray) -> Wrong:
    cells = np.flatnonzero(good & ~np.isfinite(table.lattices).all(axis=(1, 2))).tolist()
    found: Wrong = [
        (row, f"its lattice holds {_odd(table.lattices[row])}", "give the lattice in finite numbers, in Å")
        for row in cells
    ]
    refused = set(cells)
    with np.errstate(invalid="ignore"):
        far = ~(np.abs(table.frac_flat) <= MAX_FRACTIONAL).all(axis=1)
    for row, atom in _first_atoms(table, far, good):
        if row in refused:
            continue
        values = table.frac_flat[table.offsets[row] + atom]
        if np.isfinite(values).all():
            reason = f"atom {atom + 1} has fractional coordinates {_listed(values)}, far outside the cell"
            remedy = "check that the coordinates are fractional, and wrap them into the cell"
        else:
            reason = f"atom {atom + 1} has the coordinates {_listed(values)}"
            remedy = "give every atom finite coordinates, or leave it out"
        found.append((row, reason, remedy))
    return found


def _cells(table: CrystalTable, good: np.ndarray) -> Wrong:
    rows = np.flatnonzero(good)
    cells = table.lattices[rows].astype(np.float64)
    lengths = np.linalg.norm(cells, axis=2)
    volumes = np.abs(np.linalg.det(cells))
    per_atom = volumes / table.n_atoms[rows]
    low, high = VOLUME_PER_ATOM
    flat = volumes <= 1e-6 * lengths.prod(axis=1)
    found: Wrong = []
    for i in np.flatnonzero(flat | ~(per_atom >= low) | ~(per_atom <= high)):
        if not lengths[i].any():
            reason = "it has no cell: all lattice vectors are zero"
            remedy = "give it a cell; a molecule is not a crystal"
        elif not lengths[i].all():
            reason = f"lattice vector {'abc'[int(lengths[i].argmin())]} is zero"
            remedy = "give all three lattice vectors; a layer or chain needs vacuum along the others"
        elif flat[i]:
            reason = f"its lattice vectors lie in one plane (volume {volumes[i]:.3g} Å³)"
            remedy = "give three independent lattice vectors"
        else:
            reason = f"its volume per atom is {per_atom[i]:.3g} Å³, outside {low:g}–{high:,g}"
            remedy = "check the unit of the lattice (Å) and the scaling factor"
        found.append((int(rows[i]), reason, remedy))
    return found


def _elements(table: CrystalTable, good: np.ndarray) -> Wrong:
    unknown = (table.numbers_flat == 0) | (table.numbers_flat > MAX_ATOMIC_NUMBER)
    return [
        (row, *_unknown_element(atom, table.numbers_flat[table.offsets[row] + atom]))
        for row, atom in _first_atoms(table, unknown, good)
    ]


def _unknown_element(atom: int, number: int) -> tuple[str, str]:
    return (
        f"atom {atom + 1} has atomic number {number}",
        f"give a real element (1–{MAX_ATOMIC_NUMBER}) at every site; remove dummy atoms",
    )


def _overlaps(table: CrystalTable, good: np.ndarray) -> Wrong:
    rows = np.flatnonzero(good)
    if not len(rows):
        return []
    some = table if len(rows) == len(table) else table.take(rows)
    overlaps = find_overlaps(some.lattices, some.frac_flat, some.offsets, MIN_DISTANCE)
    found: Wrong = []
    for i, distance, (first, second) in zip(overlaps.rows, overlaps.distances, overlaps.pairs, strict=True):
        a, b = (_atom(some, i, atom) for atom in (first, second))
        pair = f"{a} and its own image" if first == second else f"{a} and {b}"
        remedy = "check the cell and the symmetry; for a disordered site keep one ordered choice"
        found.append((int(rows[i]), f"{pair} are {distance:.3f} Å apart, less than {MIN_DISTANCE} Å", remedy))
    return found


def _first_atoms(table: CrystalTable, marked: np.ndarray, good: np.ndarray) -> list[tuple[int, int]]:
    """(row, atom) of the first marked atom in each good crystal that has one."""
    atoms = np.flatnonzero(marked)
    rows = np.searchsorted(table.offsets, atoms, side="right") - 1
    rows, first = np.unique(rows, return_index=True)
    return [
        (int(row), int(atom - table.offsets[row]))
        for row, atom in zip(rows, atoms[first], strict=True)
        if good[row]
    ]


def _atom(table: CrystalTable, row: int, atom: int) -> str:
    from ase.data import chemical_symbols

    number = int(table.numbers_flat[table.offsets[row] + atom])
    return f"atom {atom + 1} ({chemical_symbols[number]})"


def _listed(values: np.ndarray) -> str:
    return ", ".join(f"{value:.4g}" for value in values)


def _odd(values: np.ndarray) -> str:
    return f"{values[~np.isfinite(values)].flat[0]}"
