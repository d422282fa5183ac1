import re
import time
from pathlib import Path

import numpy as np
import pytest

from xbert.crystals import Crystal, CrystalTable
from xbert.validation import Refusal, check, check_table

CUBIC = np.eye(3) * 5.6
NACL = (np.array([11, 17]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))


def crystal(lattice=CUBIC, numbers=NACL[0], frac=NACL[1], id="x") -> Crystal:
    return Crystal(
        id, np.asarray(lattice, float), np.asarray(numbers), np.asarray(frac, float).reshape(-1, 3)
    )


BAD = [
    (crystal(numbers=[], frac=[]), "no atoms"),
    (
        crystal(np.eye(3) * 50, [6] * 1001, np.random.default_rng(0).random((1001, 3))),
        "1,001 atoms, more than",
    ),
    (crystal(CUBIC * np.nan), "lattice holds nan"),
    (crystal(CUBIC + np.diag([np.inf, 0, 0])), "lattice holds inf"),
    (crystal(frac=[[0, 0, 0], [0.5, np.nan, 0.5]]), "atom 2 has the coordinates 0.5, nan, 0.5"),
    (crystal(frac=[[np.inf, 0, 0], [0.5, 0.5, 0.5]]), "atom 1 has the coordinates inf"),
    (crystal(frac=[[0, 0, 0], [0.5, 1e6, 0.5]]), r"far outside the cell"),
    (crystal(np.zeros((3, 3))), "no cell: all lattice vectors are zero"),
    (crystal(np.diag([5.0, 5, 0])), "lattice vector c is zero"),
    (crystal([[3, 0, 0], [0, 3, 0], [3, 3, 0]]), "lie in one plane"),
    (crystal(np.eye(3) * 0.9), r"volume per atom is 0.36[45] Å³, outside 1–10,000"),
    (crystal(np.eye(3) * 56), "volume per atom is 8.78e"),
    (crystal(numbers=[11, 0]), "atom 2 has atomic number 0"),
    (crystal(numbers=[119, 17]), "atom 1 has atomic number 119"),
    (crystal(frac=[[0, 0, 0], [0.05, 0, 0]]), r"atom 1 \(Na\) and atom 2 \(Cl\) are 0.280 Å apart"),
    (crystal(frac=[[0, 0, 0], [0.95, 0, 0]]), r"atom 1 \(Na\) and atom 2 \(Cl\) are 0.280 Å apart"),
    (
        crystal([[0.4, 0, 0], [0, 9, 0], [0, 0, 9]], [6], [[0, 0, 0]]),
        r"atom 1 \(C\) and its own image are 0.400",
    ),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_each_fault_is_refused_in_words(bad: Crystal, reason: str) -> None:
    refusal = check(bad, "f.cif")
    assert refusal is not None
    assert (refusal.file, refusal.id) == ("f.cif", "x")
    assert refusal.remedy
    assert re.search(reason, refusal.reason)


def test_a_good_crystal_passes() -> None:
    assert check(crystal()) is None
    assert check(crystal(frac=NACL[1] + 100)) is None


def test_atomic_numbers_beyond_a_byte_are_refused_too() -> None:
    assert "atom 2 has atomic number 300" in check(crystal(numbers=[11, 300])).reason
    assert "atom 1 has atomic number -3" in check(crystal(numbers=[-3, 17])).reason


def test_a_table_keeps_its_good_rows_and_tells_all_others() -> None:
    crystals = []
    for i, (bad, _) in enumerate(BAD):
        crystals += [crystal(id=f"good{i}"), Crystal(f"bad{i}", bad.lattice, bad.numbers, bad.frac_coords)]
    table = CrystalTable.from_crystals(crystals)
    good, refusals = check_table(table, "f")
    assert table.take(good).ids == [f"good{i}" for i in range(len(BAD))]
    assert [refusal.id for refusal in refusals] == [f"bad{i}" for i in range(len(BAD))]
    alone = [check(bad).reason for bad, _ in BAD]
    assert [refusal.reason for refusal in refusals] == alone


def test_source_file_column_names_the_file() -> None:
    table = CrystalTable.from_crystals([crystal(numbers=[0, 1])], {"source_file": ["a.cif"]})
    assert check_table(table)[1][0].file == "a.cif"
    assert check_table(table, "b.cif")[1][0].file == "b.cif"


def test_the_limit_on_atoms_can_be_moved() -> None:
    table = CrystalTable.from_crystals([crystal()])
    assert len(check_table(table, max_atoms=2)[0]) == 1
    assert "2 atoms, more than 1" in check_table(table, max_atoms=1)[1][0].reason


def test_empty_table() -> None:
    good, refusals = check_table(CrystalTable.from_crystals([]))
    assert len(good) == 0
    assert refusals == []


def test_a_refusal_prints_as_one_line() -> None:
    assert str(Refusal("f", "x", "it is odd", "make it even")) == "f x: it is odd; make it even"
    assert str(Refusal("", "", "it is odd", "make it even")) == "it is odd; make it even"


def test_materials_project_passes_but_for_three_overlaps(shared: Path) -> None:
    table = CrystalTable.read_parquet(shared / "data" / "mp_structures.parquet", columns=[])
    part = table.take(
        np.r_[0:20_000, [table.ids.index(id) for id in ("mp-729544", "mp-729891", "mp-795950")]]
    )
    start = time.perf_counter()
    good, refusals = check_table(part)
    assert len(part) / (time.perf_counter() - start) > 2000
    told = {refusal.id for refusal in refusals}
    assert told >= {"mp-729544", "mp-729891", "mp-795950"}
    assert len(good) + len(refusals) == len(part)
    assert all("less than 0.5 Å" in refusal.reason for refusal in refusals)
