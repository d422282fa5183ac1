import gzip
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xbert.crystals import Crystal, CrystalTable
from xbert.readers import iter_crystals
from xbert.validation import check, check_table
from xbert.writers import write_crystals

# Line separators of Unicode split a comment line; surrogates are no text.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
ids = st.one_of(
    texts.filter(bool), st.sampled_from(["007", "T", "nan", "1 2 3", "a b", "NaCl", "?", "global", "_JSON 1"])
)
values = st.fixed_dictionaries(
    {
        "gap": st.none() | st.floats(-1e6, 1e6),
        "count": st.none() | st.integers(-(2**53), 2**53),
        "metal": st.none() | st.booleans(),
        "note": st.none() | texts.filter(bool),
    }
)


@st.composite
def crystals(draw: st.DrawFn) -> Crystal:
    lattice = np.diag(draw(st.tuples(*[st.floats(3, 12)] * 3))) + draw(
        arrays(float, (3, 3), elements=st.floats(-2, 2))
    )
    if draw(st.booleans()):
        lattice = lattice[[1, 0, 2]]
    numbers = draw(st.lists(st.integers(1, 118), min_size=1, max_size=4))
    frac = draw(arrays(float, (len(numbers), 3), elements=st.floats(-1, 2)))
    crystal = Crystal(draw(ids), lattice.astype(np.float32), np.array(numbers), frac.astype(np.float32))
    assume(check(crystal) is None)
    return crystal


tables = st.lists(st.tuples(crystals(), values), min_size=1, max_size=4, unique_by=lambda pair: pair[0].id)


def table_of(pairs: list[tuple[Crystal, dict]]) -> CrystalTable:
    names = pairs[0][1]
    return CrystalTable.from_crystals(
        [crystal for crystal, _ in pairs], {name: [row[name] for _, row in pairs] for name in names}
    )


def round_trip(table: CrystalTable, name: str) -> CrystalTable:
    with TemporaryDirectory() as folder:
        write_crystals(table, Path(folder, name))
        ((again, refusals),) = iter_crystals([Path(folder, name)])
    assert refusals == []
    return again


def assert_same_crystals(table: CrystalTable, again: CrystalTable) -> None:
    assert again.ids == table.ids
    for one, other in zip(table, again, strict=True):
        assert one.numbers.tolist() == other.numbers.tolist()
        # The shape of the cell and the places in it; a CIF knows no orientation.
        metric = one.lattice.astype(float) @ one.lattice.astype(float).T
        np.testing.assert_allclose(other.lattice.astype(float) @ other.lattice.T, metric, atol=1e-4)
        assert np.sign(np.linalg.det(other.lattice)) in (1, np.sign(np.linalg.det(one.lattice)))
        turned = np.sign(np.linalg.det(one.lattice)) * np.sign(np.linalg.det(other.lattice))
        np.testing.assert_allclose(turned * other.frac_coords, one.frac_coords, atol=2e-6)


def given_tables(test: Callable) -> Callable:
    return settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )(given(tables)(test))


@given_tables
def test_parquet_keeps_everything(pairs: list[tuple[Crystal, dict]]) -> None:
    table = table_of(pairs)
    again = round_trip(table, "t.parquet")
    np.testing.assert_array_equal(again.lattices, table.lattices)
    np.testing.assert_array_equal(again.frac_flat, table.frac_flat)
    assert again.arrow.drop_columns("source_file").equals(table.arrow)


@given_tables
def test_extxyz_keeps_geometry_and_plain_properties(pairs: list[tuple[Crystal, dict]]) -> None:
    table = table_of(pairs)
    again = round_trip(table, "t.extxyz")
    assert_same_crystals(table, again)
    np.testing.assert_allclose(again.lattices, table.lattices, atol=1e-5)
    rows = again.arrow.to_pylist()
    for (_, expected), row in zip(pairs, rows, strict=True):
        assert {name: row.get(name) for name in expected} == expected


@given_tables
def test_cif_keeps_ids_and_geometry(pairs: list[tuple[Crystal, dict]]) -> None:
    table = table_of(pairs)
    assert_same_crystals(table, round_trip(table, "t.cif"))


def turned(table: CrystalTable, angles: tuple[float, float, float]) -> CrystalTable:
    from scipy.spatial.transform import Rotation

    lattices = table.lattices @ Rotation.from_euler("xyz", angles).as_matrix().T
    return CrystalTable.from_arrays(table.ids, lattices, table.numbers_flat, table.frac_flat, table.offsets)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables, st.tuples(*[st.floats(0, 6.2)] * 3))
