"""The commands as a user gives them, on the crystals that come with the package."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from xbert.cli import app
from xbert.crystals import CrystalTable

SMALL = ["--width", "16", "--layers", "1", "--heads", "2", "--device", "cpu", "--workers", "1"]


def _xbert(*arguments: str | Path, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture
def gaps(tmp_path: Path) -> Path:
    """A task of one's own: measured gaps of the bundled crystals."""
    from discovery.databases.starter import load

    table = load()
    known = np.array([g is not None for g in table.arrow["band_gap"].to_pylist()])
    table = table.take(np.flatnonzero(known)[:48])
    table.keep([]).write_parquet(tmp_path / "starter.parquet")
    gap = table.arrow["band_gap"].to_pylist()
    rows = "\n".join(f"{id_},{value}" for id_, value in zip(table.ids, gap, strict=True))
    (tmp_path / "gaps.csv").write_text(f"id,gap\n{rows}\n")
    record = tmp_path / "gap.yaml"
    record.write_text(
        "title: Measured gap\nkind: regression\nstructures: {file: starter.parquet}\n"
        "target: {file: gaps.csv, column: gap, unit: eV}\nprotocol: {by: formula, folds: 2}\n"
        "training: {epochs: 1}\n"
    )
    return record


def test_tasks_are_listed_and_shown() -> None:
    assert "topoA" in _xbert("tasks")
    assert "arsenal" in _xbert("tasks", "topoA")
    names = [record["name"] for record in json.loads(_xbert("tasks", "--json"))]
    assert "matbench_phonons" in names
    assert "give a YAML file or one of" in _xbert("tasks", "nothing", code=1)
    assert "--data" in _xbert("tasks", "matbench_phonons", "--download", code=2)


def test_a_task_of_ones_own_is_learnt_scored_again_and_started_from(gaps: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    _xbert("finetune", "--task", gaps, *SMALL, "-o", out)
    scores = json.loads((out / "scores.json").read_text())["protocols"]["formula"]
    model = out / "formula" / "fold-0"
    arguments = ["evaluate", "--model", str(model), "--task", str(gaps), "--device", "cpu"]
    result = CliRunner().invoke(app, arguments)
    again = json.loads(result.stdout)
    assert again["mae"] == pytest.approx(scores["folds"]["0"]["mae"])
    _xbert("predict", tmp_path / "starter.parquet", "--model", out / "formula", "-o", tmp_path / "p.csv")
    _xbert("models", "gap", "--add", out / "formula")
    assert "Measured gap" in _xbert("models")
    assert "2 fold(s)" in _xbert("models", "gap")
    _xbert("predict", tmp_path / "starter.parquet", "--model", "gap", "-o", tmp_path / "named.csv")
    assert (tmp_path / "named.csv").read_text() == (tmp_path / "p.csv").read_text()
    rows = list(csv.DictReader((tmp_path / "p.csv").read_text().splitlines()))
    assert [row["id"] for row in rows] == [
        line.split(",")[0] for line in (tmp_path / "gaps.csv").read_text().splitlines()[1:]
    ]
    assert all(float(row["gap"]) > -20 and float(row["uncertainty"]) >= 0 for row in rows)
    _xbert("finetune", "--task", gaps, *SMALL, "--init", model, "--only-fold", "1", "-o", tmp_path / "next")
    assert list(
        json.loads((tmp_path / "next" / "scores.json").read_text())["protocols"]["formula"]["folds"]
    ) == ["1"]


def test_the_ablation_table_is_one_command(gaps: Path, tmp_path: Path) -> None:
    output = _xbert(
        "ablate", "--task", gaps, *SMALL, "--only-fold", "0", "--only", "gnn", "-o", tmp_path / "a"
    )
    assert "| without GNN |" in output
    assert "| GNN alone |" in output
    assert "| XBERT |" not in output


def test_the_curves_are_one_command(gaps: Path, tmp_path: Path) -> None:
    _xbert("curves", "--task", gaps, *SMALL, "--limit", "20", "-o", tmp_path / "c")
    assert (tmp_path / "c" / "curves.png").stat().st_size > 10_000


def test_parts_can_be_taken_away_and_the_encoder_left_alone(gaps: Path, tmp_path: Path) -> None:
    _xbert("finetune", "--task", gaps, *SMALL, "--ablate", "graph", "--only-fold", "0", "-o", tmp_path / "a")
    model = json.loads((tmp_path / "a" / "formula" / "fold-0" / "model.json").read_text())
    assert model["config"]["ablated"] == ["graph"]
    _xbert("finetune", "--task", gaps, "--network", "graph alone", "--only-fold", "0", "-o", tmp_path / "b")
    assert (
        json.loads((tmp_path / "b" / "formula" / "fold-0" / "model.json").read_text())["kind"]
        == "graph alone"
    )


def test_an_encoder_that_knows_angles_gets_them(gaps: Path, tmp_path: Path) -> None:
    arguments = ["--limit", "12", "--only-fold", "0", "--encoder", "alignn", "-o", tmp_path / "a"]
    _xbert("finetune", "--task", gaps, *SMALL, *arguments)
    model = tmp_path / "a" / "formula" / "fold-0"
    assert json.loads((model / "model.json").read_text())["config"]["encoder"] == "alignn"
    _xbert("evaluate", "--model", model, "--task", gaps, "--device", "cpu")
    crystals = CrystalTable.read_parquet(tmp_path / "starter.parquet")
    crystals.slice(0, 2).write_parquet(tmp_path / "two.parquet")
    _xbert("predict", tmp_path / "two.parquet", "--model", model, "-o", tmp_path / "p.parquet")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--task", "topoA"], 1, "needs --data"),
        (["--task", "nothing.yaml"], 1, "no task"),
        (["--task", "topoA", "--encoder", "magic"], 2, "no graph encoder 'magic'"),
        (["--task", "topoA", "--network", "forest"], 2, "no network 'forest'"),
        (["--task", "topoA", "--ablate", "spin"], 2, "nothing called 'spin'"),
        (["--task", "topoA", "--width", "10", "--heads", "4"], 2, "not a multiple"),
        ([], 2, "give --task NAME"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    assert message in _xbert("finetune", *arguments, "-o", tmp_path / "out", code=code)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["topoA", "topo3-all", "is-metal", "megnet-e-form", "mp20-gap", "perovskites", "3dsc"]
)
def test_the_tasks_of_the_paper_run_on_the_real_data(shared: Path, tmp_path: Path, name: str) -> None:
    arguments = ["--data", shared / "data", "--limit", "60", "--epochs", "1", "--only-fold", "0"]
    _xbert("finetune", "--task", name, *arguments, *SMALL, "-o", tmp_path)
    scores = json.loads((tmp_path / "scores.json").read_text())
    (result,) = scores["protocols"].values()
    assert result["folds"]["0"]["n"] >= 3
