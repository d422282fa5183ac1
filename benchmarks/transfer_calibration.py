"""Which left-out predictions calibrate best where a model was never trained? LightGBM on the transfer test.

    python benchmarks/transfer_calibration.py ../shared/data

Temperature and bias are fitted on even-electron training crystals, predicted with their formula, crystal
system, Laue class or prototype left out, and tried on the groups without inversion. "shares" is what
``label_shift`` makes of it with the share of topological crystals it finds.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from scipy.special import expit
from tree_features import tree_features

from xbert.training.classes import CLASSES_BY, leave_one_out, leave_parts_out
from xbert.training.data import load_labelled
from xbert.training.metrics import calibration_error
from xbert.training.splits import transfer_split
from xbert.training.transfer_calibration import fit_scaling, label_shift

PARTS = 5


def main() -> None:
    from lightgbm import LGBMClassifier

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--by", nargs="+", default=["formula", *CLASSES_BY], choices=["formula", *CLASSES_BY])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "xbert-features")
    options = parser.parse_args()
    data = load_labelled(
        options.data / "mp_structures.parquet", options.data / "topology_labels.parquet", options.cache
    )
    truth = data.labels.majority
    train, test = transfer_split(
        data.features.spacegroup, data.features.n_electrons, data.keys, ~np.isnan(truth)
    )
    train = train[~np.isnan(truth[train])]
    features = tree_features(data.features, with_group=False)

    def log_odds(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        model = LGBMClassifier(
            n_estimators=100,
            learning_rate=0.2,
            subsample=0.5,
            subsample_freq=1,
            colsample_bytree=0.5,
            random_state=0,
            n_jobs=1,
            verbose=-1,
        )
        model.fit(features[rows], truth[rows].astype(int))
        return np.asarray(model.predict_proba(features[wanted], raw_score=True))

    z = log_odds(train, test)
    raw = calibration_error(truth[test], expit(z))
    print(
        f"{len(test)} crystals, {truth[test].mean():.1%} topological, calibration error as trained {raw:.3f}"
    )
    print("| left out | temperature | bias | spread | calibration error | shares |")
    print("|---|---:|---:|---:|---:|---:|")
    for by in options.by:
        classes = data.keys if by == "formula" else CLASSES_BY[by](data.features)
        many = by in ("formula", "prototype")
        folds = (
            leave_parts_out(classes, data.keys, train, PARTS)
            if many
            else leave_one_out(classes, data.keys, train)
        )
        odds, kinds, names = [], [], []
        for name, rows, out in folds:
            even = out[data.even[out]]
            odds.append(log_odds(rows, even))
            kinds.append(truth[even])
            names += [name] * len(even)
        scaling = fit_scaling(np.concatenate(odds), np.concatenate(kinds), np.array(names))
        p = scaling(z, prior=scaling.prior)
        _, moved = label_shift(np.column_stack([1 - p, p]), np.array([1 - scaling.prior, scaling.prior]))
        errors = [calibration_error(truth[test], q) for q in (scaling(z), moved[:, 1])]
        numbers = (scaling.temperature, scaling.bias, scaling.spread, *errors)
        print(f"| {by} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |", flush=True)


if __name__ == "__main__":
    main()
