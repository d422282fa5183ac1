"""The model's card for the report: what ``model.json`` and its README say, as plain records."""

import json
from pathlib import Path
from typing import Any

from candidates.report.card import TRANSFER, Bin, ModelCard, ScoreRow, ScoreTable
from xbert.checkpoint import locate, model_sha256, read_description

CARD = "README.md"
CALIBRATION = "calibration.json"
"""Beside the weights, by ``benchmarks/calibration.py``: ``model_sha256`` that it belongs to, and ``splits``:
title → ``against`` and ``bins`` of (mean probability, observed share, number)."""

NAMED = ("Held-out formulas", TRANSFER)
"""Splits that a reader of a ranking should know; the card itself has all."""


def model_card(model: str | Path) -> ModelCard:
    """Return the card of a model given by name, directory or weights file.

    Raises:
        CheckpointError: if there is none.
    """
    directory = locate(model)
    description = read_description(directory)
    bins = _bins(directory)
    training = description.training
    facts = {
        "Networks": f"{description.members}, averaged",
        "Parameters": f"{training['parameters']:,} each" if "parameters" in training else "",
        "Trained on": f"{training['n_train']:,} crystals" if "n_train" in training else "",
        "Date": str(training.get("created", "")),
        "Labels": ", ".join(description.sources),
    }
    text = directory / CARD
    return ModelCard(
        name=description.name,
        purpose=description.purpose,
        facts={name: value for name, value in facts.items() if value},
        tables=tuple(
            _table(title, scores, bins.get(title, {}))
            for title, scores in description.metrics.items()
            if title in NAMED and isinstance(scores, dict)
        ),
        text=text.read_text(encoding="utf-8") if text.is_file() else "",
    )


def _bins(directory: Path) -> dict[str, Any]:
    """Return the calibration of these very weights, by split; nothing where it is of others."""
    path = directory / CALIBRATION
    if not path.is_file():
        return {}
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found["splits"] if found["model_sha256"] == model_sha256(directory) else {}


def _table(title: str, scores: dict[str, Any], bins: dict[str, Any]) -> ScoreTable:
    rows = []
    for against, found in scores.items():
        if not isinstance(found, dict):
            continue
        binary = found.get("binary_consensus") or found.get("binary") or found
        if "accuracy" in binary:
            rows.append(_row(against, binary))
    return ScoreTable(
        title=title,
        what=str(scores.get("what", "")),
        rows=tuple(rows),
        command=str(scores.get("command", "")),
        bins=tuple(Bin(predicted=p, observed=o, n=n) for p, o, n in bins.get("bins", ())),
        bins_against=str(bins.get("against", "")),
    )


def _row(against: str, scores: dict[str, Any]) -> ScoreRow:
    def number(name: str) -> float | None:
        value = scores.get(name)
        return None if value is None or value != value else float(value)

    return ScoreRow(
        against=against,
        n=int(scores["n"]),
        accuracy=scores["accuracy"],
        f1=scores["f1_macro"],
        roc_auc=number("roc_auc"),
        average_precision=number("average_precision"),
        calibration_error=number("calibration_error"),
    )
