import gzip
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xbert.crystals import Crystal, CrystalTable
from xbert.readers import iter_crystals
from xbert.validation import Refusal

NACL = np.eye(3) * 5.64 / 2 @ np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
GAAS = NACL * 5.65 / 5.64


def salt(id: str = "salt") -> Crystal:
    return Crystal(id, NACL, np.array([11, 17]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))


def arsenide(id: str = "arsenide") -> Crystal:
    return Crystal(id, GAAS, np.array([31, 33]), np.array([[0, 0, 0], [0.25, 0.25, 0.25]]))


def read_all(*paths: str | Path, **options) -> tuple[list[Crystal], list[Refusal]]:
    crystals: list[Crystal] = []
    refusals: list[Refusal] = []
    for table, refused in iter_crystals(paths, **options):
        crystals += list(table)
        refusals += refused
    return crystals, refusals


def write_cif(path: Path) -> None:
    salt().to_structure().to(filename=str(path), fmt="cif")


def write_poscar(path: Path) -> None:
    salt().to_structure().to(filename=str(path), fmt="poscar")


def write_extxyz(path: Path) -> None:
    import ase.io

    ase.io.write(path, salt().to_atoms(), format="extxyz")


def write_ase(path: Path) -> None:
    from ase.db import connect

    connect(path).write(salt().to_atoms())


def write_pymatgen(path: Path) -> None:
    path.write_text(json.dumps(salt().to_structure().as_dict()))


def write_parquet(path: Path) -> None:
    CrystalTable.from_crystals([salt()]).write_parquet(path)


WRITERS = {
    "a.cif": write_cif,
    "POSCAR": write_poscar,
    "CONTCAR_relaxed": write_poscar,
    "NaCl_POSCAR": write_poscar,
    "a.vasp": write_poscar,
    "a.extxyz": write_extxyz,
    "a.xyz": write_extxyz,
    "a.db": write_ase,
    "ase.json": write_ase,
    "a.json": write_pymatgen,
    "a.parquet": write_parquet,
}


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_crystal(name: str, zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    WRITERS[name](path)
    if zipped:
        plain, path = path, tmp_path / f"{name}.gz"
        path.write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    ((table, refusals),) = iter_crystals([path])
    assert refusals == []
    assert table.arrow.column("source_file").to_pylist() == [str(path)]
    (crystal,) = table
    assert crystal.numbers.tolist() == [11, 17]
    np.testing.assert_allclose(crystal.frac_coords, salt().frac_coords, atol=1e-6)
    np.testing.assert_allclose(crystal.lattice @ crystal.lattice.T, NACL @ NACL.T, atol=1e-4)


def test_folders_globs_and_files_give_each_file_once(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / ".hidden").mkdir()
    write_cif(tmp_path / "b.cif")
    write_cif(tmp_path / "deep" / "er" / "a.cif")
    write_poscar(tmp_path / "deep" / "POSCAR")
    write_cif(tmp_path / ".hidden" / "c.cif")
    (tmp_path / "notes.txt").write_text("nothing")
    crystals, refusals = read_all(tmp_path)
    assert [crystal.id for crystal in crystals] == ["b", "deep/POSCAR", "a"]
    assert refusals == []
    assert len(read_all(tmp_path, tmp_path / "b.cif", tmp_path / "*.cif")[0]) == 3
    assert [crystal.id for crystal in read_all(tmp_path / "**" / "*.cif")[0]] == ["b", "a"]
    assert [crystal.id for crystal in read_all(str(tmp_path / "*"))[0]] == ["b", "deep/POSCAR", "a"]


def test_brackets_in_a_file_name_are_no_pattern(tmp_path: Path) -> None:
    write_cif(tmp_path / "a[1].cif")
    assert read_all(tmp_path / "a[1].cif")[0][0].id == "a[1]"


@pytest.mark.parametrize("path", ["missing.cif", "*.cif", "empty", "mis/*.cif"])
def test_nothing_there_is_an_error_at_once(path: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"check the p|are read"):
        iter_crystals([tmp_path / path])


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.cif", b"nonsense", "not a CIF"),
        ("a.cif", b"", "holds no crystals"),
        ("a.json", b"{", "not JSON"),
        ("a.json", b'{"a": 1}', "holds no structures"),
        ("a.db", b"text", "cannot be read as ase"),
        ("a.parquet", b"PAR1", "not a Parquet file"),
        ("POSCAR", b"x\n1\n", "cannot be read as poscar"),
        ("a.xyz", b"not a number\n", "line 1 should be a number of atoms, not 'not a number'"),
        ("a.xyz", b"", "holds no crystals"),
        ("a.cif.gz", b"\x1f\x8bbroken", "cannot be read as cif"),
        ("a.txt", b"data_x", "tells no known format"),
    ],
)
def test_an_unreadable_file_is_one_refusal(name: str, content: bytes, reason: str, tmp_path: Path) -> None:
    bad = tmp_path / name
    bad.write_bytes(content)
    write_cif(tmp_path / "good.cif")
    crystals, refusals = read_all(bad, tmp_path / "good.cif")
    assert [crystal.id for crystal in crystals] == ["good"]
    (refusal,) = refusals
    assert (refusal.file, refusal.id) == (str(bad), "")
    assert re.search(reason, refusal.reason)
    assert refusal.remedy


