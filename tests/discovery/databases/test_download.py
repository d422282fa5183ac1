import hashlib
import json
from pathlib import Path

import pytest

from discovery.databases.download import ChecksumError, Downloader, DownloadError, NotThereError
from discovery.databases.info import Origin
from discovery.settings import Settings
from tests.discovery.databases.website import Website

CONTENT = bytes(range(256)) * 4000
COMMIT = "c" * 40
PATH = "owner/repo/data/labels.txt"
PIN = Origin(
    repository="owner/repo",
    commit=COMMIT,
    path="data/labels.txt",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
)


def downloader(tmp_path: Path, mirror: str, attempts: int = 4) -> Downloader:
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache", mirror=mirror)
    return Downloader(settings, attempts=attempts, pause=0.001)


def ranges(website: Website) -> list[str | None]:
    return [wanted for path, wanted in website.requests if path == PATH]


def test_a_pinned_file_is_downloaded_once(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT
    seen: list[tuple[str, int, int | None]] = []
    loader = downloader(tmp_path, website.url + "/")
    loader.report = lambda *progress: seen.append(progress)
    path = loader.file(PIN)
    assert path.read_bytes() == CONTENT
    assert seen[-1] == ("labels.txt", len(CONTENT), len(CONTENT))
    assert loader.file(PIN) == path
    assert ranges(website) == [None]


def test_a_cut_connection_is_resumed_where_it_broke(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT
    website.faults[PATH] = [-300_000, -1]
    assert downloader(tmp_path, website.url).file(PIN).read_bytes() == CONTENT
    first, second, third = ranges(website)
    assert first is None
    assert second == "bytes=300000-"
    assert third == "bytes=300001-"


def test_a_killed_download_goes_on_in_the_next_process(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT
    website.faults[PATH] = [-1000]
    with pytest.raises(DownloadError, match="in 1 attempts") as caught:
        downloader(tmp_path, website.url, attempts=1).file(PIN)
    assert "goes on where it stopped" in caught.value.remedy
    assert "--db starter" in caught.value.remedy
    assert downloader(tmp_path, website.url).file(PIN).read_bytes() == CONTENT
    assert ranges(website)[1] == "bytes=1000-"


def test_a_server_without_ranges_is_read_from_the_start(website: Website, tmp_path: Path) -> None:
    website.ranges = False
    website.files[PATH] = CONTENT
    website.faults[PATH] = [-500]
    assert downloader(tmp_path, website.url).file(PIN).read_bytes() == CONTENT
    assert len(ranges(website)) == 2


def test_a_complete_part_is_only_checked(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT
    loader = downloader(tmp_path, website.url)
    path = loader.file(PIN)
    path.rename(path.with_name(f"{path.name}.part"))
    assert loader.file(PIN).read_bytes() == CONTENT
    assert ranges(website) == [None, f"bytes={len(CONTENT)}-"]


@pytest.mark.parametrize("left", [b"of another file", CONTENT + b"longer"], ids=["shorter", "longer"])
def test_a_part_of_another_file_is_thrown_away(website: Website, tmp_path: Path, left: bytes) -> None:
    website.files[PATH] = CONTENT
    loader = downloader(tmp_path, website.url)
    path = loader.file(PIN)
    path.unlink()
    path.with_name(f"{path.name}.part").write_bytes(left)
    assert loader.file(PIN).read_bytes() == CONTENT
    assert list(path.parent.iterdir()) == [path]


def test_a_wrong_file_is_refused_and_not_kept(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT + b"tampered"
    with pytest.raises(ChecksumError, match="is not the file that was pinned"):
        downloader(tmp_path, website.url).file(PIN)
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    assert len(ranges(website)) == 1


def test_a_changed_cache_is_noticed(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT
    loader = downloader(tmp_path, website.url)
    loader.file(PIN).write_bytes(b"edited by hand")
    assert loader.file(PIN).read_bytes() == CONTENT


def test_a_missing_file_is_told_at_once(website: Website, tmp_path: Path) -> None:
    with pytest.raises(NotThereError, match="does not exist \\(404\\)") as caught:
        downloader(tmp_path, website.url).file(PIN)
    assert "DISCOVER_MIRROR" in caught.value.remedy
    assert ranges(website) == [None]


def test_a_hiccup_of_the_server_is_waited_out(website: Website, tmp_path: Path) -> None:
    website.files[PATH] = CONTENT
    website.faults[PATH] = [500, 503, 429]
    assert downloader(tmp_path, website.url).file(PIN).read_bytes() == CONTENT
    assert len(ranges(website)) == 4


def test_a_refusal_is_not_repeated(website: Website, tmp_path: Path) -> None:
    website.faults[PATH] = [403]
    with pytest.raises(DownloadError, match="403"):
        downloader(tmp_path, website.url).file(PIN)
    assert len(ranges(website)) == 1


def test_nobody_listening_is_a_plain_error(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="could not be downloaded in 2 attempts"):
        downloader(tmp_path, "http://127.0.0.1:9", attempts=2).archive(PIN)


def test_the_mirrors_manifest_states_the_hashes_of_its_copies(website: Website, tmp_path: Path) -> None:
    copy = CONTENT[:1000]
    entry = {"repository": "owner/repo", "commit": COMMIT, "path": PIN.path}
    entry["mirror_sha256"] = hashlib.sha256(copy).hexdigest()
    website.files[PATH] = copy
    website.files["manifest.json"] = json.dumps([entry]).encode()
    assert downloader(tmp_path, website.url).file(PIN).read_bytes() == copy
    website.files["manifest.json"] = b"[{}]"
    with pytest.raises(DownloadError, match=r"manifest\.json"):
        downloader(tmp_path, website.url).file(PIN)
    del website.files["manifest.json"]
    with pytest.raises(ChecksumError, match=r"the pinned owner/repo@ccccccc:data/labels\.txt"):
        downloader(tmp_path, website.url).file(PIN)


def test_a_mirror_directory_is_read_in_place(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    with pytest.raises(DownloadError, match="does not exist"):
        downloader(tmp_path, str(mirror)).file(PIN)
    mirror.mkdir()
    with pytest.raises(NotThereError):
        downloader(tmp_path, str(mirror)).file(PIN)
    file = mirror / PATH
    file.parent.mkdir(parents=True)
    file.write_bytes(CONTENT)
    assert downloader(tmp_path, str(mirror)).file(PIN) == file
    file.write_bytes(b"other")
    with pytest.raises(ChecksumError):
        downloader(tmp_path, str(mirror)).file(PIN)


def test_public_addresses_name_commit_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(Downloader, "url", lambda self, url, target, *rest: asked.append(url) or target)
    loader = Downloader(Settings(data_dir=tmp_path, cache_dir=tmp_path))
    loader.file(PIN)
    loader.archive(PIN)
    assert asked == [
        f"https://raw.githubusercontent.com/owner/repo/{COMMIT}/data/labels.txt",
        f"https://codeload.github.com/owner/repo/tar.gz/{COMMIT}",
    ]
