"""The card says what its model is, from its description alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.sample_models import make_model
from xbert.checkpoint import (
    DESCRIPTION,
    WEIGHTS,
    CheckpointError,
    Description,
    model_sha256,
    read_description,
)
from xbert.reliability import CALIBRATION, PLOT, Reliability, read_reliability
from xbert.training.card import render
from xbert.training.card_tables import TRANSFER
from xbert.training.report import revise, write_card

SCORES = {"n": 1234, "accuracy": 0.8764, "f1_macro": 0.5, "roc_auc": float("nan"), "calibration_error": 0.02}
THREE = {
    "n": 900,
    "accuracy": 0.75,
    "f1_macro": 0.6,
    "per_class": {k: {"f1": 0.125} for k in ("trivial", "ti", "tsm")},
}
DESCRIBED = Description(
    name="toy",
    purpose="What is it? Nobody knows.",
    config={},
    members=3,
    sources=["materiae", "tqc", "consensus"],
    temperature=[1.0, 1.0, 1.0],
    training={
        "command": "xbert finetune -o toy",
        "parameters": 12345,
        "n_train": 678,
        "created": "2026-11-23",
        "data": {"labels.parquet": "ab" * 32},
        "versions": {"torch": "2.13"},
    },
    metrics={
        "Held-out formulas": {
            "what": "A tenth.",
            "command": "xbert finetune -o toy",
            "tqc": {"binary": SCORES, "binary_even": SCORES, "three_class": THREE, "error_detection": 0.81},
            "majority": SCORES,
        },
        TRANSFER: {
            "what": "Elsewhere.",
            "command": "xbert finetune --split transfer",
            "majority": SCORES | {"roc_auc": 0.9, "calibration_error": 0.31},
        },
    },
)


def test_the_card_holds_data_splits_scores_limits_hash_and_commands() -> None:
    card = render(DESCRIBED, "mine", "cd" * 32)
    for words in (
        "# mine", "What is it? Nobody knows.", "3 of 12,345 parameters", "678 crystals, 2026-11-23",
        "cd" * 32, "ab" * 32, "torch 2.13", "$ xbert finetune --split transfer", "--model mine",
        "| tqc | 1,234 | 87.6% | 0.500 | – | 0.020 | 0.810 |", "| 0.020 | – |",
        "| tqc | 900 | 75.0% | 0.600 | 0.125 |",
        "there its probabilities were off by", "0.31 on average",
    ):  # fmt: skip
        assert words in card, words
    assert card.count("$ xbert finetune -o toy") == 1
    assert PLOT not in card
    assert max(len(line) for line in card.splitlines() if not line.startswith("|")) <= 118


def test_the_calibration_stands_behind_the_first_split() -> None:
    split = Reliability("Held-out formulas", "majority", np.array([0.25]), np.array([0.5]), np.array([80]))
    card = render(DESCRIBED, "mine", "", [split])
    order = [card.index(part) for part in ("## Held-out formulas", f"]({PLOT})", "## Transfer", "## Limits")]
    assert order == sorted(order)
    assert "80 crystals (majority labels)" in card
    assert "calibration error 0.250" in card


def test_calls_stand_in_a_table_by_error_rate() -> None:
    row = {"kind": "all kinds", "n": 2000, "error_rate": 0.05, "abstained": 0.25, "missed_topological": 0.049}
    calls = [row | {"missed_trivial": 0.051, "wrong_topological": None}]
    card = render(DESCRIBED, "mine", "", calls=calls)
    assert "2,000 held-out crystals" in " ".join(card.split())
    assert "| 0.05 | 4.9% | 5.1% | 25.0% | – |" in card


def test_a_long_command_is_broken_before_its_options() -> None:
    options = " ".join(f"--option-{n} 'a value {n}'" for n in range(12))
    command = f"xbert finetune {options} -o toy"
    card = render(replace(DESCRIBED, training={"command": command}, metrics={}), "mine", "")
    shown = card.partition("```console\n$ ")[2].partition("\n$ ")[0]
    assert max(map(len, shown.splitlines())) <= 118
    assert len(shown.splitlines()) > 2
    assert shown.replace(" \\\n    ", " ") == command


def test_a_description_without_scores_has_a_card() -> None:
    card = render(replace(DESCRIBED, training={}, metrics={}), "bare", "ef" * 32)
    assert "--model bare" in card
    assert "ef" * 32 in card


def test_another_description_keeps_the_calibration_and_the_weights_hash(tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    bins = {"against": "majority", "n": 80, "bins": [[0.25, 0.5, 80]]}
    stamp = {"model_sha256": model_sha256(model), "splits": {"Held-out formulas": bins}}
    (model / CALIBRATION).write_text(json.dumps(stamp))
    first = read_description(model)
    revise(model, replace(first, purpose="Is it still?"))
    assert read_description(model) == replace(first, purpose="Is it still?")
    assert read_reliability(model)["Held-out formulas"].error == 0.25
    assert (model / PLOT).is_file()
    assert model_sha256(model) in (model / "README.md").read_text()
    before = (model / DESCRIPTION).read_bytes()
    (model / WEIGHTS).write_bytes(b"other")
    with pytest.raises(CheckpointError, match="changed or cut off"):
        revise(model, replace(first, purpose="Another?"))
    assert (model / DESCRIPTION).read_bytes() == before


def test_a_picture_of_other_weights_goes(tmp_path: Path) -> None:
    for name in ("model.safetensors", "model.json", PLOT):
        (tmp_path / name).write_text("{}")
    write_card(tmp_path, DESCRIBED)
    assert not (tmp_path / PLOT).exists()
    assert (tmp_path / "README.md").read_text().startswith(f"# {tmp_path.name}\n")


def test_the_error_on_unseen_classes_is_that_of_the_scaled_answer_where_it_is_scaled() -> None:
    rows = {
        "majority, topological": SCORES | {"calibration_error": 0.4},
        "majority, topological, scaled": SCORES | {"calibration_error": 0.1},
    }
    metrics = {TRANSFER: {"what": "Elsewhere.", "command": "xbert", **rows}}
    plain = replace(DESCRIBED, metrics=metrics)
    scaled = replace(plain, scaling={"spacegroups": [1, 2, 3]}, auxiliary={"gap": {"held_out_error": 0.34}})
    assert "0.40 on average" in " ".join(render(plain, "a", "").split())
    card = " ".join(render(scaled, "a", "").split())
    assert "0.10 on average" in card
    assert "in 3 space groups" in card
    assert "off by 0.34 eV" in card
