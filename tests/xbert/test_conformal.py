import numpy as np
import pytest

from xbert.conformal import (
    ABSTAIN,
    ALL,
    INDICATOR,
    INVERSION,
    ODD,
    TOPOLOGICAL,
    TRIVIAL,
    UNDIAGNOSABLE,
    Conformal,
    kinds_of,
)
from xbert.training.calls import calibrate

N = 6000


def _scores(seed: int, overlap: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Truth and probabilities of crystals that an imperfect model tells apart."""
    rng = np.random.default_rng(seed)
    truth = rng.random(N) < 0.4
    p = 1.0 / (1.0 + np.exp(-rng.normal(np.where(truth, 1.0, -1.0), overlap)))
    return truth.astype(float), p


def _conformal(seed: int = 0, overlap: float = 1.0, group: int = 225) -> Conformal:
    truth, p = _scores(seed, overlap)
    found = calibrate(p, truth, np.full(N, group), np.full(N, 20), [str(i) for i in range(N)])
    assert found is not None
    return found


def _call(conformal: Conformal, p: np.ndarray, rate: float, group: int = 225, electrons: int = 20):
    return conformal(p, np.full(len(p), group), np.full(len(p), electrons), rate)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.25])
@pytest.mark.parametrize("overlap", [0.5, 1.0, 2.0])
def test_neither_class_is_missed_more_often_than_asked(rate: float, overlap: float) -> None:
    truth, p = _scores(1, overlap)
    call = _call(_conformal(0, overlap), p, rate).call
    missed = (call[truth == 1] == TRIVIAL).mean(), (call[truth == 0] == TOPOLOGICAL).mean()
    chance = 3 * np.sqrt(rate * (1 - rate) / 2000)  # of both samples
    assert max(missed) < rate + chance


def test_a_worse_model_abstains_more_and_a_looser_rate_less() -> None:
    def abstained(overlap: float, rate: float) -> float:
        return float((_call(_conformal(0, overlap), _scores(1, overlap)[1], rate).call == ABSTAIN).mean())

    assert abstained(0.5, 0.05) < abstained(1.0, 0.05) < abstained(2.0, 0.05)
    shares = [abstained(1.0, rate) for rate in (0.01, 0.02, 0.05, 0.1, 0.3, 0.5)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0.3
    assert shares[-1] < 0.01


def test_calls_follow_the_probability() -> None:
    p = np.linspace(0, 1, 201)
    call = _call(_conformal(), p, 0.05).call
    order = [TRIVIAL, ABSTAIN, TOPOLOGICAL]
    places = [order.index(word) for word in call]
    assert places == sorted(places)
    assert set(call) == set(order)


def test_a_rate_between_two_levels_is_served_by_the_lower() -> None:
    conformal, p = _conformal(), np.linspace(0, 1, 501)
    assert (_call(conformal, p, 0.0549).call == _call(conformal, p, 0.05).call).all()
    assert not (_call(conformal, p, 0.055).call == _call(conformal, p, 0.05).call).all()


@pytest.mark.parametrize("rate", [0.0, 0.004, 0.51, -1.0, float("nan")])
def test_rates_without_a_quantile_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"between 0\.005 and 0\.5"):
        _call(_conformal(), np.array([0.5]), rate)


def test_kinds_of_symmetry() -> None:
    # Fm-3m, F-43m (S4), Pmn2_1 (trivial indicator group), and copper's odd count
    kinds = kinds_of(np.array([225, 216, 31, 225]), np.array([28, 64, 720, 29]))
    assert kinds.tolist() == [INVERSION, INDICATOR, UNDIAGNOSABLE, ODD]


def test_each_kind_has_its_own_quantiles_and_the_others_borrow() -> None:
    truth, sharp = _scores(0, 0.5)
    blunt = _scores(0, 2.0)[1]
    p = np.concatenate([sharp, blunt])
    group = np.repeat([225, 216], N)
    keys = [str(i) for i in range(2 * N)]
    found = calibrate(p, np.tile(truth, 2), group, np.full(2 * N, 20), keys)
    assert found is not None
    assert set(found.tables) == {INVERSION, INDICATOR, ALL}
    middling = np.array([0.6])
    assert _call(found, middling, 0.05, 225).call[0] == TOPOLOGICAL
    assert _call(found, middling, 0.05, 216).call[0] == ABSTAIN
    blind = _call(found, middling, 0.05, 31)
    assert (blind.call[0], blind.covered[0]) == (ABSTAIN, False)
    assert found.source(UNDIAGNOSABLE) == INDICATOR
    assert not _call(found, middling, 0.05, 225, electrons=21).covered[0]
    assert _call(found, middling, 0.05, 216).covered[0]


def test_trivial_labels_that_say_nothing_leave_their_groups_uncovered() -> None:
    truth, p = _scores(0)
    group = np.where(np.arange(N) % 3 == 0, 31, 225)
    hidden = np.where((group == 31) & (truth == 0), np.nan, truth)
    keys = [str(i) for i in range(N)]
    found, told = (calibrate(p, labels, group, np.full(N, 20), keys) for labels in (hidden, truth))
    assert found is not None
    assert told is not None
    assert UNDIAGNOSABLE not in found.tables
    assert UNDIAGNOSABLE in told.tables


def test_the_check_counts_what_a_reader_meets() -> None:
    rows = {row["error_rate"]: row for row in _conformal().checked if row["kind"] == ALL}
    assert set(rows) == {0.01, 0.05, 0.1, 0.2}
    assert rows[0.05]["n"] == N
    assert abs(rows[0.05]["missed_topological"] - 0.05) < 0.015
    assert abs(rows[0.05]["missed_trivial"] - 0.05) < 0.015
    assert rows[0.01]["wrong_topological"] < rows[0.05]["wrong_topological"] < rows[0.2]["wrong_topological"]


def test_a_handful_of_labels_gives_no_quantiles() -> None:
    truth = np.array([1.0] * 50 + [0.0] * 50)
    assert calibrate(truth, truth, np.full(100, 225), np.full(100, 20), [str(i) for i in range(100)]) is None
