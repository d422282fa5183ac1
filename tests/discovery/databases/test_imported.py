import json
import os
from pathlib import Path

import numpy as np
import pytest

from discovery.databases import catalogue
from discovery.databases.imported import ImportedDatabase, PathDatabase, import_crystals, make_writable
from discovery.databases.info import COLUMNS, DatabaseError, DatabaseNotReady
from discovery.settings import Settings, get_settings
from xbert.crystals import Crystal, CrystalTable

POSCAR = """CsCl
{scale}
4.1 0 0
0 4.1 0
0 0 4.1
Cs Cl
1 1
Direct
0 0 0
0.5 0.5 0.5
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "POSCAR").write_text(POSCAR.format(scale=1.0))
    (folder / "tiny.vasp").write_text(POSCAR.format(scale=0.05))
    return folder


def test_files_are_screened_in_place(files: Path) -> None:
    database = catalogue.get(str(files))
    assert isinstance(database, PathDatabase)
    assert database.is_ready()
    table = database.open()
    assert table.arrow["formula"].to_pylist() == ["CsCl"]
    assert set(COLUMNS.names) <= set(table.property_names)
    assert [Path(refusal.file).name for refusal in database.refused] == ["tiny.vasp"]
    before = database.fingerprint()
    (files / "POSCAR").write_text(POSCAR.format(scale=1.01))
    assert database.fingerprint() != before


def test_a_glob_is_a_path(files: Path) -> None:
    assert len(catalogue.get(f"{files}/POSC*").open()) == 1


def test_files_without_a_usable_crystal_are_told(files: Path) -> None:
    (files / "POSCAR").unlink()
    with pytest.raises(DatabaseNotReady, match="No crystal could be read"):
        catalogue.get(str(files)).open()


def test_an_import_is_a_database_of_its_own(files: Path) -> None:
    settings = get_settings()
    table, refused = import_crystals([str(files)], "mine", settings, licence="CC0", citation="doi:10.1000/1")
    assert (len(table), len(refused)) == (1, 1)
    for file in files.iterdir():
        file.unlink()
    assert catalogue.names(settings)[-1] == "mine"
    database = catalogue.get("mine", settings)
    assert isinstance(database, ImportedDatabase)
    assert database.open().arrow["formula"].to_pylist() == ["CsCl"]
    assert database.info.licence == "CC0"
    assert database.info.citation == ["doi:10.1000/1"]
    assert database.notes() == ["1 crystals were refused when it was imported."]
    assert database.class_counts() == {}
    assert len(database.fingerprint()) == 64
    record = json.loads((settings.data_dir / "imported" / "mine.json").read_text())
    assert record["paths"] == [str(files)]
    assert record["refused"][0]["reason"]


def test_columns_of_the_files_are_kept(tmp_path: Path) -> None:
    crystal = Crystal("a", np.eye(3) * 4.1, np.array([55, 17]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    properties = {"label_tqc": ["TI"], "band_gap": [0.3], "spacegroup_database": [221], "mine": ["x"]}
    CrystalTable.from_crystals([crystal], properties).write_parquet(tmp_path / "a.parquet")
    import_crystals([str(tmp_path / "a.parquet")], "labelled", get_settings())
    database = catalogue.get("labelled")
    arrow = database.open().arrow
    assert arrow["label_tqc"].to_pylist() == ["TI"]
    assert arrow["mine"].to_pylist() == ["x"]
    assert arrow.schema.field("spacegroup_database").type == COLUMNS.field("spacegroup_database").type
    assert database.class_counts() == {"label_tqc": {"TI": 1}}


@pytest.mark.parametrize(
    "name", ["mp", "TOPOA", "starter", "mp-api", "../x", "a/b", "", "1st", ".hidden", "x" * 65]
)
def test_names_that_cannot_be_are_refused(files: Path, name: str) -> None:
    with pytest.raises(DatabaseError, match="cannot name"):
        import_crystals([str(files)], name, get_settings())
    assert not get_settings().data_dir.exists()


def test_an_import_is_replaced_only_on_demand(files: Path) -> None:
    settings = get_settings()
    import_crystals([str(files)], "mine", settings)
    with pytest.raises(DatabaseError, match="already") as caught:
        import_crystals([str(files)], "mine", settings)
    assert "--replace" in caught.value.remedy
    import_crystals([str(files)], "mine", settings, replace=True)


def test_nothing_to_import_leaves_nothing(tmp_path: Path) -> None:
    settings = get_settings()
    with pytest.raises(DatabaseError, match="no file at"):
        import_crystals([str(tmp_path / "nowhere")], "mine", settings)
    assert catalogue.names(settings) == catalogue.names(Settings(data_dir=tmp_path / "other"))


def test_a_broken_import_says_how_to_mend_it(files: Path) -> None:
    settings = get_settings()
    import_crystals([str(files)], "mine", settings)
    (settings.data_dir / "imported" / "mine.parquet").write_bytes(b"PAR1")
    with pytest.raises(DatabaseNotReady, match="cannot be read") as caught:
        catalogue.get("mine", settings).open()
    assert "discover data import" in caught.value.remedy


def test_a_directory_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(DatabaseError, match="cannot be written to: Permission denied") as caught:
        make_writable(tmp_path / "data", "or screen the files: --db PATH")
    assert "DISCOVER_DATA_DIR" in caught.value.remedy
    assert "--db PATH" in caught.value.remedy