def test_refusals_are_told_as_they_happen_and_with_their_batch(tmp_path: Path) -> None:
    table = CrystalTable.from_crystals(
        [salt("a"), Crystal("b", NACL * 0, salt().numbers, salt().frac_coords)]
    )
    table.write_parquet(tmp_path / "t.parquet")
    (tmp_path / "z.cif").write_text("nonsense")
    told: list[Refusal] = []
    batches = list(iter_crystals([tmp_path], on_refusal=told.append))
    assert [refusal for _, refusals in batches for refusal in refusals] == told
    assert [(Path(refusal.file).name, refusal.id) for refusal in told] == [("t.parquet", "b"), ("z.cif", "")]
    assert [len(table) for table, _ in batches] == [1, 0]


def test_an_error_of_the_callback_is_not_swallowed(tmp_path: Path) -> None:
    (tmp_path / "z.cif").write_text("nonsense")

    def stop(refusal: Refusal) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        list(iter_crystals([tmp_path], on_refusal=stop))


def test_batches_are_as_large_as_asked_and_keep_the_order(tmp_path: Path) -> None:
    from ase.io import write

    write(tmp_path / "a.extxyz", [salt(f"a{i}").to_atoms() for i in range(5)])
    CrystalTable.from_crystals([salt(f"b{i}") for i in range(5)]).write_parquet(tmp_path / "b.parquet")
    batches = [table.ids for table, _ in iter_crystals([tmp_path], batch_size=3)]
    assert [len(ids) for ids in batches] == [3, 2, 3, 2]
    assert [id for ids in batches for id in ids] == [f"a{i}" for i in range(5)] + [f"b{i}" for i in range(5)]
    with pytest.raises(ValueError, match="batch_size"):
        iter_crystals([tmp_path], batch_size=0)


def test_ids_are_unique_over_all_files(tmp_path: Path) -> None:
    from ase.io import write

    write(tmp_path / "a.extxyz", [salt("x").to_atoms(), salt("x").to_atoms(), salt("x#2").to_atoms()])
    CrystalTable.from_crystals([salt("x"), salt("y")]).write_parquet(tmp_path / "b.parquet")
    nameless = salt().to_atoms()
    nameless.info = {}
    write(tmp_path / "c.extxyz", [nameless] * 3)
    ids = [crystal.id for crystal in read_all(tmp_path)[0]]
    assert ids == ["x", "x#2", "x#2#2", "x#3", "y", "c", "c#2", "c#3"]


