from pathlib import Path

import numpy as np
import pytest
import spglib

from tests.sample_crystals import disguise, sample_crystals, sample_table
from xbert.crystals import Crystal, CrystalTable
from xbert.symmetry import standardise


def test_space_groups_and_electrons_of_known_crystals() -> None:
    result = standardise(sample_table())
    assert result.failures == {}
    assert dict(zip(result.crystals.ids, result.spacegroup.tolist(), strict=True)) == {
        "Si": 227, "GaAs": 216, "W": 229, "Cu": 225, "ZnO": 186, "SiO2": 154, "TiO2": 136, "Bi2Se3": 166,
    }  # fmt: skip
    electrons = dict(zip(result.crystals.ids, result.n_electrons.tolist(), strict=True))
    assert electrons["Bi2Se3"] == 2 * 83 + 3 * 34  # the rhombohedral primitive cell, not the hexagonal one
    assert electrons["Cu"] == 29


@pytest.mark.parametrize("crystal", sample_crystals(), ids=lambda crystal: crystal.id)
def test_supercell_rotation_origin_and_order_do_not_matter(crystal: Crystal) -> None:
    rng = np.random.default_rng(1)
    plain = standardise(CrystalTable.from_crystals([crystal]))
    disguised = standardise(CrystalTable.from_crystals([disguise(crystal, rng, (2, 1, 2))]))
    assert disguised.spacegroup == plain.spacegroup
    assert disguised.n_electrons == plain.n_electrons
    assert len(disguised.crystals[0].numbers) == len(plain.crystals[0].numbers)
    assert disguised.crystals[0].volume == pytest.approx(plain.crystals[0].volume, rel=1e-4)


def test_both_tolerances_are_reported() -> None:
    crystal = sample_crystals()[2]
    bent = Crystal(
        "bent W", crystal.lattice * np.array([[1.01], [1], [1]]), crystal.numbers, crystal.frac_coords
    )
    result = standardise(CrystalTable.from_crystals([bent]))
    assert result.spacegroup[0] == 229
    assert result.spacegroup_tight[0] not in (0, 229)


def test_a_crystal_without_symmetry_data_is_a_failure_with_its_reason() -> None:
    flat = Crystal(
        "flat", np.zeros((3, 3), np.float32), np.array([6], np.uint8), np.zeros((1, 3), np.float32)
    )
    result = standardise(CrystalTable.from_crystals([*sample_crystals()[:1], flat]))
    assert result.rows.tolist() == [0]
    assert "0.1 Å" in result.failures[1]


def test_moyopy_agrees_with_spglib(shared: Path) -> None:
    table = CrystalTable.read_parquet(shared / "data" / "mp_structures.parquet", [])
    sample = table.take(np.random.default_rng(5).choice(len(table), 300, replace=False))
    result = standardise(sample)
    agree = agree_electrons = 0
    for row, number, electrons in zip(result.rows, result.spacegroup, result.n_electrons, strict=True):
        cell = sample[row]
        args = (cell.lattice.astype(float), cell.frac_coords.astype(float), cell.numbers.astype(int))
        agree += spglib.get_symmetry_dataset(args, symprec=0.1).number == number
        agree_electrons += int(spglib.find_primitive(args, symprec=0.1)[2].sum()) == electrons
    # The two differ only where a crystal lies at the edge of the tolerance.
    assert agree >= 0.97 * len(sample)
    assert agree_electrons >= 0.98 * len(sample)


def test_space_groups_equal_those_of_the_label_sources(shared: Path) -> None:
    name = "spacegroup_symprec_0.1"
    table = CrystalTable.read_parquet(shared / "data" / "mp_structures.parquet", [name])
    sample = table.take(np.arange(0, len(table), 500))
    result = standardise(sample)
    stated = sample.arrow.column(name).to_numpy()[result.rows]
    assert (result.spacegroup == stated).mean() > 0.995
