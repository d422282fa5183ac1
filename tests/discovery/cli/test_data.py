import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.data import app

POSCAR = "CsCl\n1.0\n4.1 0 0\n0 4.1 0\n0 0 4.1\nCs Cl\n1 1\nDirect\n0 0 0\n0.5 0.5 0.5\n"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def ready(shared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISCOVER_DATA_DIR", str(shared / "data"))
    return shared


def test_list_names_what_is_there_and_how_to_get_the_rest() -> None:
    result = run("list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert "yes" in rows["starter"]
    assert "discover data fetch topoB" in rows["topoB"]
    assert {"optimade:URL", "mp-api", "PATH"} <= rows.keys()


def test_list_of_a_ready_directory(ready: Path) -> None:
    assert "discover data fetch" not in run("list").stdout


def test_info_tells_provenance_licence_meaning_and_counts(ready: Path) -> None:
    text = " ".join(run("info", "topoB").stdout.split())
    assert "raymond-yiqunwang/deepKNet@347e9b2:utils/topo_MPdata_28k.csv" in text
    assert "not symmetry-indicated" in text
    assert "Vergniory" in text
    assert "trivial 6,186 SM 4,991 TI 1,860" in text


def test_info_as_json(ready: Path) -> None:
    facts = json.loads(run("info", "topoA", "--json").stdout)
    assert facts["ready"] is True
    assert facts["class_counts"]["label_arsenal"]["trivial"] == 5471
    assert facts["notes"] == ["2 of 9,524 labelled crystals have no structure here."]
    assert all(len(origin["commit"]) == 40 for origin in facts["origins"])


def test_info_of_what_is_not_here_says_how_to_get_it() -> None:
    result = run("info", "materiae")
    assert result.exit_code == 0
    assert "discover data fetch materiae" in result.stdout


def test_info_of_an_unknown_name() -> None:
    result = run("info", "topob")
    assert result.exit_code == 1
    assert "Did you mean topoB?" in result.stderr
    assert "Traceback" not in result.output


def test_info_of_a_remote_database_asks_nobody() -> None:
    result = run("info", "optimade:http://127.0.0.1:9")
    assert result.exit_code == 0
    assert "127.0.0.1:9" in result.stdout


def test_fetch_of_a_ready_directory_changes_nothing(ready: Path) -> None:
    result = run("fetch", "topoB")
    assert result.exit_code == 0
    assert "Already here" in result.stdout


def test_fetch_from_a_mirror(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCOVER_MIRROR", str(shared / "mirror"))
    result = run("fetch", "topoB", "--workers", "1")
    assert result.exit_code == 0, result.output
    assert "200 crystals" in result.stdout
    assert "27,862 of 28,062 structures" in result.stderr
    assert "TI" in run("info", "topoB").stdout


def test_fetch_from_a_mirror_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCOVER_MIRROR", str(tmp_path / "nowhere"))
    result = run("fetch", "mp")
    assert result.exit_code == 1
    assert "does not exist" in result.stderr
    assert "DISCOVER_MIRROR" in result.stderr


def test_an_interrupted_fetch_says_that_it_can_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("discovery.databases.build.fetch", interrupted)
    result = run("fetch", "mp")
    assert result.exit_code == 130
    assert "goes on where it stopped" in result.stderr


def test_fetch_of_what_needs_no_fetching() -> None:
    assert "needs no fetching" in run("fetch", "starter").stdout
    assert run("fetch", "nothing").exit_code == 1


def test_import_then_list_and_info(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text(POSCAR)
    result = run("import", str(tmp_path / "POSCAR"), "--as", "mine", "--licence", "CC0")
    assert result.exit_code == 0, result.output
    assert "Imported 1 crystals as mine" in result.stdout
    assert "mine" in run("list").stdout
    assert "CC0" in run("info", "mine").stdout
    again = run("import", str(tmp_path / "POSCAR"), "--as", "mine")
    assert again.exit_code == 1
    assert "--replace" in again.stderr


def test_names_are_shown_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "[bold]x"
    folder.mkdir()
    (folder / "POSCAR").write_text(POSCAR)
    assert "[bold]x" in run("info", str(folder)).stdout.replace("\n", "").replace(" ", "")