def test_refused_blocks_are_named_as_the_crystal_would_be(tmp_path: Path) -> None:
    text = (Path(__file__).parent / "reading" / "ZnS.cif").read_text()
    half = text.replace("0.3748 1", "0.3748 0.5")
    (tmp_path / "mp-1.cif").write_text(half)
    (tmp_path / "mp-2.cif").write_text("data_global\n_journal_year 2020\n" + text)
    (tmp_path / "mp-3.cif").write_text(text + half.replace("data_ZnS", "data_other"))
    crystals, refusals = read_all(tmp_path)
    assert [crystal.id for crystal in crystals] == ["mp-2", "ZnS"]
    assert [refusal.id for refusal in refusals] == ["mp-1", "global", "other"]


def test_the_limit_on_atoms_is_passed_on(tmp_path: Path) -> None:
    write_cif(tmp_path / "a.cif")
    crystals, refusals = read_all(tmp_path, max_atoms=1)
    assert crystals == []
    assert "2 atoms, more than 1" in refusals[0].reason


@pytest.mark.parametrize("name", ["a.cif", "POSCAR", "a.extxyz", "a.json", "ase.json", "a.parquet"])
def test_no_damage_to_a_file_raises(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / name
    WRITERS[name](path)
    whole = path.read_bytes()
    told = 0
    for _ in range(40):
        start, stop = sorted(rng.integers(0, len(whole), 2))
        filler = rng.choice(
            [b"", b"nan", b"-2", b"1e400", b"?", b"\n", b"'", b"99999999999", b"null", b"\xff"]
        )
        path.write_bytes(whole[:start] + bytes(filler) + whole[min(stop, start + 12) :])
        crystals, refusals = read_all(path)
        told += len(crystals) + len(refusals)
    assert told >= 40


class TestPoscar:
    DIRECT = "salt\n1.0\n 0 2.82 2.82\n 2.82 0 2.82\n 2.82 2.82 0\nNa Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"

    def read(self, text: str, folder: Path) -> tuple[list[Crystal], list[Refusal]]:
        (folder / "POSCAR").write_text(text)
        return read_all(folder / "POSCAR")

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("Na Cl\n", "Na_pv/a1b2 Cl/c3d4\n"),
            ("Direct\n0 0 0\n0.5 0.5 0.5", "Selective dynamics\nDirect\n0 0 0 T T T\n0.5 0.5 0.5 T T F"),
            ("0.5 0.5 0.5", "0.5 0.5 0.5 Cl"),
            ("\n1.0\n", "\n-44.851536\n"),
            ("Direct\n0 0 0\n0.5 0.5 0.5", "Cartesian\n0 0 0\n2.82 2.82 2.82"),
            ("salt\n", "Na Cl\n"),
            ("\n", "\r\n"),
        ],
    )
    def test_dialects(self, old: str, new: str, tmp_path: Path) -> None:
        (crystal,), refusals = self.read(self.DIRECT.replace(old, new), tmp_path)
        assert refusals == []
        assert crystal.numbers.tolist() == [11, 17]
        np.testing.assert_allclose(crystal.lattice, NACL, atol=1e-5)
        np.testing.assert_allclose(crystal.frac_coords, salt().frac_coords, atol=1e-6)

    def test_version_4_needs_its_elements_in_the_first_line(self, tmp_path: Path) -> None:
        old = self.DIRECT.replace("Na Cl\n", "")
        assert self.read(old.replace("salt", "Na Cl"), tmp_path)[0][0].numbers.tolist() == [11, 17]
        assert "does not name its elements" in self.read(old, tmp_path)[1][0].reason

    def test_a_count_beyond_the_file_is_refused_before_memory_is_asked_for(self, tmp_path: Path) -> None:
        refusal = self.read(self.DIRECT.replace("1 1", "1 99999999999"), tmp_path)[1][0]
        assert "counts 100000000000 atoms but ends after 10 lines" in refusal.reason


