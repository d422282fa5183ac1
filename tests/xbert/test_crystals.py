import numpy as np
import pyarrow as pa
import pytest

from xbert.crystals import Crystal, CrystalTable


@pytest.fixture
def table() -> CrystalTable:
    rng = np.random.default_rng(0)
    crystals = [
        Crystal(f"c{n}", np.diag([3.0 + n, 4, 5]), rng.integers(1, 90, n), rng.random((n, 3)))
        for n in (2, 1, 0, 4)
    ]
    return CrystalTable.from_crystals(crystals, {"gap": [0.5, None, 1.5, 2.0]})


def buffer(table: CrystalTable, name: str) -> np.ndarray:
    return table.arrow.column(name).chunk(0).values.to_numpy()


@pytest.mark.parametrize(
    ("view", "column"),
    [("lattices", "lattice"), ("numbers_flat", "atomic_numbers"), ("frac_flat", "frac_coords")],
)
def test_views_share_memory_with_the_arrow_buffers(table: CrystalTable, view: str, column: str) -> None:
    assert np.shares_memory(getattr(table, view), buffer(table, column))
    part = table.slice(1, 3)
    assert np.shares_memory(getattr(part, view), buffer(table, column))
    assert np.shares_memory(getattr(next(table.batches(2)), view), buffer(table, column))


def test_arrays_given_in_the_right_type_are_not_copied() -> None:
    numbers = np.array([11, 17], np.uint8)
    frac = np.array([[0, 0, 0], [0.5, 0.5, 0.5]], np.float32)
    table = CrystalTable.from_arrays(["x"], np.eye(3)[None] * 4, numbers, frac, np.array([0, 2]))
    assert np.shares_memory(table.numbers_flat, numbers)
    assert np.shares_memory(table.frac_flat, frac)


def test_rows_and_offsets(table: CrystalTable) -> None:
    assert table.offsets.tolist() == [0, 2, 3, 3, 7]
    assert table.n_atoms.tolist() == [2, 1, 0, 4]
    assert [crystal.id for crystal in table] == table.ids == ["c2", "c1", "c0", "c4"]
    assert table[-1].id == "c4"
    assert table[3].frac_coords.shape == (4, 3)
    assert table[0].volume == pytest.approx(100)
    with pytest.raises(IndexError, match="row 4 of a table of 4 crystals"):
        table[4]


def test_slice_and_take_keep_rows_whole(table: CrystalTable) -> None:
    part = table.slice(1)
    taken = table.take([3, 0, 3])
    assert part.ids == ["c1", "c0", "c4"]
    assert part.offsets.tolist() == [0, 1, 1, 5]
    np.testing.assert_array_equal(part[2].frac_coords, table[3].frac_coords)
    assert taken.ids == ["c4", "c2", "c4"]
    np.testing.assert_array_equal(taken[1].numbers, table[0].numbers)
    assert taken.arrow.column("gap").to_pylist() == [2.0, 0.5, 2.0]
    assert [batch.ids for batch in table.batches(3)] == [["c2", "c1", "c0"], ["c4"]]
    assert len(table.slice(4)) == 0


def test_slices_of_slices(table: CrystalTable) -> None:
    part = table.slice(1).slice(2)
    np.testing.assert_array_equal(part.lattices, table.lattices[3:])
    np.testing.assert_array_equal(part.frac_flat, table[3].frac_coords)


def test_with_columns_adds_and_replaces(table: CrystalTable) -> None:
    wider = table.with_columns({"gap": [1, 2, 3, 4], "note": ["a", None, "b", "c"]})
    assert wider.property_names == ["gap", "note"]
    assert wider.arrow.column("gap").to_pylist() == [1, 2, 3, 4]
    assert table.arrow.column("gap").to_pylist() == [0.5, None, 1.5, 2.0]
    with pytest.raises(pa.ArrowInvalid):
        table.with_columns({"gap": [1]})


def test_empty_table() -> None:
    table = CrystalTable.from_crystals([])
    assert len(table) == 0
    assert table.lattices.shape == (0, 3, 3)
    assert table.frac_flat.shape == (0, 3)
    assert table.offsets.tolist() == [0]
    assert list(table.batches(8)) == []


