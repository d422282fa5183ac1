import io
import json
import shutil
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from discovery.databases import catalogue
from discovery.databases.build import fetch
from discovery.databases.download import ChecksumError, Downloader, NotThereError
from discovery.databases.facts import origins
from discovery.databases.info import DatabaseError
from discovery.settings import Settings
from tests.discovery.databases.website import Website

REPOSITORY = "fxcoudert/topology_databases"


@pytest.fixture
def cifs(shared: Path) -> list[Path]:
    return sorted((shared / "mirror" / REPOSITORY / "cif").glob("*.cif"))


@pytest.fixture
def mirror(shared: Path, tmp_path: Path) -> Path:
    """The label sources, without structures."""
    ignore = shutil.ignore_patterns("fxcoudert")
    return Path(shutil.copytree(shared / "mirror", tmp_path / "mirror", ignore=ignore))


def add_archive(mirror: Path, cifs: list[Path], commit: str) -> Path:
    path = mirror / REPOSITORY / "archive" / f"{origins('structures')[0].commit}.tar.gz"
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz", pax_headers={"comment": commit}) as tar:
        for cif in cifs:
            tar.add(cif, f"topology_databases-{commit}/cif/{cif.name}")
    return path


def settings(tmp_path: Path, mirror: Path | str) -> Settings:
    return Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", mirror=str(mirror))


def test_from_a_mirror_directory_of_single_files(shared: Path, mirror: Path, tmp_path: Path) -> None:
    own = settings(tmp_path, shared / "mirror")
    assert not catalogue.get("topoB", own).is_ready()
    fetched = fetch(own, workers=1)
    assert fetched.structures == 200
    assert fetched.missing == 27_862
    assert fetched.refused == []
    theirs = catalogue.get("topoB", Settings(data_dir=shared / "data", cache_dir=tmp_path)).open()
    mine = catalogue.get("topoB", own).open()
    columns = ["id", "formula", "label_tqc", "label_materiae", "icsd_ids"]
    reference = theirs.arrow.select(columns).to_pandas().set_index("id").loc[mine.ids]
    assert mine.arrow.select(columns).to_pandas().set_index("id").equals(reference)
    notes = " ".join(catalogue.get("topoB", own).notes())
    assert "27,862 of 28,062 structures" in notes
    with pytest.raises(DatabaseError, match="no structure that could be read"):
        fetch(settings(tmp_path, mirror))
    assert len(catalogue.get("mp", own).open()) == 200


def test_from_an_archive(mirror: Path, cifs: list[Path], tmp_path: Path) -> None:
    add_archive(mirror, cifs[:40], origins("structures")[0].commit)
    own = settings(tmp_path, mirror)
    fetched = fetch(own, workers=1)
    assert (fetched.structures, fetched.missing) == (40, 0)
    assert sorted(path.name for path in own.data_dir.iterdir()) == [
        "arsenal_formula_spacegroup.csv",
        "mp_structures.json",
        "mp_structures.parquet",
        "topology_labels.parquet",
    ]
    assert json.loads((own.data_dir / "mp_structures.json").read_text())["joined"] is True
    assert not (own.cache_dir / "structures").exists()
    shutil.rmtree(mirror)
    assert fetch(own).made == []


def test_more_structures_are_not_replaced_by_fewer(mirror: Path, cifs: list[Path], tmp_path: Path) -> None:
    archive = add_archive(mirror, cifs[:6], origins("structures")[0].commit)
    own = settings(tmp_path, mirror)
    fetch(own, workers=1)
    archive.unlink()
    folder = mirror / REPOSITORY / "cif"
    folder.mkdir()
    for cif in cifs[:2]:
        shutil.copy(cif, folder)
    with pytest.raises(DatabaseError, match="holds 6 and was kept"):
        fetch(own, workers=1, again=True)
    assert len(catalogue.get("mp", own).open()) == 6


def test_an_archive_of_another_commit_leaves_nothing(mirror: Path, cifs: list[Path], tmp_path: Path) -> None:
    add_archive(mirror, cifs[:2], "0" * 40)
    own = settings(tmp_path, mirror)
    with pytest.raises(ChecksumError, match="names 0000"):
        fetch(own, workers=1)
    assert list(own.data_dir.iterdir()) == []