class TestExtxyz:
    @pytest.mark.parametrize("count", ["-2", "-1", "1e3", "two"])
    def test_a_count_that_is_none_ends_the_file(self, count: str, tmp_path: Path) -> None:
        (tmp_path / "a.xyz").write_text(f"{count}\ncomment\nH 0 0 0\n")
        assert f"line 1 should be a number of atoms, not '{count}'" in read_all(tmp_path)[1][0].reason

    def test_comment_line_becomes_properties(self, tmp_path: Path) -> None:
        atoms = salt().to_atoms()
        atoms.info = {"material_id": "mp-22862", "gap": 5.0, "ok": True, "n": 3, "text": "a b", "v": [1, 2]}
        from ase.io import write

        write(tmp_path / "a.extxyz", [atoms, arsenide().to_atoms()])
        ((table, _),) = iter_crystals([tmp_path / "a.extxyz"])
        assert table.ids == ["mp-22862", "arsenide"]
        rows = table.arrow.select(["gap", "ok", "n", "text"]).to_pylist()
        assert rows[0] == {"gap": 5.0, "ok": True, "n": 3, "text": "a b"}
        assert set(rows[1].values()) == {None}
        assert "v" not in table.property_names

    def test_properties_of_several_kinds_become_text(self, tmp_path: Path) -> None:
        from ase.io import write

        frames = [salt().to_atoms(), salt().to_atoms()]
        frames[0].info["tag"], frames[1].info["tag"] = 1, "one"
        write(tmp_path / "a.extxyz", frames)
        ((table, _),) = iter_crystals([tmp_path / "a.extxyz"])
        assert table.arrow.column("tag").to_pylist() == ["1", "one"]

    def test_one_bad_frame_does_not_lose_the_others(self, tmp_path: Path) -> None:
        from ase.io import write

        path = tmp_path / "a.extxyz"
        write(path, [salt("a").to_atoms(), salt("b").to_atoms(), salt("c").to_atoms()])
        lines = path.read_text().splitlines()
        lines[6] = "Qq 0 0 zero"
        path.write_text("\n".join([*lines, "5", "cut off"]))
        crystals, refusals = read_all(path)
        assert [crystal.id for crystal in crystals] == ["a", "c"]
        assert "frame at line 5 cannot be read" in refusals[0].reason
        assert "ends 5 lines early" in refusals[1].reason

    def test_molecules_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "plain.xyz").write_text("2\nhydrogen\nH 0 0 0\nH 0 0 0.74\n")
        (tmp_path / "box.xyz").write_text('2\nLattice="9 0 0 0 9 0 0 0 9" pbc="F F F"\nH 0 0 0\nH 0 0 0.74\n')
        crystals, refusals = read_all(tmp_path)
        assert crystals == []
        assert "not periodic" in refusals[0].reason
        assert "no cell" in refusals[1].reason

    def test_partial_occupancy_is_refused(self, tmp_path: Path) -> None:
        from ase.io import write

        atoms = salt().to_atoms()
        atoms.info["occupancy"] = {"0": {"Na": 0.5, "K": 0.5}}
        write(tmp_path / "a.extxyz", atoms)
        assert "site 0 is disordered (occupancy Na 0.5, K 0.5)" in read_all(tmp_path)[1][0].reason


class TestAseDatabase:
    @pytest.mark.parametrize("suffix", ["db", "json"])
    def test_rows_with_their_keys(self, suffix: str, tmp_path: Path) -> None:
        from ase.db import connect

        database = connect(tmp_path / f"d.{suffix}")
        database.write(salt().to_atoms(), material_id="mp-1", gap=1.5)
        database.write(arsenide().to_atoms())
        ((table, refusals),) = iter_crystals([tmp_path / f"d.{suffix}"])
        assert refusals == []
        assert table.ids == ["mp-1", "d#2"]
        assert table.arrow.column("gap").to_pylist() == [1.5, None]
        np.testing.assert_allclose(table[1].frac_coords, arsenide().frac_coords, atol=1e-6)


