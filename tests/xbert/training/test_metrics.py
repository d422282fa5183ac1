import numpy as np
import pytest

from xbert.training.metrics import binary_metrics, calibration_error, three_class_metrics


def test_binary_metrics_of_a_case_counted_by_hand() -> None:
    truth = np.array([1, 1, 1, 0, 0])
    probability = np.array([0.9, 0.8, 0.2, 0.6, 0.1])
    scores = binary_metrics(truth, probability)
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["roc_auc"] == pytest.approx(5 / 6)
    assert scores["precision_macro"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_calibration_error_is_zero_for_honest_and_large_for_boastful_probabilities() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(200_000)
    honest = (rng.random(200_000) < probability).astype(int)
    assert calibration_error(honest, probability) < 0.01
    assert calibration_error(np.zeros(100), np.full(100, 0.9)) == pytest.approx(0.9)


def test_three_class_metrics_count_each_class() -> None:
    truth = np.array([0, 0, 1, 2])
    probabilities = np.eye(3)[[0, 1, 1, 2]]
    scores = three_class_metrics(truth, probabilities, ("a", "b", "c"))
    assert scores["accuracy"] == 0.75
    assert scores["per_class"]["a"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3)}


def test_one_class_alone_has_no_ranking_score() -> None:
    assert np.isnan(binary_metrics(np.ones(3), np.full(3, 0.7))["roc_auc"])
