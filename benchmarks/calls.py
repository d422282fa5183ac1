"""What an error rate comes to where it was not tested: calls about symmetry classes that a model never saw.

    xbert finetune --structures ../shared/data/mp_structures.parquet \\
        --labels ../shared/data/topology_labels.parquet --split transfer -o transfer
    python benchmarks/calls.py transfer \\
        --structures ../shared/data/mp_structures.parquet --labels ../shared/data/topology_labels.parquet

Networks of the split learned from groups with inversion alone. Quantiles are set on the tenth of those
crystals whose formulas were held out; calls are made about even-electron crystals of the 25 groups without
inversion that have an indicator, no shared formula. Beside them: the tenth itself, each half by the quantiles
of the other.
"""

import argparse
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from xbert.conformal import INDICATOR, INVERSION, Conformal
from xbert.spacegroups import group_flags
from xbert.training.calls import CHECKED, calibrate, check
from xbert.training.data import LabelledCrystals, load_labelled
from xbert.training.labels import KINDS

SHARES = ("abstained", "missed_topological", "missed_trivial", "wrong_topological", "wrong_trivial")


def calls(probability: np.ndarray, held: LabelledCrystals) -> list[dict[str, object]]:
    """Return how calls did, by error rate, within the classes that were learned and beyond them.

    Args:
        probability: (n,) topological.
        held: the same n crystals, of both kinds of group.
    """
    truth = held.labels.majority.astype(float)
    groups, electrons = held.features.spacegroup, held.features.n_electrons
    inversion, undiagnosable = group_flags(groups)
    within = np.flatnonzero(inversion & ~np.isnan(truth))
    beyond = np.flatnonzero(~inversion & ~undiagnosable & held.even & ~np.isnan(truth))
    keys = [held.keys[row] for row in within]
    learned = calibrate(probability[within], truth[within], groups[within], electrons[within], keys)
    if learned is None or INVERSION not in learned.tables:
        raise SystemExit("too few held-out crystals for quantiles")
    # Without this the classes never seen would be called by quantiles of odd electron counts too.
    lent = Conformal(learned.tables | {INDICATOR: learned.tables[INVERSION]})
    rows: list[dict[str, object]] = []
    for rate in CHECKED:
        own = next(r for r in learned.checked if (r["error_rate"], r["kind"]) == (rate, INVERSION))
        called = lent(probability[beyond], groups[beyond], electrons[beyond], rate).call
        rows.append({"where": "learned", **own})
        rows.append({"where": "never seen", "error_rate": rate, **check(called, truth[beyond] > 0.5)})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", nargs="+", type=Path, help="of `xbert finetune --split transfer`")
    parser.add_argument("--structures", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="of features; without it that of the first directory")
    arguments = parser.parse_args()
    cache = arguments.cache or arguments.directories[0] / "cache"
    data = load_labelled(arguments.structures, arguments.labels, cache)
    folds = [load_file(directory / "fold" / "fold.safetensors") for directory in arguments.directories]
    logits = np.concatenate([fold["logits"][:, :, -1] for fold in folds])
    kinds = np.exp(logits - logits.max(-1, keepdims=True))
    trivial = (kinds / kinds.sum(-1, keepdims=True)).mean(0)[:, KINDS.index("trivial")]
    print(
        "| symmetry classes | error rate | crystals | "
        + " | ".join(s.replace("_", " ") for s in SHARES)
        + " |"
    )
    print("|" + "---|" * (3 + len(SHARES)))
    for row in calls(1.0 - trivial, data.take(folds[0]["rows"])):
        shares = " | ".join("–" if row[s] is None else f"{100 * float(str(row[s])):.1f} %" for s in SHARES)
        print(f"| {row['where']} | {100 * float(str(row['error_rate'])):g} % | {row['n']:,} | {shares} |")


if __name__ == "__main__":
    main()