class TestPymatgenJson:
    def read(self, content: object, folder: Path) -> tuple[list[Crystal], list[Refusal]]:
        (folder / "s.json").write_text(json.dumps(content))
        return read_all(folder / "s.json")

    def test_agrees_with_pymatgen(self, tmp_path: Path) -> None:
        from pymatgen.core import Lattice, Structure

        structure = Structure.from_spacegroup(
            "R-3m",
            Lattice.hexagonal(4.39, 30.5),
            ["Bi3+", "Te2-", "Te2-"],
            [[0, 0, 0.4], [0] * 3, [0, 0, 0.21]],
        )
        structure.add_spin_by_element({"Bi": 1})
        (crystal,), refusals = self.read(structure.as_dict(), tmp_path)
        assert refusals == []
        assert crystal.numbers.tolist() == list(structure.atomic_numbers)
        np.testing.assert_allclose(crystal.lattice, structure.lattice.matrix, atol=1e-5)
        np.testing.assert_allclose(crystal.frac_coords, structure.frac_coords, atol=1e-6)

    @pytest.mark.parametrize("nest", ["list", "by id", "entry", "entries", "data frame"])
    def test_nestings(self, nest: str, tmp_path: Path) -> None:
        one = salt().to_structure().as_dict()
        content, ids = {
            "list": ([one, one], ["s", "s#2"]),
            "by id": ({"mp-1": one, "mp-2": one}, ["mp-1", "mp-2"]),
            "entry": ({"entry_id": "mp-1", "energy": -3.5, "structure": one}, ["mp-1"]),
            "entries": ([{"material_id": "mp-7", "structure": one}, {"structure": one}], ["mp-7", "s"]),
            "data frame": ({"index": [0], "columns": ["structure", "gap"], "data": [[one, 1.0]]}, ["s"]),
        }[nest]
        crystals, refusals = self.read(content, tmp_path)
        assert refusals == []
        assert [crystal.id for crystal in crystals] == ids

    def test_values_beside_a_structure_are_properties(self, tmp_path: Path) -> None:
        one = salt().to_structure().as_dict()
        (tmp_path / "s.json").write_text(json.dumps([{"structure": one, "energy": -3.5, "data": {"a": 1}}]))
        ((table, _),) = iter_crystals([tmp_path / "s.json"])
        assert table.arrow.column("energy").to_pylist() == [-3.5]

    def test_disorder_and_unknown_elements_are_refused(self, tmp_path: Path) -> None:
        mixed, dummy, mixed_valence = (salt().to_structure().as_dict() for _ in range(3))
        mixed["sites"][0]["species"] = [{"element": "Na", "occu": 0.5}, {"element": "K", "occu": 0.5}]
        dummy["sites"][1]["species"] = [{"element": "X", "occu": 1}]
        mixed_valence["sites"][0]["species"] = [
            {"element": "Fe", "occu": 0.5, "oxidation_state": charge} for charge in (2, 3)
        ]
        crystals, refusals = self.read({"m": mixed, "d": dummy, "v": mixed_valence}, tmp_path)
        assert [crystal.id for crystal in crystals] == ["v"]
        assert [refusal.id for refusal in refusals] == ["m", "d"]
        assert "site 1 is disordered (occupancy Na 0.5, K 0.5)" in refusals[0].reason
        assert "no known element (X)" in refusals[1].reason

    def test_an_incomplete_structure_is_refused_alone(self, tmp_path: Path) -> None:
        one = salt().to_structure().as_dict()
        crystals, refusals = self.read([{"lattice": {}, "sites": []}, one], tmp_path)
        assert len(crystals) == 1
        assert "structure is incomplete (KeyError: 'matrix')" in refusals[0].reason

    def test_nothing_in_the_file_is_executed(self, tmp_path: Path) -> None:
        trap = {"@module": "pathlib", "@class": "Path", "@callable": "touch"}
        one = salt().to_structure().as_dict() | {"properties": trap, "@module": "no.such.module"}
        one["sites"][0]["properties"] = {"magmom": trap}
        crystals, refusals = self.read(one, tmp_path)
        assert len(crystals) == 1
        assert refusals == []


