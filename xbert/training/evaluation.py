"""Scores of a topology model on held-out crystals, source by source."""

from dataclasses import replace
from typing import Any

import numpy as np

from xbert.checkpoint import Description
from xbert.predict import Outputs, Prediction, calibrated
from xbert.training.data import LabelledCrystals
from xbert.training.labels import CLASSES, SOURCES, TopologyLabels
from xbert.training.metrics import binary_metrics, error_detection, three_class_metrics
from xbert.training.splits import formula_fold
from xbert.training.visible import seen_as_topological


def score_held_out(held: LabelledCrystals, prediction: Prediction, scorable: np.ndarray) -> dict[str, Any]:
    """Score against every source, and against what most of them say.

    Args:
        held: crystals that were held out.
        prediction: for the same.
        scorable: (n,) bool, those whose labels the model is held to.
    """
    rows = np.flatnonzero(scorable)
    labels, own = held.labels.take(rows), prediction.take(rows)
    return {**score_sources(labels, own, held.even[rows]), "majority": score_majority(labels, own)}


def score_sources(labels: TopologyLabels, prediction: Prediction, even: np.ndarray) -> dict[str, Any]:
    """Score predictions against every source that has a clear label.

    Args:
        labels: of n crystals.
        prediction: for the same.
        even: (n,) bool, even electron count.

    Returns:
        source → ``binary`` and ``three_class`` by the source's own output, ``binary_consensus`` by the
        consensus output (what `predict` reports), ``binary_even`` for even electron counts alone, and
        ``error_detection``, see `xbert.training.metrics`.
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
            "error_detection": error_detection(topological, 1.0 - own[:, 0]),
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


def score_transfer(
    test: LabelledCrystals, outputs: Outputs, description: Description, scaling: dict[str, Any] | None
) -> dict[str, Any]:
    """Score on symmetry classes that were not trained on, asked both what is seen and what is.

    Args:
        test: crystals of those classes, each with a majority label.
        outputs: for the same.
        description: of the model.
        scaling: measured on other classes that were left out, applied here to all crystals.
    """
    groups, truth = test.features.spacegroup, test.labels.majority
    half = formula_fold(test.keys, 2, seed=7)
    every = {**scaling, "spacegroups": np.unique(groups).tolist()} if scaling else None
    told = {"": description}
    if every:
        told[", scaled"] = replace(description, scaling=every)
    result: dict[str, Any] = {}
    for suffix, of in told.items():
        prediction = calibrated(outputs, of, groups)
        asked = {
            "topological": prediction.topological,
            "seen": seen_as_topological(prediction.by_kind[:, -1], groups),
        }
        for name, probability in asked.items():
            for part, rows in (("", half >= 0), (", first half", half == 0), (", second half", half == 1)):
                scores = binary_metrics(truth[rows], probability[rows])
                result[f"majority, {name}{suffix}{part}"] = scores
    return result
