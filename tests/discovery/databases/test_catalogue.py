import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from discovery.databases import catalogue
from discovery.databases.info import COLUMNS, DatabaseNotReady, UnknownDatabase
from discovery.settings import Settings


@pytest.fixture
def ready(shared: Path, tmp_path: Path) -> Settings:
    return Settings(data_dir=shared / "data", cache_dir=tmp_path / "cache")


def test_labelled_views_have_exactly_the_labelled_crystals(ready: Settings) -> None:
    labels = pq.read_table(ready.data_dir / "topology_labels.parquet").to_pandas().set_index("mp_id")
    for name, column, source in [
        ("topoB", "label_tqc", "tqc_class"),
        ("materiae", "label_materiae", "materiae_soc"),
    ]:
        table = catalogue.get(name, ready).open()
        expected = labels[labels[source].notna()]
        assert set(table.ids) == set(expected.index)
        assert table.arrow[column].to_pylist() == expected.loc[table.ids, source].tolist()
        assert table.arrow["formula"].to_pylist() == expected.loc[table.ids, "reduced_formula"].tolist()
        assert (
            table.arrow["spacegroup_database"].to_pylist() == expected.loc[table.ids, "spacegroup"].tolist()
        )


def test_every_contract_column_has_its_type(ready: Settings) -> None:
    table = catalogue.get("topoA", ready).open()
    for field in COLUMNS:
        assert table.arrow.schema.field(field.name).type == field.type
    assert table.arrow["label_arsenal"].null_count == 0
    assert table.arrow["label_tqc"].null_count > 0


def test_gap_prefers_the_newer_source(ready: Settings) -> None:
    table = catalogue.get("topoB", ready).open().arrow.to_pandas().set_index("id")
    source = pq.read_table(ready.data_dir / "mp_properties.parquet").to_pandas().set_index("id")
    source = source.reindex(table.index)
    gap = source.mp20_band_gap.fillna(source.megnet_band_gap).fillna(source.roost_nonmetal_band_gap)
    hull = source.mp20_e_above_hull.fillna(source.mpts52_e_above_hull).fillna(source.synthnn_e_above_hull)
    np.testing.assert_array_equal(table.band_gap, gap)
    np.testing.assert_array_equal(table.e_above_hull, hull)
    assert gap.notna().mean() > 0.9


def test_missing_structures_are_told(ready: Settings) -> None:
    assert catalogue.get("topoA", ready).notes() == ["2 of 9,524 labelled crystals have no structure here."]
    assert catalogue.get("topoB", ready).notes() == []


def test_class_counts_are_those_of_the_opened_table(ready: Settings) -> None:
    database = catalogue.get("topoA", ready)
    column = database.open().arrow["label_arsenal"].to_pandas()
    assert database.class_counts()["label_arsenal"] == column.value_counts().to_dict()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_all_crystals_open_in_little_memory(ready: Settings) -> None:
    code = (
        "from discovery.databases import catalogue; from discovery.settings import Settings\n"
        f"table = catalogue.get('mp', Settings(data_dir={str(ready.data_dir)!r})).open()\n"
        # of this process alone: getrusage counts the memory of the one that started it
        "status = open('/proc/self/status').read().split()\n"
        "print(len(table), int(status[status.index('VmHWM:') + 1]) // 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    crystals, peak = map(int, run.stdout.split())
    assert crystals == 154_925
    assert peak < 600, f"peak resident memory {peak} MiB"


def test_views_need_no_properties_and_no_space_groups(ready: Settings, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    structures = pq.read_table(ready.data_dir / "mp_structures.parquet").slice(0, 500)
    pq.write_table(structures.drop_columns("spacegroup_symprec_0.1"), data / "mp_structures.parquet")
    settings = Settings(data_dir=data, cache_dir=tmp_path / "cache")
    table = catalogue.get("mp", settings).open()
    for name in ("band_gap", "e_above_hull", "label_tqc", "spacegroup_database"):
        assert table.arrow[name].null_count == 500
    assert catalogue.get("mp", settings).class_counts() == {}
    assert "Band gaps" in catalogue.get("mp", settings).notes()[0]


def test_an_absent_database_says_how_to_get_it(tmp_path: Path) -> None:
    database = catalogue.get("topoB", Settings(data_dir=tmp_path, cache_dir=tmp_path))
    assert not database.is_ready()
    for use in (database.open, database.fingerprint, database.class_counts):
        with pytest.raises(DatabaseNotReady, match="topoB is not here") as caught:
            use()
        assert "discover data fetch topoB" in caught.value.remedy
        assert "--db starter" in caught.value.remedy
    assert database.notes() == []


def test_a_broken_file_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "mp_structures.parquet").write_bytes(b"PAR1 cut off")
    with pytest.raises(DatabaseNotReady, match="cannot be read") as caught:
        catalogue.get("mp", Settings(data_dir=tmp_path, cache_dir=tmp_path)).open()
    assert "discover data fetch mp" in caught.value.remedy


def test_an_unknown_name_suggests_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownDatabase, match="Did you mean topoB"):
        catalogue.get("topob", Settings(data_dir=tmp_path))
    with pytest.raises(UnknownDatabase):
        catalogue.get("", Settings(data_dir=tmp_path))


def test_facts_name_licence_citation_and_what_trivial_means() -> None:
    for name in catalogue.names(Settings(data_dir=Path("/nowhere"))):
        info = catalogue.get(name).info
        assert info.licence
        assert info.citation
        if name != "starter":
            assert "not symmetry-indicated" in info.label_meaning
            assert all(len(origin.commit) == 40 for origin in info.origins)


def test_pinned_files_are_those_of_the_manifest(shared: Path) -> None:
    manifest = {
        (entry["repository"], entry["commit"], entry["path"]): (entry["origin_sha256"], entry["origin_bytes"])
        for entry in json.loads((shared / "mirror" / "manifest.json").read_text())
    }
    pinned = {(o.repository, o.commit, o.path): (o.sha256, o.bytes) for o in catalogue.get("mp").info.origins}
    structures = [origin for origin in pinned if origin[2] == "cif/"]
    assert len(structures) == 1
    del pinned[structures[0]]
    assert len(pinned) == 10
    assert pinned.items() <= manifest.items()


def test_fingerprint_follows_the_content(ready: Settings, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    structures = pq.read_table(ready.data_dir / "mp_structures.parquet").slice(0, 10)
    pq.write_table(structures, data / "mp_structures.parquet")
    database = catalogue.get("mp", Settings(data_dir=data, cache_dir=tmp_path / "cache"))
    before = database.fingerprint()
    assert before == database.fingerprint()
    formula = pa.array(["X"] * 10)
    changed = structures.set_column(structures.column_names.index("formula"), "formula", formula)
    pq.write_table(changed, data / "mp_structures.parquet")
    assert database.fingerprint() != before