class TestParquet:
    def table(self, n: int = 3) -> CrystalTable:
        return CrystalTable.from_crystals([salt(f"s{i}") for i in range(n)], {"gap": [0.5] * n, "n": [1] * n})

    def test_streams_with_property_columns(self, tmp_path: Path) -> None:
        table = self.table(10)
        pq.write_table(table.arrow, tmp_path / "t.parquet", row_group_size=4)
        tables = [table for table, _ in iter_crystals([tmp_path / "t.parquet"], batch_size=3)]
        assert all(len(table) <= 3 for table in tables)
        assert [id for table in tables for id in table.ids] == table.ids
        assert tables[0].property_names == ["gap", "n", "source_file"]
        np.testing.assert_array_equal(tables[0].frac_flat, table.frac_flat[:6])

    def test_broken_rows_are_refused_by_id(self, tmp_path: Path) -> None:
        cell = [4.0, 0, 0, 0, 4, 0, 0, 0, 4]
        rows = [
            ("good", cell, [11], [0, 0, 0]),
            ("no lattice", None, [11], [0, 0, 0]),
            ("null atom", cell, [None], [0, 0, 0]),
            ("null place", cell, [11], [0, None, 0]),
            ("short", cell, [11, 17], [0, 0, 0]),
            ("heavy", cell, [300], [0, 0, 0]),
            ("negative", cell, [-1], [0, 0, 0]),
            ("long", cell[:8], [11], [0, 0, 0]),
            (None, cell, [17], [0, 0, 0]),
            ("unknown", cell, [0], [0, 0, 0]),
        ]
        ids, lattices, numbers, frac = zip(*rows, strict=True)
        arrow = pa.table(
            {
                "id": pa.array(ids),
                "lattice": pa.array(lattices, pa.list_(pa.float64())),
                "atomic_numbers": pa.array(numbers, pa.list_(pa.int64())),
                "frac_coords": pa.array(frac, pa.list_(pa.float64())),
            }
        )
        pq.write_table(arrow, tmp_path / "t.parquet")
        crystals, refusals = read_all(tmp_path)
        assert [(crystal.id, crystal.numbers.tolist()) for crystal in crystals] == [
            ("good", [11]),
            ("t", [17]),
        ]
        assert {refusal.id: refusal.reason for refusal in refusals} == {
            "no lattice": "its lattice is null",
            "null atom": "its atomic_numbers holds a null",
            "null place": "its frac_coords holds a null",
            "short": "it has 3 coordinates for 2 atoms",
            "heavy": "it has the atomic number 300",
            "negative": "it has the atomic number -1",
            "long": "its lattice has 8 numbers, not 9",
            "unknown": "atom 1 has atomic number 0",
        }

    def test_other_tables_are_refused(self, tmp_path: Path) -> None:
        pq.write_table(pa.table({"id": ["a"], "gap": [1.0]}), tmp_path / "other.parquet")
        pq.write_table(self.table(0).arrow, tmp_path / "zero.parquet")
        texts = {name: ["a"] for name in ("id", "lattice", "atomic_numbers", "frac_coords")}
        pq.write_table(pa.table(texts), tmp_path / "texts.parquet")
        crystals, refusals = read_all(tmp_path)
        assert crystals == []
        assert [refusal.reason.partition(" (")[0] for refusal in refusals] == [
            "it has no column lattice, atomic_numbers, frac_coords",
            "its geometry columns are not lists",
            "it holds no crystals",
        ]


def test_the_development_data_streams(shared: Path) -> None:
    def first_batches() -> Iterator[int]:
        for i, (table, _) in enumerate(iter_crystals([shared / "data" / "mp_structures.parquet"])):
            yield len(table)
            if i == 3:
                return

    assert sum(first_batches()) == 4 * 2048


def test_symmetric_positions_survive_single_precision(tmp_path: Path) -> None:
    import spglib

    shutil.copy(Path(__file__).parent / "reading" / "ZnS.cif", tmp_path / "ZnS.cif")
    (crystal,), _ = read_all(tmp_path)
    cell = (crystal.lattice, crystal.frac_coords, crystal.numbers)
    assert spglib.get_symmetry_dataset(cell, symprec=1e-4).number == 186
