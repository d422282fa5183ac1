"""The card that the report shows is the one of the model that ranked."""

import json
import shutil
from pathlib import Path

from discovery.screening.card import model_card
from xbert.checkpoint import locate, read_description
from xbert.reliability import CALIBRATION


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
