import moyopy
import numpy as np
import pytest

from tests.sample_crystals import sample_table
from xbert.cells import conventional_lattices, free_angles, lattice_parameters
from xbert.crystals import CrystalTable
from xbert.symmetry import SYMPREC, standardise


def _moyo_parameters(crystal) -> np.ndarray:
    cell = moyopy.Cell(
        crystal.lattice.astype(float).tolist(),
        crystal.frac_coords.astype(float).tolist(),
        crystal.numbers.tolist(),
    )
    basis = np.array(moyopy.MoyoDataset(cell, symprec=SYMPREC).std_cell.basis)
    return lattice_parameters(basis[None])[0]


def _hold_against_moyopy(table: CrystalTable) -> None:
    cells = standardise(table)
    ours = lattice_parameters(conventional_lattices(cells.crystals.lattices, cells.spacegroup))
    theirs = np.array([_moyo_parameters(table[int(row)]) for row in cells.rows])
    np.testing.assert_allclose(ours, theirs, atol=2e-4)


def test_parameters_of_a_cell_with_known_ones() -> None:
    from ase.geometry import cellpar_to_cell

    expected = np.array([[3.0, 4.0, 5.0, 80.0, 95.0, 110.0], [2.0, 2.0, 7.0, 90.0, 90.0, 120.0]])
    np.testing.assert_allclose(
        lattice_parameters(np.array([cellpar_to_cell(row) for row in expected])), expected
    )


def test_conventional_cells_are_those_of_moyopy() -> None:
    _hold_against_moyopy(sample_table())


def test_conventional_cells_of_real_crystals_are_those_of_moyopy(shared) -> None:
    table = CrystalTable.read_parquet(shared / "data" / "mp_structures.parquet", [])
    _hold_against_moyopy(table.take(np.random.default_rng(0).choice(len(table), 300, replace=False)))


@pytest.mark.parametrize(
    ("number", "expected"),
    [(2, [True, True, True]), (14, [False, True, False]), (62, [False] * 3), (166, [False] * 3)],
)
def test_free_angles(number: int, expected: list[bool]) -> None:
    assert free_angles(np.array([number])).tolist() == [expected]
