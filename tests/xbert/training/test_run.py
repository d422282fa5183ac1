import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tests.sample_crystals import features_in_standard_cells, sample_crystals, sample_table
from xbert.checkpoint import load_model
from xbert.cli import app
from xbert.crystals import Crystal, CrystalTable
from xbert.predict import Predictor


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
    assert len(load_model(tmp_path / "model")[0]) == {"folds": 5, "random": 1}[split]
    table = pq.read_table(tmp_path / "model" / "out_of_fold.parquet")
    assert len(set(table["id"].to_pylist())) == table.num_rows == {"folds": 60, "random": 6}[split]


def test_folds_that_are_finished_are_not_trained_again(
    files: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (files, tmp_path / "model", "--question", "benchmark", "--split", "folds")
    assert _finetune(*arguments).exit_code == 0
    first = pq.read_table(tmp_path / "model" / "out_of_fold.parquet")
    monkeypatch.setattr("xbert.training.run.train_members", lambda *_: pytest.fail("trained again"))
    assert _finetune(*arguments).exit_code == 0
    assert pq.read_table(tmp_path / "model" / "out_of_fold.parquet") == first
    with pytest.raises(ValueError, match="belongs to another training"):
        _finetune(*arguments, "--epochs", "2")


def test_no_network_that_predicts_a_crystal_saw_its_formula(files: tuple[Path, Path], tmp_path: Path) -> None:
    _finetune(files, tmp_path / "model", "--question", "benchmark", "--split", "folds")
    table = pq.read_table(tmp_path / "model" / "out_of_fold.parquet").to_pandas()
    assert table.groupby("formula_key")["fold"].nunique().max() == 1
    kinds = table[[f"p_consensus_{kind}" for kind in ("trivial", "ti", "tci", "tsm")]]
    np.testing.assert_allclose(kinds.sum(axis=1), 1.0, atol=1e-5)


def test_properties_are_learned_beside_and_predicted(files: tuple[Path, Path], tmp_path: Path) -> None:
    ids = [f"c{i}" for i in range(60)]
    gaps = [0.0 if i % 3 else 1.5 for i in range(60)]
    columns = {name: ["train"] * 60 for name in ("megnet_split", "mp20_split", "mpts52_split")}
    columns |= {"id": ids, "megnet_band_gap": gaps, "megnet_formation_energy_per_atom": [-1.0] * 60}
    for name in ("roost_nonmetal_band_gap", "mp20_band_gap", "mp20_formation_energy_per_atom"):
        columns[name] = pa.nulls(60, pa.float64())
    table = pa.table(columns)
    pq.write_table(table, tmp_path / "properties.parquet")
    more = ("--properties", str(tmp_path / "properties.parquet"), "--question", "benchmark")
    assert _finetune(files, tmp_path / "model", *more).exit_code == 0
    description = load_model(tmp_path / "model")[1]
    assert description.auxiliary["gap"]["held_out_error"] > 0
    found = Predictor(tmp_path / "model")(features_in_standard_cells(sample_table()))
    assert found.gap is not None
    assert found.metal is not None
    assert (found.gap >= 0).all()
    assert ((found.metal > 0) & (found.metal < 1)).all()
    assert (found.gap_uncertainty >= description.auxiliary["gap"]["held_out_error"]).all()


def test_a_scaling_of_classes_left_out_reaches_groups_without_labels_alone(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    assert _finetune(files, tmp_path / "systems", "--split", "crystal-system").exit_code == 0
    scaling = tmp_path / "systems" / "scaling.json"
    told = json.loads(scaling.read_text()) | {"bias": -2.0, "spacegroups": [216]}
    scaling.write_text(json.dumps(told))
    table = pq.read_table(tmp_path / "systems" / "out_of_class.parquet").to_pandas()
    assert set(table["left_out"]) <= {"cubic", "hexagonal", "trigonal", "tetragonal", "orthorhombic"}
    assert _finetune(files, tmp_path / "plain", "--split", "formula").exit_code == 0
    assert (
        _finetune(files, tmp_path / "scaled", "--split", "formula", "--scaling", str(scaling)).exit_code == 0
    )
    features = features_in_standard_cells(sample_table())
    plain, scaled = (Predictor(tmp_path / name)(features).topological for name in ("plain", "scaled"))
    changed = ~np.isclose(plain, scaled, atol=1e-6)
    np.testing.assert_array_equal(changed, features.spacegroup == 216)
    assert (scaled[changed] < plain[changed]).all()


def test_transfer_trains_with_inversion_and_tests_without(files: tuple[Path, Path], tmp_path: Path) -> None:
    result = _finetune(files, tmp_path / "model", "--split", "transfer")
    assert result.exit_code == 0, result.output
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())
    # Of the samples only GaAs (216) lacks inversion and has an indicator.
    assert 0 < scores["majority, topological"]["n"] <= 8
    assert scores["majority, seen"]["n"] == scores["majority, topological"]["n"]


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
