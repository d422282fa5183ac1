import csv
from pathlib import Path

import pytest
from ase.io import write
from typer.testing import CliRunner

from discovery.cli.main import app
from tests.discovery.screening.sample_trusted import make_trusted
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


def test_calls_and_doubts_are_shown(tmp_path: Path) -> None:
    model = str(make_trusted(tmp_path / "model"))
    for name in ("TiO2", "SiO2", "Bi2Se3"):
        write(tmp_path / f"{name}.cif", sample_atoms()[name])
    crystals = [str(tmp_path / "*.cif"), "--model", model, "--workers", "1"]
    shown = runner.invoke(app, ["predict", *crystals], env={"COLUMNS": "160"})
    assert shown.exit_code == 0, shown.output
    assert "no symmetry eigenvalue can show topology" in shown.output
    assert "Bi2Se3: no training crystal holds Bi" in shown.output
    assert "error rate of 5 %" in shown.output
    assert "P(metal)" in shown.output
    out = tmp_path / "scores.csv"
    written = runner.invoke(app, ["predict", *crystals, "--error-rate", "0.01", "-o", str(out)])
    assert written.exit_code == 0, written.output
    rows = {row["id"]: row for row in csv.DictReader(out.open())}
    assert {row["error_rate"] for row in rows.values()} == {"0.01"}
    assert rows["TiO2"]["covered"] == "True"
    assert rows["SiO2"]["covered"] == "False"
    assert float(rows["TiO2"]["predicted_gap_uncertainty"]) >= 0.3
    assert "the error rate is not tested" in written.output


def test_an_error_rate_that_cannot_be_held_is_refused(poscar: Path) -> None:
    for command in (["predict", str(poscar)], ["screen", "-o", str(poscar.parent / "run")]):
        refused = runner.invoke(app, [*command, "--error-rate", "0.9"])
        assert refused.exit_code == 2
        assert "0.005" in refused.output
        assert "Traceback" not in refused.output


def test_the_rate_that_is_shown_is_the_default() -> None:
    from discovery.cli.error_rate import ERROR_RATE
    from xbert.trust import ERROR_RATE as MEANT

    assert ERROR_RATE == MEANT


def test_a_damaged_trust_file_is_refused_by_name(poscar: Path, tmp_path: Path) -> None:
    model = make_trusted(tmp_path / "model")
    (model / "trust.json").write_text("{")
    refused = runner.invoke(app, ["predict", str(poscar), "--model", str(model)])
    assert refused.exit_code == 2
    assert "trust.json" in refused.output
    assert "Traceback" not in refused.output
