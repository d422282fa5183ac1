"""Would a screen have found what the literature knows? Enrichment where symmetry cannot tell.

    python benchmarks/enrichment.py DATA --corpus CACHE --xbert models/discovery

Ranked are the crystals of DATA/mp_structures.parquet in the 113 groups without an indicator, with an even
number of electrons, one line for each formula and space group at the mean of its crystals' scores. Found are
those for which ``candidates.known`` has a claim that holds at ambient conditions and without magnetic order,
the paper's own claims left out. The enrichment factor at 1 % is the share of the known that stand among the
best 1 %, over 1 %; intervals of 95 % are exact binomial ones (Clopper and Pearson).

No formula that is ranked was trained on: all formulas, with labels or without, fall into the five parts of
``formula_fold(keys, 5)``, and each is scored by the members that learned from the other four alone. This is
so for XBERT too (a model of ``xbert finetune --split folds``, whose members stand in the order of the parts).
All learn from the same labels: those of the three databases without the trivial ones of these groups.

Pools: "all"; "insulating or unknown", what the metallic filter of ``discover screen`` leaves by a database's
gap; and of both the part that no database calls topological, which alone a screen is for.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from competitors import TREES, linear_scores
from held_out import FOLDS
from tree_features import bond_features, composition_features

from candidates.known import claims, formula_key
from discovery.screening.filters import valences_balance
from xbert.features import Features
from xbert.spacegroups import group_flags
from xbert.training.carried import known_gaps
from xbert.training.corpus import Corpus, read_corpus
from xbert.training.labels import TopologyLabels, hide_blind_trivials, read_topology_labels
from xbert.training.splits import formula_fold

CONDITIONS = ("under", "phase", "field", "doped", "border")
"""Words of a note by which a claim does not hold for the crystal as it is."""

PENALTY = 10.0
"""Of the linear rule: what the inner folds of `accuracy.py` chose most often."""

FOREST = TREES["parameters"] | {"n_estimators": 300, "learning_rate": 0.05}
TOP = (0.01, 0.05)

RIVALS = {
    "linear": "linear rule",
    "composition": "trees, composition",
    "bonds": "trees, composition and bonds",
}

Scorer = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(rows to learn from, rows to answer for) → (answers,)."""


@dataclass(frozen=True)
class Pool:
    """Crystals of a database that are ranked, and those that teach.

    Attributes:
        features: of all n crystals that are ranked or have a label.
        formulas: their reduced formulas.
        fold: (n,) part of each formula.
        taught: (n,) 1 topological, 0 trivial, NaN without a label that is believed.
        ranked: (n,) bool, no indicator and an even number of electrons.
        known: (n,) bool, known from the literature.
        labelled: (n,) bool, called topological by a database.
        insulating: (n,) bool, left by the metallic filter.
    """

    features: Features
    formulas: list[str]
    fold: np.ndarray
    taught: np.ndarray
    ranked: np.ndarray
    known: np.ndarray
    labelled: np.ndarray
    insulating: np.ndarray


def known_crystals() -> set[tuple[str, int]]:
    """Return (formula key, space group) of what the literature knows at ambient conditions."""
    return {
        (formula_key(claim.formula), claim.spacegroup)
        for claim in claims()
        if not claim.reported_by_paper and not any(word in claim.note for word in CONDITIONS)
    }


def make_pool(corpus: Corpus, labels: TopologyLabels, gap: np.ndarray) -> Pool:
    """Choose what is ranked and what teaches.

    Args:
        corpus: n crystals.
        labels: of some of them, by id.
        gap: (n,) eV of the corpus, NaN where unknown.
    """
    features = corpus.features
    undiagnosable = group_flags(features.spacegroup)[1]
    ranked = undiagnosable & (features.n_electrons % 2 == 0)
    place = {id_: row for row, id_ in enumerate(labels.ids)}
    of_label = np.array([place.get(id_, -1) for id_ in corpus.ids])
    kept = np.flatnonzero(ranked | (of_label >= 0))
    of_label, undiagnosable = of_label[kept], undiagnosable[kept]
    has = of_label >= 0
    own = labels.take(of_label[has])
    taught = np.full(len(kept), np.nan)
    taught[has] = hide_blind_trivials(own, undiagnosable[has]).majority
    labelled = np.zeros(len(kept), dtype=bool)
    labelled[has] = (own.targets[:, :, 1:].sum(2) > 0).any(1)
    formulas = [corpus.formulas[row] for row in kept]
    known = known_crystals()
    chosen = features.take(kept)
    return Pool(
        chosen,
        formulas,
        formula_fold([corpus.keys[row] for row in kept], FOLDS),
        taught,
        ranked[kept],
        np.array(
            [(formula_key(f), int(g)) in known for f, g in zip(formulas, chosen.spacegroup, strict=True)],
            dtype=bool,
        ),
        labelled,
        np.array(
            [not g <= 0.0 or valences_balance(f) for f, g in zip(formulas, gap[kept], strict=True)],
            dtype=bool,
        ),
    )


def scores_of(pool: Pool, scorer: Scorer) -> np.ndarray:
    """Score every ranked crystal by what learned from the other parts: (n,), NaN for the rest."""
    result = np.full(len(pool.formulas), np.nan)
    for k in range(FOLDS):
        rows = np.flatnonzero(pool.ranked & (pool.fold == k))
        if len(rows):
            train = np.flatnonzero(~np.isnan(pool.taught) & (pool.fold != k))
            result[rows] = scorer(train, rows)
    return result


