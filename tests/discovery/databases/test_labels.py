import csv
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from discovery.databases.build import read_sources, write_labels
from discovery.databases.download import Downloader
from discovery.databases.info import DatabaseError
from discovery.databases.labels import (
    MATERIAE_FILES,
    SCHEMA,
    Sources,
    Structure,
    best_matches,
    id_order,
    join_labels,
    read_arsenal,
    read_materiae,
    read_tqc,
)
from discovery.settings import Settings


@pytest.fixture(scope="module")
def built(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with labels built from the raw sources for the shared structures."""
    directory = tmp_path_factory.mktemp("built")
    (directory / "mp_structures.parquet").symlink_to(shared / "data" / "mp_structures.parquet")
    settings = Settings(data_dir=directory, cache_dir=directory / "cache", mirror=str(shared / "mirror"))
    with Downloader(settings) as loader:
        write_labels(directory, read_sources(loader))
    return directory


def test_materiae_and_tqc_equal_the_shared_table_row_by_row(built: Path, shared: Path) -> None:
    own = pq.read_table(built / "topology_labels.parquet")
    reference = pq.read_table(shared / "data" / "topology_labels.parquet")
    assert own.schema.equals(reference.schema)
    assert own.schema.equals(SCHEMA)
    mine, theirs = own.to_pandas().set_index("mp_id"), reference.to_pandas().set_index("mp_id")
    exact = ["materiae_id", "icsd_ids", "materiae_soc", "materiae_nsoc"]
    exact += ["tqc_class", "tqc_subclass", "tqc_crossing"]
    ids = mine.index.union(theirs.index)
    for name in exact:
        assert mine[name].reindex(ids).equals(theirs[name].reindex(ids)), name
    labelled = theirs.index[theirs.materiae_id.notna() | theirs.tqc_class.notna()]
    assert len(labelled) == 26_925
    assert mine.reduced_formula[labelled].equals(theirs.reduced_formula[labelled])
    assert (mine.spacegroup[labelled] != theirs.spacegroup[labelled]).sum() <= 20  # of another snapshot


def test_arsenal_agrees_nearly_everywhere(built: Path, shared: Path) -> None:
    mine = pq.read_table(built / "topology_labels.parquet").to_pandas().set_index("mp_id").arsenal
    theirs = pq.read_table(shared / "data" / "topology_labels.parquet").to_pandas().set_index("mp_id").arsenal
    both = mine.index.union(theirs.index)
    mine, theirs = mine.reindex(both).dropna(), theirs.reindex(both).dropna()
    common = mine.index.intersection(theirs.index)
    assert len(common) >= 9510
    assert max(len(mine), len(theirs)) <= 9526
    assert (mine[common] == theirs[common]).all()


def test_arsenal_table_has_the_shared_form(built: Path, shared: Path) -> None:
    name = "arsenal_formula_spacegroup.csv"
    with (built / name).open(newline="") as mine, (shared / "data" / name).open(newline="") as theirs:
        own, reference = list(csv.reader(mine)), list(csv.reader(theirs))
    assert [row[:3] for row in own] == [row[:3] for row in reference]
    assert sum(a[3] == b[3] for a, b in zip(own, reference, strict=True)) >= 0.996 * len(reference)


def test_an_arsenal_entry_goes_to_the_best_of_its_structures() -> None:
    key = ("NaCl", 225)
    structures = {
        "mp-10": Structure("NaCl", 2, 225, 225),
        "mp-9": Structure("NaCl", 2, 225, 1),
        "mp-1": Structure("NaCl", 8, 1, 225),
        "mp-2": Structure("NaCl", 2, 221, 221),
        "mp-3": Structure("KCl", 2, 225, 225),
    }
    assert best_matches(Sources({}, {}, {key: "trivial"}), structures) == {key: "mp-9"}
    by_tqc = Sources({}, {"mp-1": {}}, {key: "trivial"})
    assert best_matches(by_tqc, structures) == {key: "mp-1"}
    by_materiae = Sources({"mp-10": {"spacegroup": 225}}, {"mp-1": {}}, {key: "trivial"})
    assert best_matches(by_materiae, structures) == {key: "mp-10"}


def test_an_entry_already_covered_makes_no_second_row() -> None:
    structures = {"mp-1": Structure("NaCl", 2, 225, 225), "mp-2": Structure("NaCl", 2, 221, 221)}
    sources = Sources(
        {"mp-1": {"spacegroup": 225, "materiae_soc": "TI"}, "mp-99": {"spacegroup": 1, "materiae_soc": "TI"}},
        {},
        {("NaCl", 225): "trivial", ("NaCl", 221): "TSM", ("NaCl", 1): "TI"},
    )
    table, best = join_labels(sources, structures)
    assert table.select(["mp_id", "spacegroup", "materiae_soc", "arsenal"]).to_pylist() == [
        {"mp_id": "mp-1", "spacegroup": 225, "materiae_soc": "TI", "arsenal": "trivial"},
        {"mp_id": "mp-2", "spacegroup": 221, "materiae_soc": None, "arsenal": "TSM"},
    ]
    assert best == {("NaCl", 225): "mp-1", ("NaCl", 221): "mp-2"}


def test_raw_files_that_are_not_as_expected_are_refused(tmp_path: Path) -> None:
    for i, name in enumerate(MATERIAE_FILES):
        (tmp_path / name).write_text("# head\n" + "x y\n" * (1 + i // 4))
    with pytest.raises(DatabaseError, match="differ in length"):
        read_materiae({name: tmp_path / name for name in MATERIAE_FILES})
    (tmp_path / "tqc.csv").write_text("<html>Not found</html>\n")
    with pytest.raises(DatabaseError, match="its columns are"):
        read_tqc(tmp_path / "tqc.csv")
    (tmp_path / "case1.txt").write_text("two, NaCl\n")
    with pytest.raises(DatabaseError, match="the line 'two, NaCl'"):
        read_arsenal(dict.fromkeys(["raw_data/case1_ccmp.txt"], tmp_path / "case1.txt"))


def test_ids_are_ordered_by_number() -> None:
    assert sorted(["mvc-1", "mp-10", "mp-9"], key=id_order) == ["mp-9", "mp-10", "mvc-1"]
