import hashlib
from pathlib import Path

import pytest

from discovery.databases.download import ChecksumError, NotThereError
from discovery.databases.info import Origin
from discovery.settings import Settings
from discovery.verification.engines import StepError
from discovery.verification.engines.espresso import pseudos
from discovery.verification.engines.espresso.upf import read_upf
from tests.discovery.verification.espresso.upfs import upf_text, write_upf

PLACE = pseudos.REPOSITORY


@pytest.fixture
def one(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A set of one small file, pinned."""
    content = upf_text("Si").encode()
    origin = Origin(
        repository=PLACE,
        commit=pseudos.COMMIT,
        path="Si/Si_r.upf",
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
    )
    pseudo = pseudos.Pseudo("Si", origin, {"low": 28.0, "normal": 36.0, "high": 48.0})
    monkeypatch.setattr(pseudos, "table", lambda: {"Si": pseudo})
    return content


def settings(tmp_path: Path, mirror: str | None = None) -> Settings:
    return Settings(pseudo_dir=tmp_path / "upf", cache_dir=tmp_path / "cache", mirror=mirror)


def mirror_of(tmp_path: Path, content: bytes) -> str:
    path = tmp_path / "mirror" / PLACE / "Si" / "Si_r.upf"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return str(tmp_path / "mirror")


def test_the_table_is_the_set() -> None:
    table = pseudos.table()
    assert len(table) == 68
    assert table["Sb"].name == "Sb-d_r.upf"
    assert table["Sb"].cutoffs == {"low": 72.0, "normal": 80.0, "high": 88.0}
    assert not {"Ni", "Pd", "Pt", "Gd"} & set(table)
    for pseudo in table.values():
        assert len(pseudo.origin.sha256 or "") == 64
        assert 0 < pseudo.cutoffs["low"] <= pseudo.cutoffs["normal"] <= pseudo.cutoffs["high"]


@pytest.mark.shared
def test_checksums_are_those_of_the_files(shared: Path, tmp_path: Path) -> None:
    here = Settings(pseudo_dir=shared / "pseudopotentials" / "pseudodojo-pbe-fr", cache_dir=tmp_path)
    assert {pseudos.state(pseudo, here) for pseudo in pseudos.table().values()} == {"ready"}


def test_fetch_brings_what_is_missing_and_nothing_twice(tmp_path: Path, one: bytes) -> None:
    here = settings(tmp_path, mirror_of(tmp_path, one))
    assert pseudos.state(pseudos.table()["Si"], here) == "missing"
    assert pseudos.fetch(here) == [tmp_path / "upf" / "Si_r.upf"]
    assert pseudos.state(pseudos.table()["Si"], here) == "ready"
    assert pseudos.fetch(here, ["Si"]) == []
    assert [path.name for path in (tmp_path / "upf").iterdir()] == ["Si_r.upf"]


def test_fetch_over_http(tmp_path: Path, one: bytes) -> None:
    from functools import partial
    from http.server import SimpleHTTPRequestHandler

    from tests.discovery.databases.website import serve

    server, url = serve(partial(SimpleHTTPRequestHandler, directory=mirror_of(tmp_path, one)))
    try:
        here = settings(tmp_path, url)
        assert read_upf(pseudos.fetch(here, ["Si"])[0]).element == "Si"
    finally:
        server.shutdown()
        server.server_close()


def test_a_file_that_is_not_the_pinned_one_is_not_kept(tmp_path: Path, one: bytes) -> None:
    here = settings(tmp_path, mirror_of(tmp_path, one + b" "))
    with pytest.raises(ChecksumError):
        pseudos.fetch(here)
    assert not list((tmp_path / "upf").iterdir())


def test_a_mirror_without_the_file(tmp_path: Path, one: bytes) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotThereError, match=r"Si_r\.upf"):
        pseudos.fetch(settings(tmp_path, str(tmp_path / "empty")))


def test_a_users_file_is_never_replaced(tmp_path: Path, one: bytes) -> None:
    mine = write_upf(tmp_path / "upf", "Si_r.upf", remark="mine")
    before = mine.read_bytes()
    here = settings(tmp_path, mirror_of(tmp_path, one))
    with pytest.raises(StepError, match="other files"):
        pseudos.fetch(here)
    assert mine.read_bytes() == before
    assert pseudos.state(pseudos.table()["Si"], here) == "another file"
    assert pseudos.find("Si", here).file == mine


def test_an_element_outside_the_set(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="has no Pt"):
        pseudos.fetch(settings(tmp_path), ["Si", "Pt"])


def test_a_folder_that_cannot_be_written(tmp_path: Path, one: bytes) -> None:
    (tmp_path / "upf").write_text("a file")
    with pytest.raises(StepError, match="cannot be written") as refused:
        pseudos.fetch(settings(tmp_path, mirror_of(tmp_path, one)))
    assert "DISCOVER_PSEUDO_DIR" in refused.value.remedy


def test_the_only_other_file_of_an_element_is_taken(tmp_path: Path) -> None:
    write_upf(tmp_path / "upf", "si.pbe-scalar.UPF", relativistic="scalar")
    mine = write_upf(tmp_path / "upf", "Si.rel-oncv.UPF")
    assert pseudos.find("Si", settings(tmp_path)).file == mine
    write_upf(tmp_path / "upf", "Si-other_r.upf")
    with pytest.raises(StepError, match="several"):
        pseudos.find("Si", settings(tmp_path))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"relativistic": "scalar"}, "is scalar relativistic"),
        ({"ultrasoft": True}, "is ultrasoft"),
        ({"element": "Sb"}, "is of Sb"),
    ],
)
def test_a_file_under_the_sets_name_must_fit(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    write_upf(tmp_path / "upf", "Si_r.upf", **changes)
    with pytest.raises(StepError, match=reason):
        pseudos.find("Si", settings(tmp_path))


def test_a_missing_element_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(StepError) as refused:
        pseudos.find("Sb", settings(tmp_path))
    assert "discover pseudos fetch Sb" in refused.value.remedy
    with pytest.raises(StepError) as refused:
        pseudos.find("Pt", settings(tmp_path))
    assert "has no Pt" in refused.value.remedy


def test_the_hardest_element_sets_the_cutoff(tmp_path: Path) -> None:
    silicon = read_upf(write_upf(tmp_path, "Si_r.upf"))
    antimony = read_upf(write_upf(tmp_path, "Sb-d_r.upf", "Sb"))
    assert pseudos.cutoff([silicon], "low") == 28.0
    assert pseudos.cutoff([silicon, antimony], "high") == 88.0
    with pytest.raises(StepError, match="no cutoff is known") as refused:
        pseudos.cutoff([read_upf(write_upf(tmp_path, "Si.mine.upf"))], "low")
    assert "ecutwfc" in refused.value.remedy