def linear(pool: Pool) -> Scorer:
    """The linear rule over element fractions (see ``competitors.linear_rule``)."""
    x = pool.features.composition
    return lambda train, test: linear_scores(x[train], pool.taught[train], x[test], PENALTY)


def forest(pool: Pool, columns: np.ndarray) -> Scorer:
    """LightGBM on the columns it is given."""

    def score(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        from lightgbm import LGBMClassifier

        model = LGBMClassifier(random_state=0, n_jobs=1, verbose=-1, **FOREST)
        model.fit(columns[train], pool.taught[train].astype(int))
        return np.asarray(model.predict_proba(columns[test], raw_score=True))

    return score


def xbert(pool: Pool, directory: Path) -> Scorer:
    """Return the members of a model of ``xbert finetune --split folds`` that did not see a part.

    Raises:
        ValueError: the model was not made by that split.
    """
    from xbert.checkpoint import load_model
    from xbert.predict import predict

    members, description = load_model(directory)
    if not (directory / "out_of_fold.parquet").is_file() or len(members) % FOLDS:
        raise ValueError(
            f"{directory} does not hold the members of {FOLDS} parts (xbert finetune --split folds)"
        )
    each = len(members) // FOLDS

    def score(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        k = int(pool.fold[test[0]])
        own = members[k * each : (k + 1) * each]
        return predict(own, description, pool.features.take(test)).topological

    return score


def lines(pool: Pool, scores: np.ndarray, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """One line for each formula and space group of the ``chosen``: mean score, whether known, name."""
    rows = np.flatnonzero(chosen & pool.ranked)
    names = [f"{formula_key(pool.formulas[row])} {pool.features.spacegroup[row]}" for row in rows]
    unique, line, counts = np.unique(names, return_inverse=True, return_counts=True)
    return np.bincount(line, scores[rows]) / counts, np.bincount(line, pool.known[rows]) > 0, unique.tolist()


def enrichment(score: np.ndarray, known: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Return enrichment factors, hits, ROC-AUC and the places of the known, of (n,) scores."""
    from scipy.stats import binomtest
    from sklearn.metrics import roc_auc_score

    n, n_known = len(score), int(known.sum())
    found: dict[str, Any] = {"n": n, "known": n_known}
    if not 0 < n_known < n:
        return found
    place = np.empty(n, dtype=np.int64)
    place[np.argsort(-score, kind="stable")] = np.arange(n)
    places = place[known]
    found["roc_auc"] = float(roc_auc_score(known, score))
    found["median_place"] = float(np.median(places + 1) / n)
    found["places"] = {names[row]: int(place[row]) + 1 for row in np.flatnonzero(known)}
    for share in TOP:
        best = max(1, round(share * n))
        hits = int((places < best).sum())
        interval = binomtest(hits, n_known).proportion_ci()
        found[f"{share:.0%}"] = {
            "hits": hits,
            "factor": hits / n_known * n / best,
            "interval": [float(end) * n / best for end in (interval.low, interval.high)],
        }
    return found


def table(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Write the enrichment of each model in each pool as Markdown."""
    tops = [f"{share:.0%}" for share in TOP]
    head = " | ".join(f"in the best {top} | factor" for top in tops)
    text = [
        f"| pool | lines | known | model | {head} | median place | ROC-AUC |",
        "|---|---:|---:|---|" + "---:|" * (2 * len(tops) + 2),
    ]
    for name, models in results.items():
        for model, one in models.items():
            cells = []
            for top in tops if "roc_auc" in one else []:
                low, high = one[top]["interval"]
                cells += [f"{one[top]['hits']}", f"{one[top]['factor']:.1f} ({low:.1f}–{high:.1f})"]
            if cells:
                cells += [f"{one['median_place']:.1%}", f"{one['roc_auc']:.3f}"]
            text.append(f"| {name} | {one['n']:,} | {one['known']} | {model} | {' | '.join(cells)} |")
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--xbert", nargs="+", type=Path, default=[], metavar="DIR")
    parser.add_argument("--models", nargs="*", choices=RIVALS, default=list(RIVALS), help="beside XBERT")
    parser.add_argument(
        "--corpus",
        type=Path,
        default=Path(tempfile.gettempdir()) / "xbert-corpus",
        help="cache of the features of all crystals, as `xbert pretrain --cache` keeps it",
    )
    parser.add_argument("--json", type=Path, help="write the numbers and the places of the known there")
    options = parser.parse_args()
    structures = options.data / "mp_structures.parquet"
    corpus = read_corpus(structures, options.corpus)
    gap = known_gaps(options.data / "mp_properties.parquet", corpus.ids)
    pool = make_pool(corpus, read_topology_labels(options.data / "topology_labels.parquet"), gap)
    composition = composition_features(pool.features)
    further = [pool.features.n_electrons[:, None], pool.features.volume_per_atom[:, None]]
    wide = np.hstack([composition, *further, bond_features(pool.features)])
    make = {
        "linear": lambda: linear(pool),
        "composition": lambda: forest(pool, composition),
        "bonds": lambda: forest(pool, wide),
    }
    scorers = {RIVALS[name]: make[name]() for name in options.models}
    scorers |= {f"XBERT {directory.name}": xbert(pool, directory) for directory in options.xbert}
    pools = {
        "all": np.ones(len(pool.formulas), dtype=bool),
        "insulating or unknown": pool.insulating,
        "all, no database calls it topological": ~pool.labelled,
        "insulating or unknown, no database calls it topological": pool.insulating & ~pool.labelled,
    }
    results: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in pools}
    for model, scorer in scorers.items():
        score = scores_of(pool, scorer)
        for name, chosen in pools.items():
            results[name][model] = enrichment(*lines(pool, score, chosen))
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
