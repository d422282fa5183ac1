"""Where does transfer hold? Leave out whole crystal systems, Laue classes and structure prototypes.

    python benchmarks/leave_one_class_out.py ../shared/data
    python benchmarks/leave_one_class_out.py ../shared/data --by "Laue class" --trees 500 --json classes.json

Majority labels of crystals whose group has an indicator: elsewhere "trivial" is silence. No formula of a
class that is left out is trained on. Crystal systems and Laue classes are left out one by one; prototypes,
which are thousands, in five parts. Beside each class stands what the same model does on the same crystals
when only their formulas are left out (five parts by formula): the difference is the price of the class.

    python benchmarks/leave_one_class_out.py ../shared/data --xbert models/discovery-systems \\
        --xbert-formulas models/discovery

holds XBERT beside the trees on the crystals of ``out_of_class.parquet``, which ``xbert finetune --split
crystal-system`` writes: groups with inversion, one crystal system left out after the other, the same crystals
to learn from for both. ``--xbert-formulas`` names a model of ``--split folds``: what it does when only
formulas are left out.

The predictor here is a bag of LightGBM forests (benchmarks/baselines.py, without the space group), each on
half of the crystals; its uncertainty is their spread. ``evaluate`` takes any other function from (rows to
train on, rows to test on) to (probability, uncertainty).
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tree_features import tree_features

from xbert.training.classes import CLASSES_BY, Fold, leave_one_out, leave_parts_out
from xbert.training.data import LabelledCrystals, load_labelled
from xbert.training.metrics import binary_metrics

Predictor = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

PARTS = 5


def forests(features: np.ndarray, truth: np.ndarray, trees: int, members: int) -> Predictor:
    """Return a predictor that averages LightGBM forests, each trained on half of the rows."""
    from lightgbm import LGBMClassifier

    def predict(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        all_of_them = []
        for seed in range(members):
            model = LGBMClassifier(
                n_estimators=trees,
                learning_rate=min(0.05 * 500 / trees, 0.2),
                subsample=0.5,
                subsample_freq=1,
                colsample_bytree=0.5,
                random_state=seed,
                n_jobs=1,
                verbose=-1,
            )
            model.fit(features[train], truth[train].astype(int))
            all_of_them.append(np.asarray(model.predict_proba(features[test]))[:, 1])
        return np.mean(all_of_them, 0), np.std(all_of_them, 0)

    return predict


def evaluate(folds: Iterable[Fold], predict: Predictor, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Predict every fold's test rows: probability and uncertainty, (n,) each, NaN where never tested."""
    probability, uncertainty = np.full(n, np.nan), np.full(n, np.nan)
    for _, train, test in folds:
        probability[test], uncertainty[test] = predict(train, test)
    return probability, uncertainty


def scores(truth: np.ndarray, probability: np.ndarray, uncertainty: np.ndarray) -> dict[str, float]:
    """Score one class; ``error_detection`` is the AUC with which uncertainty finds the wrong answers."""
    from sklearn.metrics import roc_auc_score

    binary = binary_metrics(truth, probability)
    wrong = (probability >= 0.5) != truth.astype(bool)
    return {
        "n": len(truth),
        "topological": float(truth.mean()),
        **{name: binary[name] for name in ("roc_auc", "average_precision", "calibration_error", "accuracy")},
        "uncertainty": float(uncertainty.mean()),
        "error_detection": float(roc_auc_score(wrong, uncertainty)) if 0 < wrong.mean() < 1 else float("nan"),
    }


