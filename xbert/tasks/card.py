"""The card of a task's models: what was learnt, from what, and how well, as Markdown."""

import math
from collections.abc import Mapping
from textwrap import fill
from typing import Any

from xbert.tasks.record import Task

_WHAT = {
    "random": "{folds}-fold cross-validation over rows at random. Polymorphs of one formula fall on both "
    "sides, so it flatters; only beside published numbers.",
    "formula": "{folds}-fold cross-validation by formula: every crystal is scored by a model that never saw "
    "its formula.",
    "given": "The split that comes with the data.",
}


def render(task: Task, scores: Mapping[str, Any]) -> str:
    """Return the card of ``scores.json``."""
    model = scores["model"]
    lines = [f"# {task.name}", "", *fill(task.title + ".", 118).splitlines(), ""]
    if task.source:
        lines += [*fill(f"Data: {task.source}.", 118).splitlines(), ""]
    lines += [*fill(_describe(model), 118).splitlines(), ""]
    for by, result in scores["protocols"].items():
        what = _WHAT[by].format(folds=result["folds_in_all"])
        done, whole = len(result["folds"]), result["folds_in_all"]
        if done < whole:
            what += f" Only {done} of {whole} folds so far."
        if model["limit"]:
            what += f" A trial on {result['n']:,} crystals, not the whole of them."
        lines += [f"## {by}", "", *fill(what, 118).splitlines(), ""]
        lines += ["```console", f"$ {result['command']}", "```", "", *table(task, result), ""]
    lines += ["## Files", ""]
    lines += [f"- `{name}` sha256 `{digest}`" for name, digest in sorted(scores["data"].items())]
    lines += ["", f"{scores['refused']:,} crystals with a target could not be used.", ""]
    return "\n".join(lines)


def table(task: Task, result: Mapping[str, Any]) -> list[str]:
    """Return the scores of a protocol as rows of a Markdown table: mean ± standard deviation over folds."""
    unit = f" ({task.target.unit})" if task.target.unit and task.kind == "regression" else ""
    rows = [f"| score | {len(result['folds'])} fold(s) |", "|---|---|"]
    for name in result["mean"]:
        rows.append(f"| {label(name, unit)} | {number(result, name)} |")
    return rows


def label(name: str, unit: str = "") -> str:
    """Return the words for a score."""
    words = {"mae": f"MAE{unit}", "rmse": f"RMSE{unit}", "r2": "R²", "roc_auc": "ROC-AUC"}
    words |= {"f1_macro": "F1, macro", "precision_macro": "precision, macro", "recall_macro": "recall, macro"}
    return words.get(name, name.replace("f1 ", "F1, "))


def number(result: Mapping[str, Any], name: str) -> str:
    """Return mean ± standard deviation of a score, without the latter for one fold."""
    mean, std = result["mean"][name], result["std"][name]
    if mean is None or math.isnan(mean):
        return "–"
    return f"{mean:.4g} ± {std:.2g}" if len(result["folds"]) > 1 else f"{mean:.4g}"


def _describe(model: Mapping[str, Any]) -> str:
    architecture = model["architecture"]
    encoder = architecture.get("encoder", "cgcnn").upper()
    text = f"{encoder} alone" if model["kind"] == "graph alone" else f"XBERT with {encoder}"
    if gone := architecture.get("ablated"):
        text += f", without {', '.join(gone)}"
    if architecture.get("token_softmax"):
        text += ", output tokens normalised by a softmax"
    text += f", started from `{model['init']}`." if model["init"] else ", started from random weights."
    return text
