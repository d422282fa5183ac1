import numpy as np
import pytest

from xbert.tasks.scores import class_scores, over_folds, regression_scores


def test_regression_scores_of_a_case_counted_by_hand() -> None:
    scores = regression_scores(np.array([1.0, 2.0, 3.0]), np.array([1.0, 3.0, 1.0]))
    assert scores["mae"] == pytest.approx(1.0)
    assert scores["rmse"] == pytest.approx((5 / 3) ** 0.5)
    assert scores["r2"] == pytest.approx(1 - 5 / 2)


def test_equal_values_have_no_r2() -> None:
    assert np.isnan(regression_scores(np.ones(3), np.ones(3))["r2"])


def test_class_scores_of_a_case_counted_by_hand() -> None:
    shares = np.eye(2)[[1, 1, 1, 0, 0]]
    p = np.array([0.9, 0.8, 0.2, 0.6, 0.1])
    scores = class_scores(shares, np.stack([1 - p, p], 1), ("no", "yes"))
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["precision_macro"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores["recall_macro"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores["f1 yes"] == pytest.approx(2 / 3)
    assert scores["roc_auc"] == pytest.approx(5 / 6)


def test_ties_of_the_labels_are_not_scored() -> None:
    shares = np.array([[0.5, 0.5, 0.0], [0.0, 0.0, 1.0]])
    scores = class_scores(shares, np.eye(3)[[0, 2]], ("a", "b", "c"))
    assert scores["n"] == 1
    assert scores["accuracy"] == 1.0
    assert np.isnan(scores["roc_auc"])


def test_mean_and_spread_over_folds_leave_out_what_has_no_number() -> None:
    folds = [{"n": 5, "a": 1.0, "b": float("nan")}, {"n": 5, "a": 3.0, "b": 2.0}]
    result = over_folds(folds)
    assert result["mean"] == {"a": 2.0, "b": 2.0}
    assert result["std"] == {"a": pytest.approx(2**0.5), "b": 0.0}
