"""All models side by side on formulas none of them saw: one table by source.

    python benchmarks/accuracy.py DATA --xbert models/benchmark
    python benchmarks/accuracy.py DATA --models trees linear        # without XBERT

DATA holds mp_structures.parquet and topology_labels.parquet. Five parts by formula; every crystal is answered
for by models that learned from the four parts its formula is not in, and all its answers are scored together.
``--xbert`` takes directories that ``xbert finetune --split folds`` wrote, and can be given several. Answers
are kept under ``--cache`` by model and part: nothing is computed twice, and a killed run goes on.

Scores: accuracy of topological against trivial, the same where the number of electrons is even, macro F1,
ROC-AUC, expected calibration error; macro F1 of trivial, TI (strong or crystalline) and TSM, and F1 of TI;
last the AUC with which doubt finds the wrong answers, by the distance of the probability from one half and by
the spread of the members. The second table holds each model against the trees on the same crystals, with
intervals of 95 % from 1,000 bootstrap samples of formulas.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from competitors import GRAPH, LINEAR, TREES, graph_alone, linear_rule, trees
from held_out import FOLDS, HeldOut, calibrated, clear_classes, cross_validated, read_xbert

from xbert.training.data import LabelledCrystals, load_labelled
from xbert.training.labels import CLASSES, SOURCES
from xbert.training.metrics import binary_metrics, three_class_metrics

NAMES = {"trees": "LightGBM", "linear": "linear rule", "graph": "CGCNN alone"}


def answers_of(model: str, data: LabelledCrystals, cache: Path, epochs: int, parts: list[int]) -> HeldOut:
    """Return the calibrated answers of one of ``NAMES`` for crystals it was not trained on."""
    name = NAMES[model]
    match model:
        case "trees":
            found = cross_validated(name, trees, TREES, data, cache, parts)
        case "linear":
            found = cross_validated(name, linear_rule, LINEAR, data, cache, parts)
        case _:
            settings = GRAPH | {"epochs": epochs}
            found = cross_validated(name, graph_alone(epochs), settings, data, cache, parts)
    return calibrated(found, data)


def scores(held: HeldOut, data: LabelledCrystals, chosen: np.ndarray) -> dict[str, dict[str, float]]:
    """Score one model against each source on the ``chosen`` (n,) bool crystals it answers for."""
    truth = clear_classes(data)
    result = {}
    for s, source in enumerate(SOURCES):
        rows = np.flatnonzero(chosen & (truth[:, s] >= 0) & ~np.isnan(held.topological[:, s]))
        if not len(rows):
            continue
        kind, p = truth[rows, s], held.topological[rows, s]
        topological = (kind > 0).astype(int)
        binary = binary_metrics(topological, p)
        three = three_class_metrics(kind, held.classes[rows, s], CLASSES)
        even = data.even[rows]
        wrong = (p >= 0.5) != topological.astype(bool)
        result[source] = {
            "n": len(rows),
            "accuracy": binary["accuracy"],
            "n_even": int(even.sum()),
            "accuracy_even": float((~wrong[even]).mean()),
            **{name: binary[name] for name in ("f1_macro", "roc_auc", "calibration_error")},
            "three_class_f1_macro": three["f1_macro"],
            "ti_f1": three["per_class"]["ti"]["f1"],
            "errors_by_probability": _finds(wrong, -np.abs(p - 0.5)),
            "errors_by_spread": _finds(wrong, held.spread[rows]),
        }
    return result


def against(
    held: HeldOut, other: HeldOut, data: LabelledCrystals, chosen: np.ndarray, samples: int = 1000
) -> dict[str, dict[str, list[float]]]:
    """Return by how much ``held`` is better than ``other``: source → score → [difference, low, high].

    Both are scored on the crystals both answer for; formulas are drawn, not crystals, for polymorphs err
    together.
    """
    truth = clear_classes(data)
    result: dict[str, dict[str, list[float]]] = {}
    for s, source in enumerate(SOURCES):
        both = ~np.isnan(held.topological[:, s] + other.topological[:, s])
        rows = np.flatnonzero(chosen & both & (truth[:, s] >= 0))
        if not len(rows):
            continue
        kind = truth[rows, s]
        formula = np.unique([data.keys[row] for row in rows], return_inverse=True)[1]
        rng = np.random.default_rng(0)
        n_formulas = formula.max() + 1
        weights = [np.ones(len(rows))] + [
            np.bincount(rng.integers(n_formulas, size=n_formulas), minlength=n_formulas)[formula]
            for _ in range(samples)
        ]
        found: dict[str, list[float]] = {"accuracy": [], "three_class_f1_macro": [], "ti_f1": []}
        right = [((h.topological[rows, s] >= 0.5) == (kind > 0)).astype(float) for h in (held, other)]
        said = [h.classes[rows, s].argmax(1) for h in (held, other)]
        for weight in weights:
            f1 = [_f1(kind, one, weight) for one in said]
            found["accuracy"].append(float(np.average(right[0] - right[1], weights=weight)))
            found["three_class_f1_macro"].append(float(f1[0].mean() - f1[1].mean()))
            found["ti_f1"].append(float(f1[0][1] - f1[1][1]))
        result[source] = {
            name: [values[0], *np.quantile(values[1:], [0.025, 0.975]).tolist()]
            for name, values in found.items()
        }
    return result


def table(found: dict[str, dict[str, dict[str, float]]]) -> str:
    """Write the scores as Markdown, source by source."""
    lines = [
        "| source | model | n | accuracy | even electrons | macro F1 | ROC-AUC | calibration error "
        "| three-class macro F1 | TI F1 | finds errors: by p, by spread |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for source in SOURCES:
        for name, by_source in found.items():
            if source not in by_source:
                continue
            one = by_source[source]
            names = ("f1_macro", "roc_auc", "calibration_error", "three_class_f1_macro", "ti_f1")
            cells = [f"{one[key]:.3f}" for key in names]
            doubts = ", ".join(
                "–" if np.isnan(one[key]) else f"{one[key]:.2f}"
                for key in ("errors_by_probability", "errors_by_spread")
            )
            lines.append(
                f"| {source} | {name} | {one['n']:,} | {one['accuracy']:.1%} | {one['accuracy_even']:.1%} | "
                f"{' | '.join(cells)} | {doubts} |"
            )
    return "\n".join(lines)


def table_against(found: dict[str, dict[str, dict[str, list[float]]]], other: str) -> str:
    """Write the differences as Markdown."""
    lines = [
        f"| source | model against {other} | accuracy, points | three-class macro F1 | TI F1 |",
        "|---|---|---:|---:|---:|",
    ]
    for source in SOURCES:
        for name, by_source in found.items():
            if source in by_source:
                one = by_source[source]
                a, low, high = (100 * value for value in one["accuracy"])
                cells = [f"{a:+.2f} ({low:+.2f} to {high:+.2f})"]
                for key in ("three_class_f1_macro", "ti_f1"):
                    a, low, high = one[key]
                    cells.append(f"{a:+.3f} ({low:+.3f} to {high:+.3f})")
                lines.append(f"| {source} | {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _finds(wrong: np.ndarray, doubt: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    if np.isnan(doubt).any() or not 0 < wrong.mean() < 1:
        return float("nan")
    return float(roc_auc_score(wrong, doubt))


def _f1(truth: np.ndarray, said: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """(3,) F1 of each class from weighted counts."""
    n = len(CLASSES)
    counts = np.bincount(truth * n + said, weight, minlength=n * n).reshape(n, n)
    return np.asarray(2 * np.diag(counts) / np.maximum(counts.sum(0) + counts.sum(1), 1e-9))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--xbert", nargs="+", type=Path, default=[], metavar="DIR")
    parser.add_argument("--models", nargs="*", choices=NAMES, default=list(NAMES))
    parser.add_argument("--epochs", type=int, default=6, help="of CGCNN alone")
    parser.add_argument(
        "--parts",
        nargs="*",
        type=int,
        choices=range(FOLDS),
        default=list(range(FOLDS)),
        help="compute these; of the others what the cache holds",
    )
    parser.add_argument(
        "--diagnosable", action="store_true", help="only crystals in groups with an indicator"
    )
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "xbert-accuracy")
    parser.add_argument("--features", type=Path, default=Path(tempfile.gettempdir()) / "xbert-features")
    parser.add_argument("--json", type=Path, help="write the scores there too")
    options = parser.parse_args()
    data = load_labelled(
        options.data / "mp_structures.parquet", options.data / "topology_labels.parquet", options.features
    )
    chosen = ~data.undiagnosable if options.diagnosable else np.ones(len(data.labels), dtype=bool)
    held = [answers_of(model, data, options.cache, options.epochs, options.parts) for model in options.models]
    held += [read_xbert(directory, data) for directory in options.xbert]
    result: dict[str, Any] = {"scores": {one.name: scores(one, data, chosen) for one in held}}
    print(table(result["scores"]))
    rival = next((one for one in held if one.name == NAMES["trees"]), None)
    others = [one for one in held if one is not rival]
    if rival and others:
        result["against"] = {one.name: against(one, rival, data, chosen) for one in others}
        print("\n" + table_against(result["against"], rival.name))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
