"""Predictions for held-out crystals as files: for benchmarks, calibration plots and conformal sets."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xbert.checkpoint import model_sha256
from xbert.predict import Prediction
from xbert.training.data import LabelledCrystals
from xbert.training.labels import KINDS, OUTPUTS

OUT_OF_FOLD = "out_of_fold.parquet"
OUT_OF_CLASS = "out_of_class.parquet"
BINS = 15


def write_table(
    path: Path, held: LabelledCrystals, prediction: Prediction, column: str, part: np.ndarray
) -> pa.Table:
    """Write, and return, what was predicted for crystals by networks that never saw their part.

    Args:
        path: Parquet file.
        held: n crystals.
        prediction: for the same.
        column: name of the column of parts.
        part: (n,) name or number of the part that was left out.
    """
    columns: dict[str, object] = {
        "id": held.labels.ids,
        column: part,
        "formula_key": held.keys,
        "spacegroup": held.features.spacegroup,
        "n_electrons": held.features.n_electrons,
    }
    for s, source in enumerate(OUTPUTS):
        for k, kind in enumerate(KINDS):
            columns[f"p_{source}_{kind}"] = prediction.by_kind[:, s, k]
    columns["uncertainty"] = prediction.uncertainty
    if prediction.gap is not None:
        columns["gap"] = prediction.gap
    if prediction.metal is not None:
        columns["p_metal"] = prediction.metal
    partial = path.with_suffix(".part")
    table = pa.table(columns)
    pq.write_table(table, partial)
    partial.replace(path)
    return table


def bins_of(truth: np.ndarray, probability: np.ndarray) -> list[tuple[float, float, int]]:
    """Return mean probability, share of topological labels and number of each bin that holds any."""
    which = np.clip((probability * BINS).astype(int), 0, BINS - 1)
    found = []
    for b in np.unique(which):
        inside = which == b
        mean, share = float(probability[inside].mean()), float(truth[inside].mean())
        found.append((round(mean, 4), round(share, 4), int(inside.sum())))
    return found


def write_calibration(
    directory: Path, split: str, held: LabelledCrystals, prediction: Prediction, scorable: np.ndarray
) -> None:
    """Write the dots of the calibration plot beside the weights that they belong to.

    Args:
        directory: of the model.
        split: title of what was held out.
        held: crystals that were held out.
        prediction: for the same.
        scorable: (n,) bool, those whose labels the model is held to.
    """
    from xbert.reliability import CALIBRATION

    clear = scorable & ~np.isnan(held.labels.majority)
    found = bins_of(held.labels.majority[clear], prediction.topological[clear])
    content = {
        "model_sha256": model_sha256(directory),
        "splits": {split: {"against": "majority", "n": int(clear.sum()), "bins": found}},
    }
    (directory / CALIBRATION).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
