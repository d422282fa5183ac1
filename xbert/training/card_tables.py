"""Tables of a model card: scores by split, and calls at several error rates."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from xbert.checkpoint import Description

WIDTH = 118
TRANSFER = "Transfer to unseen symmetry classes"
"""Title of the scores on groups without inversion by a model trained on groups with it."""

_BINARY = {
    "accuracy": "accuracy",
    "f1_macro": "macro F1",
    "roc_auc": "ROC-AUC",
    "average_precision": "average precision",
    "calibration_error": "calibration error",
    "error_detection": "error detection",
}
_ROWS = {"binary": "", "binary_consensus": ", consensus", "binary_even": ", even"}
"""Scores of a source → what is said behind its name."""

_NOTE = (
    "Against a source its own output is scored; “consensus” is the output that `discover predict` reports, "
    "“even” counts crystals with an even number of electrons alone."
)
_DETECTION = " Error detection: ROC-AUC of telling wrong answers from right ones by how unsure they are."
_CALLS = {
    "missed_topological": "topological called trivial",
    "missed_trivial": "trivial called topological",
    "abstained": "no call",
    "wrong_topological": "wrong among called topological",
}


def score_table(scores: Mapping[str, Any]) -> list[str]:
    """Return the scores of a split as lines of Markdown."""
    found = _binaries(scores)
    shown = [key for key in _BINARY if any(key in row for _, row in found)]
    titles = ["scored against", "n", *(_BINARY[key] for key in shown)]
    rows = [_row(titles), "|---" + "|---:" * (len(titles) - 1) + "|"] if found else []
    rows += [_row([name, f"{row['n']:,}", *(_number(key, row) for key in shown)]) for name, row in found]
    if any(", even" in name for name, _ in found):
        rows += ["", *filled(_NOTE + (_DETECTION if "error_detection" in shown else ""))]
    three = [(s, v["three_class"]) for s, v in scores.items() if isinstance(v, dict) and "three_class" in v]
    if three:
        rows += [
            "",
            "| three classes | n | accuracy | macro F1 | F1 trivial | F1 TI | F1 TSM |",
            "|---|---:|---:|---:|---:|---:|---:|",
        ]
        for source, row in three:
            f1 = [f"{row['per_class'][name]['f1']:.3f}" for name in ("trivial", "ti", "tsm")]
            rows.append(
                _row([source, f"{row['n']:,}", f"{row['accuracy']:.1%}", f"{row['f1_macro']:.3f}", *f1])
            )
    return rows


def _binaries(scores: Mapping[str, Any]) -> list[tuple[str, dict[str, float]]]:
    found = []
    for source, values in scores.items():
        if isinstance(values, dict) and "accuracy" in values:
            found.append((source, values))
        elif isinstance(values, dict):
            more = {"error_detection": values["error_detection"]} if "error_detection" in values else {}
            found += [
                (source + text, values[key] | (more if key == "binary" else {}))
                for key, text in _ROWS.items()
                if key in values
            ]
    return found


def _number(key: str, row: Mapping[str, float]) -> str:
    value = row.get(key)
    if value is None or value != value:
        return "–"
    return f"{value:.1%}" if key == "accuracy" else f"{value:.3f}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def transfer_row(description: Description) -> tuple[str, dict[str, float]] | None:
    """Return name and scores of how the model, with its scaling if it has one, fared on unseen classes."""
    found = dict(_binaries(description.metrics.get(TRANSFER, {})))
    scaled = ["majority, topological, scaled"] if description.scaling else []
    names = [*scaled, "majority, topological", "majority"]
    return next(((name, found[name]) for name in names if name in found), None)


def calls_table(calls: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return how calls did as lines of Markdown.

    Args:
        calls: of ``xbert.training.calls.check``, one for each error rate.
    """
    lines = [_row(["error rate", *_CALLS.values()]), "|---:" * (len(_CALLS) + 1) + "|"]
    for row in calls:
        cells = ["–" if row[name] is None else f"{row[name]:.1%}" for name in _CALLS]
        lines.append(_row([f"{row['error_rate']:g}", *cells]))
    return lines


def filled(text: str) -> list[str]:
    """Return a paragraph as lines."""
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False).splitlines()
