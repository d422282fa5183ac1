"""Primitive standardisation and space groups of many crystals.

moyopy does the work (about seven times faster than spglib); the tests hold it against spglib.
"""

import logging
from dataclasses import dataclass

import numpy as np

from xbert.crystals import Crystal, CrystalTable

SYMPREC = 0.1
"""Tolerance in Å of the standardisation; the label databases used the same."""

TIGHT_SYMPREC = 0.01
"""Tolerance in Å of the space group that is reported beside it."""

# moyopy tells of every non-primitive input, which here is the normal case.
logging.getLogger("moyo").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Standardised:
    """Crystals brought to their primitive standard cell.

    Attributes:
        crystals: (m,) primitive cells, sites idealised, of the rows that could be standardised.
        rows: (m,) their rows in the input.
        spacegroup: (m,) space-group number at ``symprec``.
        spacegroup_tight: (m,) space-group number at ``TIGHT_SYMPREC``, 0 where none was found.
        n_electrons: (m,) electrons of the neutral primitive cell.
        failures: row → reason, for the others.
        symprec: tolerance in Å.
    """

    crystals: CrystalTable
    rows: np.ndarray
    spacegroup: np.ndarray
    spacegroup_tight: np.ndarray
    n_electrons: np.ndarray
    failures: dict[int, str]
    symprec: float


def standardise(table: CrystalTable, symprec: float = SYMPREC) -> Standardised:
    """Bring every crystal to its primitive standard cell and find its space group.

    The result does not depend on the setting, origin, orientation, order of atoms or supercell that
    the input happened to use.

    Args:
        table: crystals in any cell.
        symprec: tolerance in Å.
    """
    cells: list[Crystal] = []
    rows: list[int] = []
    numbers: list[int] = []
    tight: list[int] = []
    failures: dict[int, str] = {}
    for row, crystal in enumerate(table):
        try:
            number, cell = _primitive(crystal, symprec)
        except _NoSymmetryError as error:
            failures[row] = str(error)
            continue
        cells.append(cell)
        rows.append(row)
        numbers.append(number)
        tight.append(_number(crystal, TIGHT_SYMPREC))
    electrons = [int(cell.numbers.sum(dtype=np.int64)) for cell in cells]
    return Standardised(
        CrystalTable.from_crystals(cells),
        np.array(rows, dtype=np.int64),
        np.array(numbers, dtype=np.int16),
        np.array(tight, dtype=np.int16),
        np.array(electrons, dtype=np.int64),
        failures,
        symprec,
    )


class _NoSymmetryError(ValueError):
    pass


def _primitive(crystal: Crystal, symprec: float) -> tuple[int, Crystal]:
    dataset = _dataset(crystal, symprec)
    cell = dataset.prim_std_cell
    return dataset.number, Crystal(
        crystal.id,
        np.array(cell.basis, dtype=np.float64),
        np.array(cell.numbers, dtype=np.uint8),
        np.array(cell.positions, dtype=np.float64).reshape(-1, 3) % 1.0,
    )


def _number(crystal: Crystal, symprec: float) -> int:
    try:
        return _dataset(crystal, symprec).number
    except _NoSymmetryError:
        return 0


def _dataset(crystal: Crystal, symprec: float):  # type: ignore[no-untyped-def]
    import moyopy

    try:
        cell = moyopy.Cell(
            basis=crystal.lattice.astype(np.float64).tolist(),
            positions=crystal.frac_coords.astype(np.float64).tolist(),
            numbers=crystal.numbers.tolist(),
        )
        return moyopy.MoyoDataset(cell, symprec=symprec)
    except Exception as error:  # moyopy raises its own kinds, of no common base
        raise _NoSymmetryError(f"no space group at {symprec} Å ({error})") from None
