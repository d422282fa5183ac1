"""Band gap and metal or not, as a topology model tells them beside, on the test part of MEGNet's split.

    python benchmarks/properties.py DATA_DIR [--model discovery]

DATA_DIR holds mp_structures.parquet and mp_properties.parquet. The split is that of C. Chen et al., Chem.
Mater. 31, 3564 (2019); models never learn a property of its validation and test parts. It was drawn
crystal by crystal, so other polymorphs of a formula may have been learned from: those of other formulas are
scored apart.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.metrics import roc_auc_score

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features
from xbert.predict import Predictor
from xbert.scoring import CHUNK, prepare

NAMES = ("megnet_band_gap", "megnet_split", "mp20_band_gap", "roost_nonmetal_band_gap")


def crystals(data: Path, ids: list[str]) -> tuple[list[str], Features]:
    """Return the crystals that can be used, and their features."""
    rows = pq.read_table(data / "mp_structures.parquet", columns=GEOMETRY.names)
    table = CrystalTable(rows.filter(pc.is_in(rows["id"], pa.array(ids, rows["id"].type))))
    kept, parts = [], []
    for part in table.batches(CHUNK):
        scored, features = prepare(part)
        kept += scored.filter(pc.is_null(scored["error"]))["id"].to_pylist()
        parts.append(features)
    return kept, Features.concatenate(parts)


def scores(
    gap: np.ndarray, p_metal: np.ndarray, uncertainty: np.ndarray, true: np.ndarray
) -> dict[str, float]:
    """Return mean absolute errors in eV, ROC-AUC of metals, and how often gaps are within uncertainty."""
    error, metal = np.abs(gap - true), true <= 0.0
    return {
        "n": len(true),
        "gap_mae": round(float(error.mean()), 4),
        "gap_mae_of_insulators": round(float(error[~metal].mean()), 4),
        "metal_auc": round(float(roc_auc_score(metal, p_metal)), 4),
        "within_uncertainty": round(float((error <= uncertainty).mean()), 4),
    }


def main() -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="discovery")
    options = parser.parse_args()
    table = pq.read_table(options.data / "mp_properties.parquet", columns=["id", *NAMES]).to_pandas()
    known = table[table[["megnet_band_gap", "mp20_band_gap", "roost_nonmetal_band_gap"]].notna().any(axis=1)]
    test = known[(known["megnet_split"] == "test") & known["megnet_band_gap"].notna()]
    ids, features = crystals(options.data, test["id"].tolist())
    true = test.set_index("id")["megnet_band_gap"].loc[ids].to_numpy()
    found = Predictor(options.model)(features)
    if found.gap is None or found.metal is None or found.gap_uncertainty is None:
        raise SystemExit(f"model {options.model!r} has not learned band gaps")
    learned = known[~known["megnet_split"].isin(["val", "test"])]["id"]
    structures = pq.read_table(options.data / "mp_structures.parquet", columns=["id", "formula"]).to_pandas()
    seen = set(structures[structures["id"].isin(learned)]["formula"])
    formula = structures.set_index("id")["formula"].loc[ids]
    fresh = np.array([one not in seen for one in formula])
    result = {
        name: scores(found.gap[rows], found.metal[rows], found.gap_uncertainty[rows], true[rows])
        for name, rows in {"test": fresh | ~fresh, "test, formula never learned from": fresh}.items()
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
