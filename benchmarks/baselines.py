"""Gradient-boosted trees on a tenth of all formulas and on the transfer test, without any choice.

    python benchmarks/baselines.py DATA_DIR

DATA_DIR holds mp_structures.parquet and topology_labels.parquet. The trees see composition statistics, the
space group and the electron count of the primitive cell (LightGBM, 500 trees, learning rate 0.05). They are
trained per source on nine tenths of all formulas and scored on the last, and on the transfer split of the
discovery model: without the space group among the features, with it, and with cell and first shells instead
(``tree_features.bond_features``). Trees that were given every chance, and all models side by side on five
parts by formula: ``accuracy.py``.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from tree_features import bond_features, tree_features

from xbert.training.data import load_labelled
from xbert.training.labels import SOURCES
from xbert.training.metrics import binary_metrics
from xbert.training.splits import formula_fold, transfer_split


def fit_predict(features: np.ndarray, truth: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Train on some rows and return the probability of class 1 of others."""
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(n_estimators=500, learning_rate=0.05, random_state=0, n_jobs=1, verbose=-1)
    model.fit(features[train], truth[train].astype(int))
    return np.asarray(model.predict_proba(features[test]))[:, 1]


def main() -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "xbert-features")
    arguments = parser.parse_args()
    data = load_labelled(
        arguments.data / "mp_structures.parquet",
        arguments.data / "topology_labels.parquet",
        arguments.cache,
    )
    result: dict[str, dict[str, float]] = {}
    features = tree_features(data.features, with_group=True)
    fold = formula_fold(data.keys, 10)
    for s, source in enumerate(SOURCES):
        clear = data.labels.targets[:, s].max(1) > 0.99
        truth = (data.labels.targets[:, s].argmax(1) > 0).astype(float)
        train, test = np.flatnonzero(clear & (fold != 0)), np.flatnonzero(clear & (fold == 0))
        result[source] = binary_metrics(truth[test], fit_predict(features, truth, train, test))
    majority = data.labels.majority
    train, test = transfer_split(
        data.features.spacegroup, data.features.n_electrons, data.keys, ~np.isnan(majority)
    )
    train = train[~np.isnan(majority[train])]
    plain = tree_features(data.features, with_group=False)
    for name, columns in (
        ("transfer", plain),
        ("transfer, told the space group", features),
        ("transfer, told the bonds", np.hstack([plain, bond_features(data.features)])),
    ):
        probability = fit_predict(columns, majority, train, test)
        result[name] = binary_metrics(majority[test], probability)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