def test_labels_killed_before_they_were_joined_are_joined_again(
    mirror: Path, cifs: list[Path], tmp_path: Path
) -> None:
    add_archive(mirror, cifs[:5], origins("structures")[0].commit)
    own = settings(tmp_path, mirror)
    fetch(own, workers=1)
    record = own.data_dir / "mp_structures.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"joined": False}))
    assert fetch(own).made == ["topology_labels.parquet", "arsenal_formula_spacegroup.csv"]
    assert fetch(own).made == []


def test_over_http_the_labelled_structures_are_asked_for(
    shared: Path, cifs: list[Path], website: Website, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from discovery.databases import build
    from discovery.databases.labels import Sources

    read = build.read_sources

    def few(loader: Downloader) -> Sources:
        sources = read(loader)
        some = {path.stem for path in cifs[:30]} | {"mp-1", "mp-2"}
        materiae = {k: v for k, v in sources.materiae.items() if k in some}
        return Sources(materiae, {k: v for k, v in sources.tqc.items() if k in some}, sources.arsenal)

    monkeypatch.setattr(build, "read_sources", few)
    root = shared / "mirror"
    website.files = {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    some = f"{REPOSITORY}/cif/{cifs[0].name}"
    website.faults = {some: [500, -100], "andrewma8/topogivity/raw_data/ti_ccmp.txt": [-5000]}
    own = settings(tmp_path, website.url)
    loader = Downloader(own, pause=0.001)
    fetched = fetch(own, workers=1, downloader=loader)
    assert fetched.missing == 2
    record = json.loads((own.data_dir / "mp_structures.json").read_text())
    assert record["missing_ids"] == ["mp-1", "mp-2"]
    assert record["crystals"] == record["wanted"] - 2 == fetched.structures
    assert len([1 for path, _ in website.requests if path == some]) == 3
    assert pq.read_metadata(own.data_dir / "topology_labels.parquet").num_rows >= fetched.structures - 1


def test_without_the_labels_nothing_is_made(website: Website, tmp_path: Path) -> None:
    own = settings(tmp_path, website.url)
    with pytest.raises(NotThereError, match="404"):
        fetch(own)
    assert list(own.data_dir.iterdir()) == []


def test_a_plain_static_site_serves_as_mirror(mirror_url: str, tmp_path: Path) -> None:
    from discovery.databases.build import read_sources

    with Downloader(settings(tmp_path, mirror_url)) as loader:
        sources = read_sources(loader)
    assert (len(sources.materiae), len(sources.tqc), len(sources.arsenal)) == (25_839, 13_150, 9_684)


def test_a_read_only_directory_of_ready_files_is_enough(shared: Path, tmp_path: Path) -> None:
    ready = Settings(data_dir=shared / "data", cache_dir=tmp_path / "cache")
    assert fetch(ready).made == []
    assert fetch(ready).structures == 154_925


def test_a_directory_that_cannot_be_written_to_is_told(mirror: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    own = Settings(data_dir=tmp_path / "file" / "data", cache_dir=tmp_path / "cache", mirror=str(mirror))
    with pytest.raises(DatabaseError, match="cannot be written to") as caught:
        fetch(own)
    assert "DISCOVER_DATA_DIR" in caught.value.remedy


def test_a_damaged_download_of_the_archive_is_not_kept(
    shared: Path, cifs: list[Path], website: Website, tmp_path: Path
) -> None:
    root = shared / "mirror"
    files = (path for path in root.rglob("*") if path.is_file() and path.suffix != ".cif")
    website.files = {str(path.relative_to(root)): path.read_bytes() for path in files}
    commit = origins("structures")[0].commit
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", pax_headers={"comment": commit}) as tar:
        for cif in cifs[:10]:
            tar.add(cif, f"topology_databases-{commit}/cif/{cif.name}")
    name = f"{REPOSITORY}/archive/{commit}.tar.gz"
    website.files[name] = buffer.getvalue()[:-40] + bytes(40)
    own = settings(tmp_path, website.url)
    with pytest.raises(DatabaseError, match="damaged"):
        fetch(own, workers=1)
    assert not list(own.cache_dir.rglob("*.tar.gz*"))
    website.files[name] = buffer.getvalue()
    assert fetch(own, workers=1).structures == 10
    assert not list(own.cache_dir.rglob("*.tar.gz*"))