def test_chunks_and_other_types_are_brought_into_form(table: CrystalTable) -> None:
    wide = pa.table(
        {
            "id": pa.array([1, 2]),
            "lattice": pa.array([[4.0, 0, 0, 0, 4, 0, 0, 0, 4]] * 2, pa.list_(pa.float64(), 9)),
            "atomic_numbers": pa.array([[6], [7]], pa.list_(pa.int64())),
            "frac_coords": pa.array([[0.1, 0.2, 0.3]] * 2, pa.list_(pa.float64())),
        }
    )
    formed = CrystalTable(pa.concat_tables([wide, wide]))
    assert formed.ids == ["1", "2", "1", "2"]
    assert formed.lattices.dtype == formed.frac_flat.dtype == np.float32
    assert formed.numbers_flat.tolist() == [6, 7, 6, 7]


def broken(**columns: pa.Array) -> pa.Table:
    whole = {
        "id": pa.array(["a", "b"]),
        "lattice": pa.array([[4.0, 0, 0, 0, 4, 0, 0, 0, 4]] * 2, pa.list_(pa.float32(), 9)),
        "atomic_numbers": pa.array([[6], [7]], pa.list_(pa.uint8())),
        "frac_coords": pa.array([[0.1, 0.2, 0.3]] * 2, pa.list_(pa.float32())),
    }
    return pa.table(whole | columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"frac_coords": pa.array([[0.1, 0.2, 0.3], [0.1]], pa.list_(pa.float32()))},
            "three numbers for each",
        ),
        # The total fits, the rows do not.
        (
            {"frac_coords": pa.array([[0.1, 0.2, 0.3, 0.0, 0.0, 0.0], []], pa.list_(pa.float32()))},
            "three numbers for each",
        ),
        (
            {"frac_coords": pa.array([[0.1, None, 0.3]] * 2, pa.list_(pa.float32()))},
            "frac_coords holds nulls",
        ),
        ({"lattice": pa.array([None, [1.0] * 9], pa.list_(pa.float32(), 9))}, "lattice holds nulls"),
        ({"atomic_numbers": pa.array([[6], None], pa.list_(pa.uint8()))}, "atomic_numbers holds nulls"),
        ({"atomic_numbers": pa.array([[6], [300]], pa.list_(pa.int16()))}, "atomic_numbers is not list"),
        ({"lattice": pa.array(["a", "b"])}, "lattice is not fixed_size_list"),
    ],
)
def test_bad_tables_are_refused(columns: dict[str, pa.Array], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CrystalTable(broken(**columns))


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match="no column lattice, frac_coords"):
        CrystalTable(broken().drop_columns(["lattice", "frac_coords"]))


def test_atomic_numbers_beyond_a_byte_do_not_wrap_around() -> None:
    with pytest.raises(ValueError, match="from 6 to 257"):
        CrystalTable.from_arrays(
            ["x"], np.eye(3)[None], np.array([6, 257]), np.zeros((2, 3)), np.array([0, 2])
        )


def test_conversion_to_pymatgen_and_ase_and_back(table: CrystalTable) -> None:
    crystal = table[3]
    atoms, structure = crystal.to_atoms(), crystal.to_structure()
    assert atoms.info["id"] == "c4"
    assert atoms.pbc.all()
    np.testing.assert_allclose(structure.lattice.matrix, crystal.lattice)
    np.testing.assert_allclose(structure.frac_coords, crystal.frac_coords, atol=1e-7)
    np.testing.assert_allclose(atoms.get_scaled_positions(wrap=False), crystal.frac_coords, atol=1e-7)
    assert list(structure.atomic_numbers) == atoms.numbers.tolist() == crystal.numbers.tolist()


def test_parquet_reads_chosen_columns(table: CrystalTable, tmp_path) -> None:
    table.with_columns({"note": ["a"] * 4}).write_parquet(tmp_path / "t.parquet")
    assert CrystalTable.read_parquet(tmp_path / "t.parquet", columns=["gap"]).property_names == ["gap"]
    again = CrystalTable.read_parquet(tmp_path / "t.parquet", columns=[])
    assert again.property_names == []
    np.testing.assert_array_equal(again.frac_flat, table.frac_flat)
