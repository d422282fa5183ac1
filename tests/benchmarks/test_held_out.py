from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from held_out import FOLDS, HeldOut, calibrated, clear_classes, cross_validated, read_xbert

from xbert.training.data import LabelledCrystals
from xbert.training.metrics import calibration_error


class Recorder:
    """A model that says one third to everything and remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[np.ndarray, np.ndarray]] = []

    def __call__(self, data, train, test, directory):
        self.shown.append((train, test))
        m = len(test)
        answers = {"topological": np.full((m, 3), 2 / 3), "classes": np.full((m, 3, 3), 1 / 3)}
        return answers | {"spread": np.zeros(m)}, {"note": "none"}


def test_no_model_learns_from_a_formula_that_it_answers_for(data: LabelledCrystals, tmp_path: Path) -> None:
    model = Recorder()
    found = cross_validated("flat", model, {}, data, tmp_path)
    assert len(model.shown) == FOLDS
    for train, test in model.shown:
        assert not {data.keys[row] for row in train} & {data.keys[row] for row in test}
    answered = np.sort(np.concatenate([test for _, test in model.shown]))
    np.testing.assert_array_equal(answered, np.arange(len(data.labels)))
    np.testing.assert_allclose(found.classes, 1 / 3, rtol=1e-6)


def test_what_was_answered_is_kept_by_settings(data: LabelledCrystals, tmp_path: Path) -> None:
    model = Recorder()
    first = cross_validated("flat", model, {"a": 1}, data, tmp_path, parts=[0, 3])
    assert len(model.shown) == 2
    assert np.isnan(first.topological).any()
    cross_validated("flat", model, {"a": 1}, data, tmp_path)
    assert len(model.shown) == FOLDS
    again = cross_validated("flat", model, {"a": 1}, data, tmp_path)
    assert len(model.shown) == FOLDS
    assert not np.isnan(again.topological).any()
    cross_validated("flat", model, {"a": 2}, data, tmp_path)
    assert len(model.shown) == 2 * FOLDS


def test_xbert_is_read_by_crystal(data: LabelledCrystals, xbert_folder: Path) -> None:
    path = xbert_folder / "out_of_fold.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(np.random.default_rng(0).permutation(table.num_rows)), path)
    held = read_xbert(xbert_folder, data)
    bismuthide = data.labels.ids.index("NaBi-rocksalt")
    np.testing.assert_allclose(held.classes[bismuthide, 0], [0.1, 0.8, 0.1], atol=1e-6)
    np.testing.assert_allclose(held.topological[bismuthide], 0.9, atol=1e-6)
    assert held.spread[data.labels.ids.index("NaTe-rocksalt")] == 1.0


def test_other_parts_are_refused(data: LabelledCrystals, xbert_folder: Path) -> None:
    path = xbert_folder / "out_of_fold.parquet"
    table = pq.read_table(path)
    place = table.column_names.index("fold")
    moved = pa.array((table["fold"].to_numpy() + 1) % FOLDS)
    pq.write_table(table.set_column(place, "fold", moved), path)
    with pytest.raises(ValueError, match="five parts"):
        read_xbert(xbert_folder, data)


def test_probabilities_too_sure_are_softened_in_order(data: LabelledCrystals) -> None:
    rng = np.random.default_rng(0)
    truth = clear_classes(data)
    n = len(truth)
    seen = np.where(truth > 0, 1.0, -1.0) + rng.normal(0, 1.5, truth.shape)
    share = (truth > 0).mean()
    log_odds = np.log(share / (1 - share)) + 2 * seen / 1.5**2  # by Bayes, hence calibrated
    p = 1 / (1 + np.exp(-6 * log_odds))
    classes = np.stack([1 - p, p / 2, p / 2], axis=2)
    held = HeldOut("sure", p, classes, np.full(n, np.nan))
    better = calibrated(held, data)
    for s in range(3):
        before = calibration_error((truth[:, s] > 0).astype(int), p[:, s])
        after = calibration_error((truth[:, s] > 0).astype(int), better.topological[:, s])
        assert after < 0.1 < before
    assert ((better.topological >= 0.5) == (p >= 0.5)).all()
    np.testing.assert_allclose(better.classes.sum(2), 1.0)


def test_a_training_under_way_is_scored_on_its_finished_parts(data: LabelledCrystals, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    from xbert.training.splits import formula_fold

    rows = np.flatnonzero(formula_fold(data.keys, FOLDS) == 2)
    logits = np.zeros((2, len(rows), 4, 4), dtype=np.float32)
    logits[..., 0] = 2.0  # of two networks that lean to trivial
    (tmp_path / "fold-2").mkdir()
    save_file({"rows": rows, "logits": logits}, tmp_path / "fold-2" / "fold.safetensors")
    held = read_xbert(tmp_path, data)
    assert np.isnan(held.topological).sum() == 3 * (len(data.labels) - len(rows))
    np.testing.assert_allclose(held.classes[rows].sum(2), 1.0)
    odds = held.classes[rows, :, 1] / held.classes[rows, :, 2]
    np.testing.assert_allclose(odds, 2.0, rtol=1e-6)  # strong and crystalline together, against semimetal
    save_file({"rows": rows[1:], "logits": logits[:, 1:]}, tmp_path / "fold-2" / "fold.safetensors")
    with pytest.raises(ValueError, match="five parts"):
        read_xbert(tmp_path, data)
