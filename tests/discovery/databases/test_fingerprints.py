import os
from pathlib import Path

import pytest

from discovery.databases import fingerprints
from discovery.databases.fingerprints import fingerprint_files


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "crystals.parquet"
    path.write_bytes(b"abc")
    return path


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "SETTLED", -1.0)


def counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    read: list[Path] = []
    original = fingerprints.file_sha256
    monkeypatch.setattr(fingerprints, "file_sha256", lambda path: read.append(path) or original(path))
    return read


@pytest.mark.usefixtures("settled")
def test_an_unchanged_file_is_read_once(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = counted(monkeypatch)
    assert fingerprint_files([file], tmp_path / "cache") == fingerprint_files([file], tmp_path / "cache")
    assert read == [file]


@pytest.mark.usefixtures("settled")
def test_same_size_and_set_back_time_are_noticed(file: Path, tmp_path: Path) -> None:
    before = fingerprint_files([file], tmp_path / "cache")
    stat = file.stat()
    file.write_bytes(b"abd")
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert fingerprint_files([file], tmp_path / "cache") != before


def test_a_file_just_written_is_not_remembered(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = counted(monkeypatch)
    fingerprint_files([file], tmp_path / "cache")
    fingerprint_files([file], tmp_path / "cache")
    assert len(read) == 2


@pytest.mark.usefixtures("settled")
@pytest.mark.parametrize("content", ["", "[]", '{"x": 3}', "{"])
def test_a_spoilt_cache_is_done_without(file: Path, tmp_path: Path, content: str) -> None:
    cache = tmp_path / "cache"
    expected = fingerprint_files([file], cache)
    (cache / "fingerprints.json").write_text(content)
    assert fingerprint_files([file], cache) == expected


def test_a_cache_that_cannot_be_written_is_done_without(file: Path) -> None:
    assert fingerprint_files([file], file / "cache") == fingerprint_files([file], Path("/proc/nowhere"))


def test_names_count_and_order_does_not(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.parquet"
    other.write_bytes(b"abc")
    cache = tmp_path / "cache"
    assert fingerprint_files([file, other], cache) == fingerprint_files([other, file], cache)
    assert fingerprint_files([file], cache) != fingerprint_files([other], cache)
