"""Trained, saved, listed, loaded by name: a model says what its networks said when they were trained."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from typer.testing import CliRunner

from tests.sample_labelled import write_labelled
from xbert.cli import app
from xbert.predict import Predictor, outputs_of
from xbert.reliability import PLOT, read_reliability
from xbert.training.data import load_labelled


def _xbert(*arguments: object) -> str:
    done = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_what_was_trained_is_what_is_loaded_by_name(tmp_path: Path) -> None:
    structures, labels = write_labelled(tmp_path)
    trained = tmp_path / "models" / "today"
    _xbert(
        "finetune", "--structures", structures, "--labels", labels, "--question", "benchmark", "-o", trained,
        "--epochs", 1, "--members", 1, "--workers", 1, "--batch-size", 16, "--device", "cpu",
    )  # fmt: skip
    _xbert("models", "mine", "--add", trained)
    listed = {one["name"]: one for one in json.loads(_xbert("models", "--json"))}
    assert listed["mine"]["networks"] == 1
    assert listed["mine"]["problem"] == ""

    by_name, by_path = Predictor("mine"), Predictor(trained)
    assert by_name.sha256 == by_path.sha256 == listed["mine"]["sha256"]
    # What the networks said of the held-out crystals at the end of their training, before they were saved.
    kept = load_file(trained / "fold" / "fold.safetensors")
    held_out = load_labelled(structures, labels, trained / "cache", 1).features.take(kept["rows"])
    np.testing.assert_array_equal(outputs_of(by_name.members, held_out).logits, kept["logits"])
    first, second = by_name(held_out), by_path(held_out)
    np.testing.assert_array_equal(first.by_kind, second.by_kind)
    np.testing.assert_array_equal(first.uncertainty, second.uncertainty)

    # The card is of these weights, and so is its plot.
    (split,) = read_reliability(by_name.directory).values()
    assert split.n.sum() == len(kept["rows"])
    assert (by_name.directory / PLOT).is_file()
    assert by_name.sha256 in (by_name.directory / "README.md").read_text()
    assert "calibration error" in _xbert("models", "mine")
