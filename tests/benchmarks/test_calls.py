import numpy as np

from benchmarks.calls import calls
from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.training.data import LabelledCrystals
from xbert.training.labels import KINDS, TopologyLabels

N = 600


def test_calls_within_and_beyond_what_was_learned() -> None:
    """Silicon and rutile stand for groups with inversion, GaAs for those without: there nothing is known."""
    features = features_in_standard_cells(sample_table())
    names = sample_table().ids
    rows = np.tile([names.index(name) for name in ("Si", "TiO2", "GaAs")], N)
    truth = np.arange(3 * N) // 3 % 2
    kinds = np.zeros((3 * N, 3, len(KINDS) + 1), dtype=np.float32)
    kinds[:, 0, 0], kinds[:, 0, 1] = 1 - truth, truth
    taken = features.take(rows)
    # Formulas of their own, so that both halves of the check have some.
    taken.composition[:, 9] = np.repeat(np.arange(N), 3) * 1e-3
    held = LabelledCrystals(taken, TopologyLabels([str(i) for i in range(3 * N)], kinds), {}, {})
    rng = np.random.default_rng(0)
    known = np.clip(rng.normal(0.2 + 0.6 * truth, 0.15), 0, 1)
    p = np.where(rows == names.index("GaAs"), rng.random(3 * N), known)
    kinds_of_p = np.stack([1 - p, p, np.zeros_like(p), np.zeros_like(p)], axis=1)
    found = {(row["where"], row["error_rate"]): row for row in calls(kinds_of_p, held)}
    learned, beyond = found["learned", 0.05], found["never seen", 0.05]
    assert learned["n"] == 2 * N
    assert beyond["n"] == N
    assert float(str(learned["missed_trivial"])) < 0.1
    assert float(str(beyond["missed_trivial"])) > 0.3
