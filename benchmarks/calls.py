"""What an error rate comes to where it was not tested: calls about symmetry classes that a model never saw.

    xbert finetune --structures ../shared/data/mp_structures.parquet \\
        --labels ../shared/data/topology_labels.parquet --split transfer -o transfer
    python benchmarks/calls.py transfer \\
        --structures ../shared/data/mp_structures.parquet --labels ../shared/data/topology_labels.parquet

Networks of the split learned from groups with inversion alone. Quantiles are set on the tenth of those
crystals whose formulas were held out; calls are made about even-electron crystals of the 25 groups without
inversion that have an indicator, no shared formula. Beside them: the tenth itself, each half by the quantiles
of the other; the same crystals when the model is asked what the group's indicator can show instead of what
the crystal is (``xbert.training.visible``); and, with ``--left-out FILE`` of `xbert finetune --split
crystal-system`, by quantiles of crystal systems that were left out.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from safetensors.numpy import load_file

from xbert.conformal import INVERSION, Quantiles, call_by
from xbert.predict import Outputs
from xbert.spacegroups import group_flags
from xbert.training.calibration import fit_temperatures
from xbert.training.calls import CHECKED, calibrate, check, quantiles
from xbert.training.data import LabelledCrystals, load_labelled
from xbert.training.visible import seen_as_topological

SHARES = ("abstained", "missed_topological", "missed_trivial", "wrong_topological", "wrong_trivial")


def calls(
    kinds: np.ndarray, held: LabelledCrystals, unseen: Quantiles | None = None
) -> list[dict[str, object]]:
    """Return how calls did, by error rate, within the classes that were learned and beyond them.

    Args:
        kinds: (n, 4) probabilities of ``xbert.training.labels.KINDS``.
        held: the same n crystals, of both sorts of group.
        unseen: quantiles of crystal systems that were left out.
    """
    truth = held.labels.majority.astype(float)
    groups, electrons = held.features.spacegroup, held.features.n_electrons
    inversion, undiagnosable = group_flags(groups)
    within = np.flatnonzero(inversion & ~np.isnan(truth))
    beyond = np.flatnonzero(~inversion & ~undiagnosable & held.even & ~np.isnan(truth))
    p, keys = 1.0 - kinds[:, 0], [held.keys[row] for row in within]
    learned = calibrate(p[within], truth[within], groups[within], electrons[within], keys)
    if learned is None or INVERSION not in learned.tables:
        raise SystemExit("too few held-out crystals for quantiles")
    own = learned.tables[INVERSION]
    ways = [
        ("never seen", own, p[beyond]),
        ("never seen, what indicators show", own, seen_as_topological(kinds[beyond], groups[beyond])),
        *([("never seen, by systems left out", unseen, p[beyond])] if unseen else []),
    ]
    rows: list[dict[str, object]] = []
    for rate in CHECKED:
        tested = next(r for r in learned.checked if (r["error_rate"], r["kind"]) == (rate, INVERSION))
        rows.append({"where": "learned", **tested})
        for where, table, probability in ways:
            found = check(call_by(table, probability, rate), truth[beyond] > 0.5)
            rows.append({"where": where, "error_rate": rate, **found})
    return rows


def of_systems(path: Path, data: LabelledCrystals) -> Quantiles | None:
    """Return quantiles of even-electron crystals by networks that never saw their crystal system."""
    table = pq.read_table(path, columns=["id", "n_electrons", "p_consensus_trivial"])
    place = {name: row for row, name in enumerate(data.labels.ids)}
    truth = data.labels.majority[[place[name] for name in table["id"].to_pylist()]]
    even = table["n_electrons"].to_numpy() % 2 == 0
    p = 1.0 - table["p_consensus_trivial"].to_numpy().astype(float)
    return quantiles(p[even & (truth == 1)], p[even & (truth == 0)])


def probabilities(directories: list[Path], data: LabelledCrystals) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) rows that a transfer held out, and (n, 4) of kinds, cooled on those with inversion."""
    folds = [load_file(directory / "fold" / "fold.safetensors") for directory in directories]
    rows, logits = folds[0]["rows"], np.concatenate([fold["logits"] for fold in folds])
    tenth = np.flatnonzero(data.centrosymmetric[rows])
    temperature = fit_temperatures(Outputs(logits[:, tenth], {}), data.labels.take(rows[tenth]))[-1]
    cooled = logits[:, :, -1] / temperature
    kinds = np.exp(cooled - cooled.max(-1, keepdims=True))
    return rows, (kinds / kinds.sum(-1, keepdims=True)).mean(0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("directories", nargs="+", type=Path, help="of `xbert finetune --split transfer`")
    parser.add_argument("--structures", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--cache", type=Path, help="of features; without it that of the first directory")
    parser.add_argument("--left-out", type=Path, help="out_of_class.parquet of the split by crystal system")
    arguments = parser.parse_args()
    cache = arguments.cache or arguments.directories[0] / "cache"
    data = load_labelled(arguments.structures, arguments.labels, cache)
    rows, kinds = probabilities(arguments.directories, data)
    unseen = of_systems(arguments.left_out, data) if arguments.left_out else None
    titles = " | ".join(share.replace("_", " ") for share in SHARES)
    print(f"| symmetry classes | error rate | crystals | {titles} |")
    print("|" + "---|" * (3 + len(SHARES)))
    for row in calls(kinds, data.take(rows), unseen):
        shares = " | ".join("–" if row[s] is None else f"{100 * float(str(row[s])):.1f} %" for s in SHARES)
        print(f"| {row['where']} | {100 * float(str(row['error_rate'])):g} % | {row['n']:,} | {shares} |")


if __name__ == "__main__":
    main()
