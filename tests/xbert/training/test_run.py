import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.sample_crystals import sample_crystals
from xbert.checkpoint import load_model
from xbert.cli import app
from xbert.crystals import Crystal, CrystalTable


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Sixty small crystals with labels: strained copies of the samples, half of them 'TI'."""
    rng = np.random.default_rng(0)
    crystals = []
    for i in range(60):
        base = sample_crystals()[i % 8]
        numbers = np.clip(base.numbers.astype(int) + rng.integers(0, 3), 1, 100).astype(np.uint8)
        crystals.append(Crystal(f"c{i}", base.lattice * rng.uniform(0.97, 1.05), numbers, base.frac_coords))
    CrystalTable.from_crystals(crystals).write_parquet(tmp_path / "structures.parquet")
    words = [("TI", "TI", "TCI") if i % 2 else ("Triv_Ins", "trivial", "trivial") for i in range(60)]
    table = {"mp_id": [c.id for c in crystals]}
    for k, name in enumerate(("materiae_soc", "tqc_class", "arsenal")):
        table[name] = [w[k] for w in words]
    pq.write_table(pa.table(table), tmp_path / "labels.parquet")
    return tmp_path / "structures.parquet", tmp_path / "labels.parquet"


def _finetune(files: tuple[Path, Path], output: Path, *more: str):
    args = ["finetune", "--structures", str(files[0]), "--labels", str(files[1]), "-o", str(output)]
    fast = ["--epochs", "1", "--members", "1", "--workers", "1", "--batch-size", "16", "--device", "cpu"]
    return CliRunner().invoke(app, [*args, *fast, *more], catch_exceptions=False)


def test_finetune_leaves_a_model_with_its_card(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = _finetune(files, tmp_path / "model", "--question", "benchmark")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())
    held_out = scores["tqc"]["binary"]["n"]
    assert 0 < held_out < 30
    members, description = load_model(tmp_path / "model")
    assert len(members) == 1
    assert description.training["n_train"] == 60 - held_out
    card = (tmp_path / "model" / "README.md").read_text()
    assert "| tqc |" in card
    assert "three classes" in card


@pytest.mark.parametrize("split", ["folds", "random"])
def test_other_splits_are_scored(files: tuple[Path, Path], tmp_path: Path, split: str) -> None:
    result = _finetune(files, tmp_path / "model", "--question", "benchmark", "--split", split)
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())
    assert scores["majority"]["n"] == {"folds": 60, "random": 6}[split]


def test_transfer_trains_with_inversion_and_tests_without(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = _finetune(files, tmp_path / "model", "--split", "transfer")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())
    # Of the samples only GaAs (216) lacks inversion and has an indicator.
    assert 0 < scores["majority"]["n"] <= 8


def test_scores_of_another_split_are_added_to_the_card(files: tuple[Path, Path], tmp_path: Path) -> None:
    model, other = tmp_path / "model", tmp_path / "other"
    _finetune(files, model, "--question", "benchmark")
    assert _finetune(files, other, "--question", "benchmark", "--split", "random").exit_code == 0
    arguments = ["card", str(model), "--add", f"Random rows={other / 'scores.json'}"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert "## Random rows" in (model / "README.md").read_text()
    assert list(load_model(model)[1].metrics) == ["Held-out formulas", "Random rows"]
    refused = CliRunner().invoke(app, ["card", str(model), "--add", "Nothing=nowhere.json"])
    assert refused.exit_code == 2


def test_words_can_be_withheld(files: tuple[Path, Path], tmp_path: Path) -> None:
    assert _finetune(files, tmp_path / "m", "--words", "none").exit_code == 0
    assert load_model(tmp_path / "m")[1].config["known_words"] == [False] * 5
