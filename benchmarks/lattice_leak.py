"""What pretraining on the lattice would be handed: trees on a few numbers of each graph, scaled and not.

    python benchmarks/lattice_leak.py mp_structures.parquet --limit 3000

Gradient-boosted trees predict the logarithm of the mean cell length, five parts by formula. They see the
space group, the electron count, the mean atomic number (so the number of atoms), and the mean distances to
the twelve neighbours: in Å, without their scale, or not at all; then the composition too.
"""

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from sklearn.ensemble import HistGradientBoostingRegressor

from xbert.training.corpus import Corpus, read_corpus
from xbert.training.splits import formula_fold

FOLDS = 5


def columns(corpus: Corpus) -> dict[str, np.ndarray]:
    """Return blocks of columns by name, (n, size) each."""
    features = corpus.features
    atoms = np.diff(features.offsets)[:, None]
    distances = np.add.reduceat(features.distances, features.offsets[:-1]) / atoms
    mean_z = features.composition @ np.arange(features.composition.shape[1])
    tokens = np.stack([features.spacegroup, features.n_electrons, mean_z], axis=1)
    return {
        "tokens": tokens,
        "distances": distances,
        "scaled": distances / distances.mean(1, keepdims=True),
        "composition": features.composition,
    }


def error(inputs: np.ndarray, target: np.ndarray, fold: np.ndarray) -> dict[str, float]:
    """Return the cross-validated error of (n,) logarithms, and the share of variance explained."""
    found = np.empty_like(target)
    for k in range(FOLDS):
        trees = HistGradientBoostingRegressor(max_iter=200, random_state=0)
        found[fold == k] = trees.fit(inputs[fold != k], target[fold != k]).predict(inputs[fold == k])
    return {
        "relative_error": round(float(np.abs(found - target).mean()), 4),
        "r2": round(float(1 - ((found - target) ** 2).mean() / target.var()), 4),
    }


def main() -> None:
    """Print the errors as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("structures", type=Path)
    parser.add_argument("--limit", type=int, default=3000)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as scratch:
        corpus = read_corpus(options.structures, options.cache or Path(scratch), 2, options.limit)
    blocks, target = columns(corpus), np.log(corpus.lattice[:, :3].astype(np.float64)).mean(1)
    fold = formula_fold(corpus.keys, FOLDS)
    result = {}
    for names in (
        ("tokens",),
        ("tokens", "distances"),
        ("tokens", "scaled"),
        ("tokens", "scaled", "composition"),
        ("tokens", "distances", "composition"),
    ):
        inputs = np.concatenate([blocks[name] for name in names], axis=1)
        result[" + ".join(names)] = error(inputs, target, fold)
    print(json.dumps({"crystals": len(corpus), **result}, indent=1))


if __name__ == "__main__":
    main()
