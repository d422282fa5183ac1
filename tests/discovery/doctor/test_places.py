"""Directories, room, clock and store as the doctor sees them."""

import os
import sqlite3
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from candidates.reviews import ReviewRow
from candidates.store import Store
from discovery.doctor import places
from tests.sample_records import make_candidate, make_run


@contextmanager
def without_writing(folder: Path) -> Iterator[None]:
    """Take the right to write away; root keeps it, so the test is skipped for root."""
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    folder.chmod(0o555)
    try:
        yield
    finally:
        folder.chmod(0o755)


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def test_directory(tmp_path: Path) -> None:
    there = places.directory("data directory", tmp_path, "DISCOVER_DATA_DIR", "no fetching")
    assert (there.state, there.found) == ("ok", str(tmp_path))
    coming = places.directory("data directory", tmp_path / "a" / "b", "DISCOVER_DATA_DIR", "no fetching")
    assert coming.state == "ok"
    assert "made when it is needed" in coming.found
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "sub/data"])
def test_a_file_in_place_of_a_directory(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_text("")
    check = places.directory("data directory", tmp_path / "file" / below, "DISCOVER_DATA_DIR", "no fetching")
    assert check.state == "broken"
    assert "is a file" in check.found
    assert "DISCOVER_DATA_DIR" in check.remedy


def test_a_directory_that_is_not_ours_to_write(tmp_path: Path) -> None:
    with without_writing(tmp_path):
        check = places.directory("data directory", tmp_path, "DISCOVER_DATA_DIR", "none can be fetched")
    assert check.state == "warning"
    assert "none can be fetched" in check.found


@pytest.mark.parametrize(("gb", "state"), [(74.0, "ok"), (3.0, "warning"), (0.1, "broken")])
def test_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gb: float, state: str) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(10**12, 0, int(gb * 1e9)))
    check = places.room({"data": tmp_path / "data", "store": tmp_path / "s.sqlite"})
    assert check.state == state
    assert check.found == f"{gb:.1f} GB for data, store"
    assert ("Make room" in check.remedy) == (state != "ok")


def test_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert places.clock(tmp_path).state == "ok"
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + 3600)  # files keep the kernel's time
    ahead = places.clock(tmp_path)
    assert ahead.state == "warning"
    assert "-3600 s" in ahead.found or "-3599 s" in ahead.found
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert "before this program was installed" in places.clock(tmp_path).found
    assert list(tmp_path.iterdir()) == []


def test_store_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "store.sqlite"
    check = places.store(url(file))
    assert check.state == "ok"
    assert "made by the first screen" in check.found
    assert list(tmp_path.iterdir()) == []


def test_store_with_runs_is_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    Store(url(file)).add_run(make_run(), [make_candidate(1), make_candidate(2)])
    with closing(sqlite3.connect(file)) as link:
        link.execute(f"DROP TABLE {ReviewRow.__tablename__}")  # as an older program left it
    before = file.read_bytes()
    check = places.store(url(file))
    assert (check.state, check.found) == ("ok", f"{file}: 1 runs, 2 candidates")
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["store.sqlite"]


def test_store_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "other.sqlite").write_text("this is no database, whatever its name says" * 40)
    with closing(sqlite3.connect(tmp_path / "theirs.sqlite")) as link:
        link.execute("CREATE TABLE runs (x)")
    wrong = {
        url(tmp_path / "file" / "store.sqlite"): "is a file",
        url(tmp_path): "is a directory",
        url(tmp_path / "other.sqlite"): "not a database",
        url(tmp_path / "theirs.sqlite"): "tables of something else",
        "nonsense": "not one that SQLAlchemy reads",
        "postgresql+psycopg://ana:hunter22@host:port/db": "not one that SQLAlchemy reads",
        "oracle+nothing://host/db": "",
    }
    for given, said in wrong.items():
        check = places.store(given)
        assert check.state == "broken", given
        assert said in check.found
        assert check.remedy
        assert "hunter22" not in check.found + check.remedy


def test_store_that_may_not_be_written(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    Store(url(file)).add_run(make_run(), [])
    with without_writing(tmp_path):
        assert places.store(url(file)).state == "broken"


def test_store_that_somebody_writes_is_not_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "store.sqlite"
    Store(url(file)).add_run(make_run(), [])
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        check = places.store(url(file))
        assert time.monotonic() - begun < 30
    assert check.state == "warning"
    assert "locked" in check.found
    assert places.store(url(file)).state == "ok"
