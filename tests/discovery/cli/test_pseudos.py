from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.pseudos import app
from discovery.verification.engines.espresso import pseudos


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


def test_list_without_any_file() -> None:
    result = run("list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split() for line in result.stdout.splitlines()}
    assert rows["Sb"] == ["Sb", "Sb-d_r.upf", "missing", "72", "80", "88"]
    assert len(rows) == 69
    assert "0 of 68 ready" in result.stderr
    assert "CC-BY 4.0" in result.stderr


def test_missing_elements_that_were_named_fail() -> None:
    result = run("list", "sb", "Te")
    assert result.exit_code == 1
    assert "discover pseudos fetch Sb Te" in result.stderr


@pytest.mark.parametrize("verb", ["list", "fetch"])
def test_an_unknown_element_is_refused(verb: str) -> None:
    result = run(verb, "Xx")
    assert result.exit_code == 1
    assert "has no Xx" in result.stderr


def test_fetch_from_a_mirror_that_lacks_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCOVER_MIRROR", str(tmp_path))
    result = run("fetch", "Sb")
    assert result.exit_code == 1
    assert "Sb/Sb-d_r.upf" in result.stderr


@pytest.mark.shared
def test_fetch_then_list(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "mirror" / pseudos.REPOSITORY
    for name in ("Sb-d_r.upf", "Te-d_r.upf"):
        (place / name[:2]).mkdir(parents=True)
        (place / name[:2] / name).symlink_to(shared / "pseudopotentials" / "pseudodojo-pbe-fr" / name)
    monkeypatch.setenv("DISCOVER_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setenv("DISCOVER_PSEUDO_DIR", str(tmp_path / "upf"))
    assert "Fetched 2 files" in run("fetch", "Sb", "Te").stdout
    assert "Everything is in" in run("fetch", "Sb").stdout
    assert run("list", "Sb", "Te").exit_code == 0
