import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from accuracy import against, scores, table, table_against
from held_out import HeldOut, clear_classes, read_xbert

from xbert.training.data import LabelledCrystals


def _oracle(data: LabelledCrystals, name: str, wrong: np.ndarray) -> HeldOut:
    """Right with 0.9 but for the ``wrong`` (n,) crystals, where it says the opposite with 0.6."""
    truth = clear_classes(data)
    says = np.where(wrong[:, None], np.where(truth > 0, 0, 1), truth)
    sure = np.where(wrong, 0.6, 0.9)[:, None, None]
    classes = np.where(np.arange(3) == says[..., None], sure, (1 - sure) / 2)
    return HeldOut(name, 1 - classes[..., 0], classes, wrong.astype(float))


def test_scores_count_right_answers(data: LabelledCrystals) -> None:
    wrong = np.zeros(len(data.labels), dtype=bool)
    wrong[:72] = True  # a quarter
    found = scores(_oracle(data, "oracle", wrong), data, np.ones(len(wrong), dtype=bool))
    assert found["tqc"]["n"] == len(wrong) == 288
    assert found["tqc"]["accuracy"] == pytest.approx(0.75)
    assert found["tqc"]["accuracy_even"] == pytest.approx((~wrong)[data.even].mean())
    assert found["tqc"]["errors_by_probability"] == found["tqc"]["errors_by_spread"] == 1.0
    only = scores(_oracle(data, "oracle", wrong), data, ~wrong)
    assert only["arsenal"]["accuracy"] == only["arsenal"]["ti_f1"] == 1.0
    share = (clear_classes(data)[~wrong, 2] > 0).mean()
    # Always right; trivial with 0.9, topological with 0.9 and half of the rest.
    assert only["arsenal"]["calibration_error"] == pytest.approx(0.1 * (1 - share) + 0.05 * share)
    assert np.isnan(only["arsenal"]["errors_by_spread"])


def test_crystals_without_an_answer_are_not_scored(data: LabelledCrystals) -> None:
    held = _oracle(data, "oracle", np.zeros(len(data.labels), dtype=bool))
    held.topological[:100] = np.nan
    everything = np.ones(len(data.labels), dtype=bool)
    assert scores(held, data, everything)["materiae"]["n"] == 188
    other = _oracle(data, "other", np.zeros(len(data.labels), dtype=bool))
    assert against(held, other, data, everything, 10)["materiae"]["accuracy"] == [0.0, 0.0, 0.0]


def test_a_difference_has_an_interval_around_it(data: LabelledCrystals) -> None:
    rng = np.random.default_rng(0)
    good = _oracle(data, "good", rng.random(len(data.labels)) < 0.05)
    poor = _oracle(data, "poor", rng.random(len(data.labels)) < 0.25)
    found = against(good, poor, data, np.ones(len(data.labels), dtype=bool), 200)
    for one in found.values():
        middle, low, high = one["accuracy"]
        assert 0.1 < low < middle < high < 0.35
        assert one["three_class_f1_macro"][0] > 0
    assert "| tqc | good | +" in table_against({"good": found}, "poor")


def test_the_table_goes_by_source(data: LabelledCrystals, xbert_folder: Path) -> None:
    held = read_xbert(xbert_folder, data)
    found = scores(held, data, ~data.undiagnosable)
    tellurides = np.array(["Te" in id_ for id_ in data.labels.ids])[~data.undiagnosable]
    assert found["tqc"]["accuracy"] == pytest.approx(1 - tellurides.mean())
    assert found["tqc"]["errors_by_spread"] == 1.0
    assert found["tqc"]["errors_by_probability"] == pytest.approx(0.5)
    lines = table({held.name: found}).splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| materiae", "| tqc", "| arsenal"]


def test_the_program_prints_all_models(
    folder: Path, features: Path, xbert_folder: Path, tmp_path: Path
) -> None:
    program = Path(__file__).parents[2] / "benchmarks" / "accuracy.py"
    command = [sys.executable, program, folder, "--models", "linear", "--xbert", xbert_folder]
    command += ["--cache", tmp_path / "cache", "--features", features, "--json", tmp_path / "scores.json"]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    assert f"| arsenal | XBERT {xbert_folder.name} | 288 |" in done.stdout
    assert "| tqc | linear rule | 288 |" in done.stdout
    written = json.loads((tmp_path / "scores.json").read_text())["scores"]
    assert set(written) == {"linear rule", f"XBERT {xbert_folder.name}"}
