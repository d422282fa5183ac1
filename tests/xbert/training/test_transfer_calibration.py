"""Calibration under shifts that are made here, so that the right answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit

from xbert.training.metrics import calibration_error
from xbert.training.transfer_calibration import Scaling, fit_scaling, label_shift, with_prior


def _crystals(seed: int, prior: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """One number x per crystal, whose true log-odds are 2 x + logit(prior), and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < prior
    return rng.normal(np.where(truth, 1.0, -1.0)), truth.astype(float)


def test_temperature_and_bias_are_found_whatever_the_classes_hold() -> None:
    # A model three times too sure, whose log-odds are off by 1.2, seen on classes of very unequal shares.
    logits, truth, classes = [], [], []
    for number, (prior, n) in enumerate([(0.05, 9000), (0.5, 4000), (0.8, 2000)]):
        x, y = _crystals(number, prior, n)
        logits.append(3.0 * (2.0 * x + 1.2))
        truth.append(y)
        classes.append(np.full(n, number))
    scaling = fit_scaling(np.concatenate(logits), np.concatenate(truth), np.concatenate(classes))
    assert scaling.temperature == pytest.approx(3.0, rel=0.05)
    shares = logit(np.array([0.05, 0.5, 0.8]))
    assert scaling.bias == pytest.approx(shares.mean() - 1.2, abs=0.1)
    assert scaling.spread == pytest.approx(shares.std(ddof=1), abs=0.15)
    assert scaling.prior == pytest.approx(expit(shares.mean()), abs=0.02)
    x, y = _crystals(9, 0.8, 20_000)
    unseen = 3.0 * (2.0 * x + 1.2)
    assert calibration_error(y, scaling(unseen, prior=0.8)) < 0.02
    assert calibration_error(y, scaling(unseen)) > 0.1


def test_a_model_that_knows_the_shares_is_left_alone() -> None:
    # Shares that the crystals themselves explain are no shift: honest log-odds stay as they are.
    parts = [_crystals(seed, prior, 6000) for seed, prior in enumerate((0.1, 0.3, 0.6))]
    logits = np.concatenate([2.0 * x + logit(p) for (x, _), p in zip(parts, (0.1, 0.3, 0.6), strict=True)])
    scaling = fit_scaling(logits, np.concatenate([y for _, y in parts]), np.repeat(np.arange(3), 6000))
    assert scaling.temperature == pytest.approx(1.0, abs=0.05)
    assert abs(scaling.bias) < 0.1
    assert scaling.spread < 0.12
    assert np.abs(scaling(logits) - expit(logits)).max() < 0.03


def test_small_one_sided_classes_do_not_run_away() -> None:
    x, y = _crystals(0, 0.4, 3000)
    logits = np.concatenate([2.0 * x, [1.0, 2.0, -3.0]])
    classes = np.concatenate([np.arange(3000) % 5, [7, 7, 8]])
    scaling = fit_scaling(logits, np.concatenate([y, [0.0, 0.0, 0.0]]), classes)
    assert np.isfinite([scaling.temperature, scaling.bias, scaling.spread]).all()
    assert abs(scaling.bias - logit(0.4)) < 1.0


def test_the_share_in_the_target_is_found_without_labels() -> None:
    x, truth = _crystals(0, 0.1, 20_000)
    believed = expit(2.0 * x)  # honest where half of the crystals are topological
    two = np.column_stack([1.0 - believed, believed])
    share, corrected = label_shift(two, np.array([0.5, 0.5]))
    np.testing.assert_allclose(share, [1 - truth.mean(), truth.mean()], atol=0.01)
    assert calibration_error(truth, believed) > 0.1
    assert calibration_error(truth, corrected[:, 1]) < 0.01


def test_no_shift_is_left_alone() -> None:
    x, _ = _crystals(0, 0.3, 20_000)
    honest = expit(2.0 * x + logit(0.3))
    share, corrected = label_shift(np.column_stack([1 - honest, honest]), np.array([0.7, 0.3]))
    np.testing.assert_allclose(share, [0.7, 0.3], atol=0.015)
    assert np.abs(corrected[:, 1] - honest).max() < 0.02


def test_both_steps_together_from_a_wrong_model() -> None:
    train = [(*_crystals(seed, prior, 5000), seed) for seed, prior in enumerate((0.2, 0.4, 0.6))]
    logits = np.concatenate([4.0 * x for x, _, _ in train])
    truth = np.concatenate([y for _, y, _ in train])
    scaling = fit_scaling(logits, truth, np.concatenate([np.full(5000, c) for _, _, c in train]))
    x, y = _crystals(8, 0.05, 20_000)
    first = scaling(4.0 * x, prior=scaling.prior)
    share, second = label_shift(
        np.column_stack([1 - first, first]), np.array([1 - scaling.prior, scaling.prior])
    )
    assert share[1] == pytest.approx(0.05, abs=0.015)
    assert calibration_error(y, second[:, 1]) < 0.02 < calibration_error(y, first)


def test_three_classes() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice(3, 20_000, p=[0.7, 0.1, 0.2])
    x = rng.normal(np.eye(3)[truth] * 2.0)
    likelihood = np.exp(2.0 * x)
    even = likelihood / likelihood.sum(1, keepdims=True)
    share, corrected = label_shift(even, np.full(3, 1 / 3))
    np.testing.assert_allclose(share, np.bincount(truth) / len(truth), atol=0.015)
    np.testing.assert_allclose(corrected.sum(1), 1.0)


@given(
    st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.lists(st.floats(0.001, 0.999), min_size=1, max_size=5)
)
def test_moving_there_and_back_changes_nothing(old: float, new: float, chances: list[float]) -> None:
    p = np.column_stack([1 - np.array(chances), chances])
    a, b = np.array([1 - old, old]), np.array([1 - new, new])
    np.testing.assert_allclose(with_prior(with_prior(p, a, b), b, a), p, atol=1e-9)
    # Two classes are log-odds and a shift, as a Scaling moves them.
    np.testing.assert_allclose(
        with_prior(p, a, b)[:, 1], Scaling(1.0, 0.0, 0.0, old)(logit(np.array(chances)), prior=new), atol=1e-6
    )


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="topological and trivial"):
        fit_scaling(np.zeros(3), np.ones(3), np.zeros(3))
    share, corrected = label_shift(np.empty((0, 2)), np.array([0.5, 0.5]))
    assert share.tolist() == [0.5, 0.5]
    assert corrected.shape == (0, 2)
