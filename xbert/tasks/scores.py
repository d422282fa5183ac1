"""Scores of predictions, per task kind, and their mean and spread over folds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xbert.tasks.record import Task

MAIN = {"classification": "accuracy", "regression": "mae"}
"""The score that tables and curves show first."""


def score(task: Task, truth: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Score held-out crystals.

    Args:
        task: record.
        truth: targets as ``Targets.values``.
        predicted: (n,) in the task's unit, or (n, classes) probabilities.
    """
    if task.kind == "regression":
        return regression_scores(truth, predicted)
    return class_scores(truth, predicted, task.target.classes)


def regression_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Return MAE and RMSE in the unit of the values, and R² (NaN where all values are equal)."""
    error = predicted - truth
    spread = float(((truth - truth.mean()) ** 2).sum())
    return {
        "n": len(truth),
        "mae": float(np.abs(error).mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "r2": 1.0 - float((error**2).sum()) / spread if spread > 0 else float("nan"),
    }


def class_scores(shares: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict[str, Any]:
    """Score the most probable class where the labels agree on one.

    Macro averages run over all classes. ROC-AUC is of the second class for two classes, else the mean of
    each class against the rest; NaN where a class is absent.

    Args:
        shares: (n, classes) of the labels; a tie between classes is left out.
        probabilities: (n, classes).
        classes: names.
    """
    from sklearn.metrics import precision_recall_fscore_support, roc_auc_score

    ranked = np.sort(shares, axis=1)
    clear = ranked[:, -1] - ranked[:, -2] > 1e-6
    truth, probabilities = shares[clear].argmax(1), probabilities[clear]
    predicted = probabilities.argmax(1)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=range(len(classes)), zero_division=0
    )
    auc = float("nan")
    if (support > 0).all():
        columns = range(1, 2) if len(classes) == 2 else range(len(classes))
        auc = float(np.mean([roc_auc_score(truth == c, probabilities[:, c]) for c in columns]))
    return {
        "n": len(truth),
        "accuracy": float((predicted == truth).mean()) if len(truth) else float("nan"),
        "precision_macro": float(precision.mean()),
        "recall_macro": float(recall.mean()),
        "f1_macro": float(f1.mean()),
        "roc_auc": auc,
        **{f"f1 {name}": float(value) for name, value in zip(classes, f1, strict=True)},
    }


def over_folds(folds: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return the mean over folds and the sample standard deviation (0 for one fold) of every score.

    A fold without a number for a score (NaN) does not count for it.
    """
    mean, std = {}, {}
    for name in (name for name in folds[0] if name != "n"):
        values = np.array([fold[name] for fold in folds])
        values = values[np.isfinite(values)]
        mean[name] = float(values.mean()) if len(values) else float("nan")
        std[name] = float(values.std(ddof=1)) if len(values) > 1 else 0.0
    return {"mean": mean, "std": std}
