"""The model's card for the report: what ``model.json`` and its README say, as plain records."""

from pathlib import Path
from typing import Any

from candidates.report.card import TRANSFER, Bin, ModelCard, ScoreRow, ScoreTable
from xbert.checkpoint import CheckpointError, Description, locate, model_sha256, read_description
from xbert.reliability import Reliability, read_reliability
from xbert.training.card_tables import transfer_row
from xbert.training.report import CARD

NAMED = ("Held-out formulas", TRANSFER)
"""Splits that a reader of a ranking should know; the card itself has all."""


def model_card(model: str | Path) -> ModelCard:
    """Return the card of a model given by name, directory or weights file.

    Raises:
        CheckpointError: if there is none.
    """
    directory = locate(model)
    description = read_description(directory)
    reliability = _reliability(directory)
    training = description.training
    facts = {
        "Networks": f"{description.members}, averaged",
        "Parameters": f"{training['parameters']:,} each" if "parameters" in training else "",
        "Trained on": f"{training['n_train']:,} crystals" if "n_train" in training else "",
        "Date": str(training.get("created", "")),
        "Labels": ", ".join(description.sources),
        "SHA-256": model_sha256(directory)[:12],
    }
    text = directory / CARD
    return ModelCard(
        name=directory.resolve().name,
        purpose=description.purpose,
        facts={name: value for name, value in facts.items() if value},
        tables=tuple(
            _table(title, description, reliability.get(title))
            for title, scores in description.metrics.items()
            if title in NAMED and isinstance(scores, dict)
        ),
        text=text.read_text(encoding="utf-8") if text.is_file() else "",
    )


def _reliability(directory: Path) -> dict[str, Reliability]:
    """Return the calibration of these very weights, by split."""
    try:
        return read_reliability(directory)
    except ValueError as error:
        raise CheckpointError(f"{error}; train the model again or remove the file") from error


def _table(title: str, description: Description, reliability: Reliability | None) -> ScoreTable:
    scores = description.metrics[title]
    rows = {}
    for against, found in scores.items():
        if isinstance(found, dict):
            binary = found.get("binary_consensus") or found.get("binary") or found
            if "accuracy" in binary:
                rows[against] = _row(against, binary)
    if title == TRANSFER and (best := transfer_row(description)):
        whole = {name: row for name, row in rows.items() if "half" not in name}
        rows = {best[0]: whole.pop(best[0]), **whole}  # the answer that this model gives comes first
    return ScoreTable(
        title=title,
        what=str(scores.get("what", "")),
        rows=tuple(rows.values()),
        command=str(scores.get("command", "")),
        bins=_bins(reliability) if reliability else (),
        bins_against=reliability.against if reliability else "",
    )


def _bins(of: Reliability) -> tuple[Bin, ...]:
    numbers = zip(of.predicted.tolist(), of.observed.tolist(), of.n.tolist(), strict=True)
    return tuple(Bin(predicted=predicted, observed=observed, n=n) for predicted, observed, n in numbers)


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