def test_turning_the_lattice_changes_no_fractional_coordinate(
    pairs: list[tuple[Crystal, dict]], angles: tuple[float, float, float]
) -> None:
    table = table_of(pairs)
    rotated = turned(table, angles)
    for name in ("t.cif", "t.xyz"):
        one, other = round_trip(table, name), round_trip(rotated, name)
        np.testing.assert_allclose(one.frac_flat, other.frac_flat, atol=2e-6)


def quartz() -> CrystalTable:
    """Left-handed cell of right-handed quartz."""
    import ase.spacegroup

    atoms = ase.spacegroup.crystal(
        ["Si", "O"],
        [(0.4697, 0, 2 / 3), (0.4135, 0.2669, 0.7858)],
        spacegroup=154,
        cellpar=[4.916, 4.916, 5.405, 90, 90, 120],
    )
    lattice = np.array(atoms.cell)[[1, 0, 2]]
    return CrystalTable.from_crystals(
        [Crystal("quartz", lattice, atoms.numbers, atoms.get_scaled_positions()[:, [1, 0, 2]])]
    )


def test_cif_keeps_the_hand_of_a_crystal_in_a_left_handed_cell() -> None:
    import spglib

    table = quartz()
    assert np.linalg.det(table.lattices[0]) < 0
    (crystal,) = round_trip(table, "t.cif")
    numbers = [
        spglib.get_symmetry_dataset((c.lattice, c.frac_coords, c.numbers), symprec=1e-3).number
        for c in (table[0], crystal)
    ]
    assert numbers == [154, 154]


def test_other_programs_read_what_is_written(tmp_path: Path) -> None:
    import ase.io
    from pymatgen.core import Structure

    table = quartz()
    write_crystals(table, tmp_path / "q.cif")
    write_crystals(table, tmp_path / "q.xyz.gz")
    structure = Structure.from_file(tmp_path / "q.cif")
    atoms = ase.io.read(tmp_path / "q.xyz.gz", format="extxyz")
    assert structure.composition.reduced_formula == "SiO2"
    assert atoms.get_chemical_formula() == "O6Si3"
    assert structure.volume == pytest.approx(atoms.get_volume(), rel=1e-5)


@pytest.mark.parametrize("suffix", ["cif", "extxyz"])
def test_zipped_texts_hold_the_same_and_no_time(suffix: str, tmp_path: Path) -> None:
    plain, zipped = tmp_path / f"a.{suffix}", tmp_path / f"a.{suffix}.gz"
    for path in (plain, zipped):
        write_crystals(quartz(), path)
    first = zipped.read_bytes()
    assert gzip.decompress(first) == plain.read_bytes()
    write_crystals(quartz(), zipped)
    assert zipped.read_bytes() == first


def test_cif_blocks_have_names_of_their_own() -> None:
    crystal = quartz()[0]
    table = CrystalTable.from_crystals(
        [
            Crystal(id, crystal.lattice, crystal.numbers, crystal.frac_coords)
            for id in ("a b", "a_b", "A_B", "ä")
        ]
    )
    assert round_trip(table, "t.cif").ids == table.ids


@pytest.mark.parametrize("name", ["t.txt", "t", "t.parquet.gz", "t.db"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"must end in one of \.parquet, \.extxyz"):
        write_crystals(quartz(), tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_crystal_without_a_cell_makes_no_cif(tmp_path: Path) -> None:
    flat = CrystalTable.from_crystals([Crystal("flat", np.zeros((3, 3)), np.array([1]), np.zeros((1, 3)))])
    with pytest.raises(ValueError, match="cannot write flat as CIF"):
        write_crystals(flat, tmp_path / "t.cif")


@pytest.mark.parametrize("name", ["t.parquet", "t.cif", "t.xyz"])
def test_an_empty_table_is_written(name: str, tmp_path: Path) -> None:
    write_crystals(CrystalTable.from_crystals([]), tmp_path / name)
    ((table, refusals),) = iter_crystals([tmp_path / name])
    assert len(table) == 0
    assert refusals == [] or "no crystals" in refusals[0].reason


def test_a_written_table_is_as_good_as_before(shared: Path) -> None:
    table = CrystalTable.read_parquet(shared / "data" / "mp_structures.parquet").slice(0, 200)
    assert len(check_table(table)[0]) == 200
    for name in ("t.cif", "t.extxyz"):
        assert_same_crystals(table, round_trip(table, name))
