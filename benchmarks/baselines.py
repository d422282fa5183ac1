"""Gradient-boosted trees on the splits of the model cards: what XBERT has to beat.

    python benchmarks/baselines.py DATA_DIR

DATA_DIR holds mp_structures.parquet and topology_labels.parquet. The trees see composition statistics, the
space group and the electron count of the primitive cell (LightGBM, 500 trees, learning rate 0.05). They are
trained per source on nine tenths of all formulas and scored on the last, and on the transfer split of the
discovery model, with the space group among the features and without.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np

from xbert.elements import MAX_Z, element_facts
from xbert.training.data import LabelledCrystals, load_labelled
from xbert.training.labels import SOURCES
from xbert.training.metrics import binary_metrics
from xbert.training.splits import formula_fold, transfer_split

PROPERTIES = [
    *("number", "group", "period", "valence", "electronegativity", "covalent_radius"),
    *("log_ionization_energy", "electron_affinity", "log_molar_volume"),
]


def element_table() -> np.ndarray:
    """(104, properties) facts by atomic number, missing ones by the column's median."""
    rows = [[float(row[name] or "nan") for name in PROPERTIES] for row in element_facts()[:MAX_Z]]
    table = np.vstack([np.full(len(PROPERTIES), np.nan), rows])
    return np.where(np.isnan(table), np.nanmedian(table, axis=0), table)


def tree_features(data: LabelledCrystals, with_group: bool) -> np.ndarray:
    """Composition statistics, electron count and its parity, volume per atom, and the space group."""
    fractions = data.features.composition
    table = element_table()
    mean = fractions @ table
    spread = np.sqrt(np.maximum(fractions @ table**2 - mean**2, 0.0))
    present = fractions > 0
    low = np.where(present[:, :, None], table, np.inf).min(1)
    high = np.where(present[:, :, None], table, -np.inf).max(1)
    electrons = data.features.n_electrons
    columns = [mean, spread, low, high, fractions, electrons[:, None], (electrons % 2)[:, None]]
    columns += [(electrons % 4)[:, None], (electrons % 8)[:, None], data.features.volume_per_atom[:, None]]
    if with_group:
        columns.append(data.features.spacegroup[:, None])
    return np.hstack(columns).astype(np.float32)


def fit_predict(features: np.ndarray, truth: np.ndarray, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Train on some rows and return the probability of class 1 of others."""
    from lightgbm import LGBMClassifier

    model = LGBMClassifier(n_estimators=500, learning_rate=0.05, random_state=0, n_jobs=2, verbose=-1)
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
        2,
    )
    result: dict[str, dict[str, float]] = {}
    features = tree_features(data, with_group=True)
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
    for name, group in (("transfer", False), ("transfer, told the space group", True)):
        probability = fit_predict(tree_features(data, group), majority, train, test)
        result[name] = binary_metrics(majority[test], probability)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
