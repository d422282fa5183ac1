"""Scores of a topology model on held-out crystals, source by source."""

from typing import Any

import numpy as np

from xbert.predict import Prediction
from xbert.training.labels import CLASSES, SOURCES, TopologyLabels
from xbert.training.metrics import binary_metrics, three_class_metrics


def score_sources(labels: TopologyLabels, prediction: Prediction, even: np.ndarray) -> dict[str, Any]:
    """Score predictions against every source that has a clear label.

    Args:
        labels: of n crystals.
        prediction: for the same.
        even: (n,) bool, even electron count.

    Returns:
        source → ``binary`` and ``three_class`` by the source's own output, ``binary_consensus`` by the
        consensus output (what `predict` reports), ``binary_even`` for even electron counts alone.
    """
    result: dict[str, Any] = {}
    for s, source in enumerate(SOURCES):
        clear = labels.targets[:, s].max(1) > 0.99
        if not clear.any():
            continue
        truth = labels.targets[clear, s].argmax(1)
        topological = (truth > 0).astype(int)
        own = prediction.by_source[clear, s]
        result[source] = {
            "binary": binary_metrics(topological, 1.0 - own[:, 0]),
            "binary_consensus": binary_metrics(topological, prediction.topological[clear]),
            "three_class": three_class_metrics(truth, own, CLASSES),
        }
        if even[clear].any():
            result[source]["binary_even"] = binary_metrics(
                topological[even[clear]], 1.0 - own[even[clear], 0]
            )
    return result


def score_majority(labels: TopologyLabels, prediction: Prediction) -> dict[str, float]:
    """Score the topological probability against the majority label, where there is one."""
    clear = ~np.isnan(labels.majority)
    return binary_metrics(labels.majority[clear], prediction.topological[clear])
