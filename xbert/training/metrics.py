"""Scores of probabilities against labels."""

from typing import Any

import numpy as np


def binary_metrics(truth: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    """Score topological (1) against trivial (0) at a threshold of one half.

    Args:
        truth: (n,) 0 or 1.
        probability: (n,) of class 1.
    """
    from sklearn.metrics import (
        accuracy_score,
        average_precision_score,
        precision_recall_fscore_support,
        roc_auc_score,
    )

    truth = truth.astype(int)
    predicted = (probability >= 0.5).astype(int)
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average="macro", zero_division=0
    )
    both = 0 < truth.mean() < 1
    return {
        "n": len(truth),
        "accuracy": float(accuracy_score(truth, predicted)),
        "precision_macro": float(precision),
        "recall_macro": float(recall),
        "f1_macro": float(f1),
        "roc_auc": float(roc_auc_score(truth, probability)) if both else float("nan"),
        "average_precision": float(average_precision_score(truth, probability)) if both else float("nan"),
        "calibration_error": calibration_error(truth, probability),
    }


def three_class_metrics(
    truth: np.ndarray, probabilities: np.ndarray, names: tuple[str, ...]
) -> dict[str, Any]:
    """Score the most probable of three classes.

    Args:
        truth: (n,) class index.
        probabilities: (n, 3).
        names: of the classes.
    """
    from sklearn.metrics import precision_recall_fscore_support

    predicted = probabilities.argmax(1)
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, labels=range(len(names)), zero_division=0
    )
    return {
        "n": len(truth),
        "accuracy": float((predicted == truth).mean()),
        "f1_macro": float(f1.mean()),
        "per_class": {
            name: {"precision": float(p), "recall": float(r), "f1": float(f)}
            for name, p, r, f in zip(names, precision, recall, f1, strict=True)
        },
    }


def calibration_error(truth: np.ndarray, probability: np.ndarray, bins: int = 15) -> float:
    """Return the expected calibration error of the probability of class 1, over equal-width bins.

    M. P. Naeini, G. Cooper, M. Hauskrecht, AAAI 2015.
    """
    which = np.clip((probability * bins).astype(int), 0, bins - 1)
    counts = np.bincount(which, minlength=bins)
    gap = np.bincount(which, probability - truth, minlength=bins)
    return float(np.abs(gap).sum() / max(counts.sum(), 1))


def error_detection(truth: np.ndarray, probability: np.ndarray) -> float:
    """Return the ROC-AUC of telling wrong predictions from right ones by how unsure they are.

    Unsure is the standard deviation of a yes or no with this probability, sqrt(p (1 - p)): what the networks
    do not know together, and what they disagree about (A. Malinin, M. Gales, NeurIPS 2018, section 2).

    Args:
        truth: (n,) 0 or 1.
        probability: (n,) of class 1.
    """
    from sklearn.metrics import roc_auc_score

    wrong = (probability >= 0.5) != (truth > 0.5)
    if wrong.all() or not wrong.any():
        return float("nan")
    return float(roc_auc_score(wrong, np.minimum(probability, 1.0 - probability)))
