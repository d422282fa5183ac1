"""Where the dots of a model's calibration plot come from: held-out formulas, in bins of probability.

    python benchmarks/calibration.py xbert/checkpoints/discovery \\
        --structures ../shared/data/mp_structures.parquet --labels ../shared/data/topology_labels.parquet

Writes ``calibration.json`` beside the weights; the report shows it as long as it belongs to these weights.
The crystals are the tenth of all formulas on which the shipped models never trained; as in training, each
half of them is scored with the temperatures that the other half sets.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from discovery.screening.card import CALIBRATION
from xbert.checkpoint import load_model, model_sha256, read_description
from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features
from xbert.predict import predict
from xbert.scoring import CHUNK, prepare
from xbert.spacegroups import group_flags
from xbert.tokens import composition
from xbert.training.calibration import fit_temperatures
from xbert.training.labels import TopologyLabels, hide_blind_trivials, read_topology_labels
from xbert.training.splits import formula_fold, formula_keys

BINS = 15
TENTHS = 10


def held_out(structures: Path, labels: Path) -> tuple[Features, TopologyLabels]:
    """Return features and labels of the tenth of all formulas that training left out."""
    wanted = read_topology_labels(labels)
    rows = pq.read_table(structures, columns=GEOMETRY.names)
    table = CrystalTable(rows.filter(pc.is_in(rows["id"], pa.array(wanted.ids, rows["id"].type))))
    fold = formula_fold(formula_keys(composition(table)), TENTHS)
    kept, parts = [], []
    for part in table.take(np.flatnonzero(fold == 0)).batches(CHUNK):
        scored, features = prepare(part)
        good = scored.filter(pc.is_null(scored["error"]))
        kept += good["id"].to_pylist()
        parts.append(features)
    place = {id_: row for row, id_ in enumerate(wanted.ids)}
    return Features.concatenate(parts), wanted.take(np.array([place[id_] for id_ in kept]))


def probabilities(model: Path, features: Features, labels: TopologyLabels) -> np.ndarray:
    """Return (n,) topological probabilities, each half with the temperatures of the other."""
    members, description = load_model(model)
    plain = replace(description, temperature=[1.0] * len(description.sources))
    half = formula_fold(formula_keys(features.composition), 2, seed=1)
    result = np.empty(len(features))
    for one in (0, 1):
        mine, others = np.flatnonzero(half == one), np.flatnonzero(half != one)
        temperature = fit_temperatures(members, plain, features.take(others), labels.take(others), "cpu")
        fair = replace(description, temperature=[float(t) for t in temperature])
        result[mine] = predict(members, fair, features.take(mine)).topological
    return result


def bins_of(truth: np.ndarray, probability: np.ndarray) -> list[tuple[float, float, int]]:
    """Return mean probability, share of topological labels and number of each bin that holds any."""
    which = np.clip((probability * BINS).astype(int), 0, BINS - 1)
    found = []
    for b in range(BINS):
        inside = which == b
        if inside.any():
            mean, share = float(probability[inside].mean()), float(truth[inside].mean())
            found.append((round(mean, 4), round(share, 4), int(inside.sum())))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--structures", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    options = parser.parse_args()
    features, labels = held_out(options.structures, options.labels)
    blind = group_flags(features.spacegroup)[1]
    for model in options.models:
        recipe = read_description(model).training["recipe"]
        own = hide_blind_trivials(labels, blind) if recipe["hide_blind"] else labels
        probability = probabilities(model, features, own)
        # A model that was told the blind labels are no labels cannot be scored against them.
        clear = ~np.isnan(labels.majority) & ~(blind & recipe["hide_blind"])
        truth = labels.majority[clear].astype(int)
        found = bins_of(truth, probability[clear])
        error = sum(n * abs(p - o) for p, o, n in found) / len(truth)
        content = {
            "model_sha256": model_sha256(model),
            "splits": {"Held-out formulas": {"against": "majority", "n": len(truth), "bins": found}},
        }
        (model / CALIBRATION).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        print(f"{model.name}: {len(truth)} crystals, expected calibration error {error:.4f}")


if __name__ == "__main__":
    main()