def table(by: str, rows: dict[str, tuple[dict[str, float], dict[str, float]]]) -> str:
    """Write the scores of each class, left out and with only its formulas left out, as Markdown."""
    lines = [
        f"| {by} left out | n | topological | ROC-AUC (formulas) | average precision (formulas) "
        "| calibration error (formulas) | uncertainty (formulas) | finds errors |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name, (out, formulas) in rows.items():
        pairs = (
            f"{out[key]:.3f} ({formulas[key]:.3f})"
            for key in ("roc_auc", "average_precision", "calibration_error", "uncertainty")
        )
        lines.append(
            f"| {name} | {out['n']:,} | {out['topological']:.1%} | {' | '.join(pairs)} "
            f"| {out['error_detection']:.3f} |"
        )
    return "\n".join(lines)


def run(
    data: LabelledCrystals, predict: Predictor, schemes: list[str], least: int
) -> dict[str, dict[str, tuple[dict[str, float], dict[str, float]]]]:
    """Score a predictor by all schemes: scheme → class → (left out, with only its formulas left out)."""
    truth, n = data.labels.majority, len(data.labels)
    rows = np.flatnonzero(~np.isnan(truth) & ~data.undiagnosable)
    plain = evaluate(leave_parts_out(data.keys, data.keys, rows, PARTS), predict, n)
    result = {}
    for by in schemes:
        classes = CLASSES_BY[by](data.features)
        if by == "prototype":
            folds = leave_parts_out(classes, data.keys, rows, PARTS)
        else:
            folds = leave_one_out(classes, data.keys, rows, least)
        left_out = evaluate(folds, predict, n)
        tested = rows[~np.isnan(left_out[0][rows])]
        names = np.array(classes)[tested]
        found = {"all": np.ones(len(tested), dtype=bool), "even electrons": data.even[tested]}
        kinds, counts = np.unique(names, return_counts=True)
        found |= {str(k): names == k for k in kinds[np.argsort(-counts)] if (names == k).sum() >= least}
        result[by] = {
            name: (
                scores(truth[tested[inside]], *(a[tested[inside]] for a in left_out)),
                scores(truth[tested[inside]], *(a[tested[inside]] for a in plain)),
            )
            for name, inside in found.items()
        }
        print(table(by, result[by]), end="\n\n", flush=True)
    return result


def read_xbert(path: Path, column: str, data: LabelledCrystals) -> tuple[np.ndarray, ...]:
    """Read what XBERT said of held-out crystals.

    Args:
        path: ``out_of_class.parquet`` or ``out_of_fold.parquet``.
        column: that names the part that was left out.
        data: n labelled crystals.

    Returns:
        (n,) part as text, empty where nothing was said; probability and uncertainty, NaN there.
    """
    table = pq.read_table(path, columns=["id", column, "p_consensus_trivial", "uncertainty"])
    place = {id_: row for row, id_ in enumerate(data.labels.ids)}
    known = [id_ in place for id_ in table["id"].to_pylist()]
    table = table.filter(pa.array(known, pa.bool_()))
    rows = np.array([place[id_] for id_ in table["id"].to_pylist()], dtype=np.int64)
    n = len(data.labels)
    part, probability, uncertainty = np.full(n, "", dtype=object), np.full(n, np.nan), np.full(n, np.nan)
    part[rows] = [str(name) for name in table[column].to_pylist()]
    probability[rows] = 1.0 - table["p_consensus_trivial"].to_numpy()
    uncertainty[rows] = table["uncertainty"].to_numpy()
    return part, probability, uncertainty


def beside(
    data: LabelledCrystals, predict: Predictor, directory: Path, formulas: Path | None, least: int
) -> dict[str, Any]:
    """Score trees and XBERT on the same crystals: model → class → (left out, with its formulas left out)."""
    truth, n = data.labels.majority, len(data.labels)
    part, *said = read_xbert(directory / "out_of_class.parquet", "left_out", data)
    rows = np.flatnonzero((part != "") & ~np.isnan(truth))
    systems = np.array(CLASSES_BY["crystal system"](data.features), dtype=object)
    if (part[rows] != systems[rows]).any():
        raise ValueError(f"{directory}: a crystal was left out with another crystal system than its own")
    trees = evaluate(leave_one_out(systems.tolist(), data.keys, rows), predict, n)
    plain = evaluate(leave_parts_out(data.keys, data.keys, rows, PARTS), predict, n)
    nothing = np.full(n, np.nan), np.full(n, np.nan)
    _, *whole = read_xbert(formulas / "out_of_fold.parquet", "fold", data) if formulas else ("", *nothing)
    found = {"all": np.ones(len(rows), dtype=bool), "even electrons": data.even[rows]}
    found |= {str(k): systems[rows] == k for k in np.unique(systems[rows].astype(str))}
    found = {name: inside for name, inside in found.items() if inside.sum() >= least}
    result: dict[str, Any] = {}
    for model, out, formula in (("trees", trees, plain), ("XBERT", said, whole)):
        result[model] = {
            name: (
                scores(truth[rows[inside]], *(a[rows[inside]] for a in out)),
                scores(truth[rows[inside]], *(a[rows[inside]] for a in formula))
                if not np.isnan(formula[0][rows]).any()
                else None,
            )
            for name, inside in found.items()
        }
    print(table_beside(result))
    return result


def table_beside(result: dict[str, Any]) -> str:
    """Write the scores of both models, class by class, as Markdown."""
    lines = [
        "| crystal system left out | n | topological | model | ROC-AUC (formulas) "
        "| average precision (formulas) | calibration error (formulas) | finds errors (formulas) |",
        "|---|---:|---:|---|---:|---:|---:|---:|",
    ]
    for name in result["trees"]:
        for model, by_class in result.items():
            out, formula = by_class[name]
            cells = [
                f"{out[key]:.3f}" + (f" ({formula[key]:.3f})" if formula else "")
                for key in ("roc_auc", "average_precision", "calibration_error", "error_detection")
            ]
            head = f"| {name} | {out['n']:,} | {out['topological']:.1%} | {model} | "
            lines.append(head + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--by", nargs="+", choices=CLASSES_BY, default=list(CLASSES_BY))
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--least", type=int, default=100, help="smallest class with a line of its own")
    parser.add_argument("--xbert", type=Path, metavar="DIR", help="left out crystal systems (see above)")
    parser.add_argument("--xbert-formulas", type=Path, metavar="DIR", help="left out formulas (see above)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "xbert-features")
    options = parser.parse_args()
    data = load_labelled(
        options.data / "mp_structures.parquet", options.data / "topology_labels.parquet", options.cache
    )
    predict = forests(
        tree_features(data.features, False), data.labels.majority, options.trees, options.members
    )
    result: dict[str, Any] = (
        beside(data, predict, options.xbert, options.xbert_formulas, options.least)
        if options.xbert
        else run(data, predict, options.by, options.least)
    )
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
