"""The card that the report shows is the one of the model that ranked."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

from discovery.screening.card import model_card
from tests.sample_models import make_model
from xbert.checkpoint import locate, read_description
from xbert.reliability import CALIBRATION
from xbert.training.card_tables import TRANSFER
from xbert.training.report import revise


def test_the_shipped_model_has_scores_facts_and_a_calibration() -> None:
    card = model_card("discovery")
    description = read_description(locate("discovery"))
    held_out = card.tables[0]
    majority = next(row for row in held_out.rows if row.against == "majority")
    scores = description.metrics["Held-out formulas"]["majority"]
    assert (majority.n, majority.accuracy) == (scores["n"], scores["accuracy"])
    assert card.facts["Networks"] == f"{description.members}, averaged"
    assert card.text.startswith("# discovery")
    assert sum(b.n for b in held_out.bins) == scores["n"]
    error = sum(b.n * abs(b.predicted - b.observed) for b in held_out.bins) / scores["n"]
    assert abs(error - scores["calibration_error"]) < 2e-3


def test_a_calibration_of_other_weights_is_left_out(tmp_path: Path) -> None:
    model = tmp_path / "model"
    shutil.copytree(locate("discovery"), model)
    found = json.loads((model / CALIBRATION).read_text(encoding="utf-8"))
    (model / CALIBRATION).write_text(json.dumps(found | {"model_sha256": "0" * 64}), encoding="utf-8")
    assert model_card(model).calibration() is None
    (model / CALIBRATION).unlink()
    assert model_card(model).calibration() is None


def test_the_answer_that_the_model_gives_in_unseen_classes_comes_first(tmp_path: Path) -> None:
    model = make_model(tmp_path / "mine")
    row = {"n": 10, "accuracy": 0.5, "f1_macro": 0.5}
    names = ("topological", "seen", "topological, first half", "topological, scaled")
    rows = {f"majority, {name}": row | {"calibration_error": n / 10} for n, name in enumerate(names)}
    metrics = {TRANSFER: {"what": "Elsewhere.", "command": "xbert", **rows}}
    for scaling, first, error in ((None, "topological", "0.00"), ({}, "topological, scaled", "0.30")):
        told = scaling if scaling is None else {"spacegroups": [1]}
        revise(model, replace(read_description(model), metrics=metrics, scaling=told))
        card = model_card(model)
        (table,) = card.tables
        assert table.rows[0].against == f"majority, {first}"
        assert len(table.rows) == 3
        assert error in card.transfer()
        assert card.name == "mine"
