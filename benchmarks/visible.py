"""The transfer test, asked for what can be seen: trees that tell strong from crystalline insulators.

    python benchmarks/visible.py ../shared/data

LightGBM (benchmarks/baselines.py, without the space group, 120 trees) learns four kinds on the even-electron
crystals of centrosymmetric groups and is tested where there is no inversion but an indicator. Printed beside
each other: one less the probability of trivial, and ``xbert.training.visible.seen_as_topological``.
"""

import argparse
import json
import tempfile
from pathlib import Path

import numpy as np
from tree_features import tree_features

from xbert.training.carried import read_label_words
from xbert.training.data import LabelledCrystals, load_labelled
from xbert.training.metrics import binary_metrics
from xbert.training.splits import formula_fold, transfer_split
from xbert.training.visible import KINDS, seen_as_topological, visible_kinds


def kinds_of(data: LabelledCrystals, labels: Path) -> np.ndarray:
    """(n,) index into ``KINDS``: majority, and among topological ones the words of Materiae and Arsenal."""
    table = read_label_words(labels)
    told = dict(
        zip(
            table["mp_id"].to_pylist(),
            zip(table["materiae_soc"].to_pylist(), table["arsenal"].to_pylist(), strict=True),
            strict=True,
        )
    )
    words = [{w for text in told[id_] for w in (text or "").split("|")} for id_ in data.labels.ids]
    strong = np.array(["TI" in w for w in words])
    crystalline = np.array(["TCI" in w for w in words])
    kinds = np.full(len(words), KINDS.index("tsm"))
    kinds[strong & ~crystalline] = KINDS.index("ti")
    kinds[crystalline & ~strong] = KINDS.index("tci")
    kinds[data.labels.majority == 0] = KINDS.index("trivial")
    return kinds


def main() -> None:
    from lightgbm import LGBMClassifier

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "xbert-features")
    options = parser.parse_args()
    labels = options.data / "topology_labels.parquet"
    data = load_labelled(options.data / "mp_structures.parquet", labels, options.cache)
    majority, kinds, group = data.labels.majority, kinds_of(data, labels), data.features.spacegroup
    train, test = transfer_split(group, data.features.n_electrons, data.keys, ~np.isnan(majority))
    train = train[~np.isnan(majority[train]) & data.even[train]]
    features = tree_features(data.features, with_group=False)
    model = LGBMClassifier(
        n_estimators=120,
        learning_rate=0.1,
        subsample=0.7,
        subsample_freq=1,
        colsample_bytree=0.5,
        random_state=0,
        n_jobs=1,
        verbose=-1,
    )
    model.fit(features[train], kinds[train])
    probabilities = np.asarray(model.predict_proba(features[test]))
    answers = {
        "not trivial": 1.0 - probabilities[:, 0],
        "seen as topological": seen_as_topological(probabilities, group[test]),
    }
    half = formula_fold([data.keys[row] for row in test], 2, seed=7)
    s4 = ~visible_kinds()[group[test], KINDS.index("tci")]
    parts = {
        "all": np.ones(len(test), dtype=bool),
        "S4": s4,
        "C3h": ~s4,
        "first half": half == 0,
        "second half": half == 1,
    }
    result = {
        name: {part: binary_metrics(majority[test][rows], p[rows]) for part, rows in parts.items()}
        for name, p in answers.items()
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
