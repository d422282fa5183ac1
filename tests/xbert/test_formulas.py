from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element

from xbert.crystals import Crystal, CrystalTable
from xbert.formulas import reduced_formulas

compositions = st.dictionaries(st.integers(1, 103), st.integers(1, 12), min_size=1, max_size=6)


def table(*contents: dict[int, int]) -> CrystalTable:
    crystals = []
    for content in contents:
        numbers = np.repeat(list(content), list(content.values())).astype(int)
        crystals.append(Crystal("x", np.eye(3), numbers, np.zeros((len(numbers), 3))))
    return CrystalTable.from_crystals(crystals)


@given(st.lists(compositions, min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_spelt_as_pymatgen_spells(contents: list[dict[int, int]]) -> None:
    expected = [Composition({Element.from_Z(z): n for z, n in c.items()}).reduced_formula for c in contents]
    assert reduced_formulas(table(*contents)).to_pylist() == expected


def test_brackets_and_molecules() -> None:
    names = ["K2Zr(IO3)6", "Li2O2", "O2", "NaCl", "Fe"]
    contents = [{19: 2, 40: 1, 53: 6, 8: 18}, {3: 4, 8: 4}, {8: 8}, {11: 4, 17: 4}, {26: 2}]
    assert reduced_formulas(table(*contents)).to_pylist() == names


def test_crystals_without_atoms_have_no_formula() -> None:
    assert reduced_formulas(table({}, {11: 1, 17: 1}, {})).to_pylist() == [None, "NaCl", None]
    assert reduced_formulas(table({})).to_pylist() == [None]
    assert reduced_formulas(CrystalTable.from_crystals([])).to_pylist() == []


def test_a_sample_of_real_crystals(shared: Path) -> None:
    crystals = CrystalTable.read_parquet(shared / "data" / "mp_structures.parquet").take(
        np.arange(0, 154_925, 150)
    )
    expected = [Composition(formula).reduced_formula for formula in crystals.arrow["formula"].to_pylist()]
    assert reduced_formulas(crystals).to_pylist() == expected
