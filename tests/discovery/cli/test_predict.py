from pathlib import Path

import pytest
from ase.io import write
from typer.testing import CliRunner

from discovery.cli.main import app
from tests.sample_crystals import sample_atoms

runner = CliRunner()


@pytest.fixture
def poscar(tmp_path: Path) -> Path:
    path = tmp_path / "POSCAR"
    write(path, sample_atoms()["GaAs"], format="vasp")
    return path


def test_a_table_is_printed_without_an_output(poscar: Path) -> None:
    result = runner.invoke(app, ["predict", str(poscar)])
    assert result.exit_code == 0, result.output
    assert "GaAs" in result.output
    assert "216" in result.output


def test_both_models_write_files(poscar: Path, tmp_path: Path) -> None:
    for model in ("benchmark", "discovery"):
        out = tmp_path / f"{model}.csv"
        result = runner.invoke(app, ["predict", str(poscar), "--model", model, "-o", str(out)])
        assert result.exit_code == 0, result.output
        assert len(out.read_text().splitlines()) == 2
    assert (tmp_path / "benchmark.csv").read_text() != (tmp_path / "discovery.csv").read_text()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["POSCAR", "benchmark.csv", "discovery.csv"]


def test_nothing_that_could_be_scored_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "bad.cif").write_text("data_x\n")
    result = runner.invoke(app, ["predict", str(tmp_path / "bad.cif"), "-o", str(tmp_path / "o.jsonl")])
    assert result.exit_code == 1
    assert '"error": "' in (tmp_path / "o.jsonl").read_text()


def test_wrong_paths_and_suffixes_are_refused(poscar: Path, tmp_path: Path) -> None:
    missing = runner.invoke(app, ["predict", str(tmp_path / "none.cif")])
    assert missing.exit_code == 1
    assert "none.cif" in missing.output
    suffix = runner.invoke(app, ["predict", str(poscar), "-o", "scores.xlsx"])
    assert suffix.exit_code == 2
    assert ".parquet" in suffix.output
