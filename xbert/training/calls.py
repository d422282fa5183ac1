"""The quantiles behind calls, from crystals that the scoring networks never saw: see ``xbert.conformal``."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from xbert.conformal import (
    ABSTAIN,
    ALL,
    KINDS,
    LEVELS,
    TOPOLOGICAL,
    TRIVIAL,
    Conformal,
    Quantiles,
    kinds_of,
)
from xbert.training.splits import formula_fold

LEAST = 100
"""Scored crystals of a class that it takes: the one-percent quantile is then the most extreme of them."""

CHECKED = (0.01, 0.05, 0.1, 0.2)
_DIGITS = 1e6


def calibrate(
    p: np.ndarray,
    truth: np.ndarray,
    spacegroup: np.ndarray,
    n_electrons: np.ndarray,
    keys: Sequence[str],
) -> Conformal | None:
    """Take quantiles from held-out scores.

    Args:
        p: (n,) topological probability by networks that never saw the crystal's formula.
        truth: (n,) 1 topological, 0 trivial, NaN where no label says; trivial labels that only mean "symmetry
            cannot see" belong to the last, unless the model is to answer what databases would say.
        spacegroup: (n,) numbers.
        n_electrons: (n,) of the primitive cell.
        keys: (n,) formula keys; all crystals of one fall in the same half of the check.

    Returns:
        None where fewer than ``LEAST`` crystals of a class have a label.
    """
    p, truth = np.asarray(p, dtype=float), np.asarray(truth, dtype=float)
    known = np.flatnonzero(~np.isnan(truth))
    p, truth, kind = p[known], truth[known] > 0.5, kinds_of(spacegroup[known], n_electrons[known])
    spacegroup, n_electrons = spacegroup[known], n_electrons[known]
    whole = Conformal(_tables(p, truth, kind))
    if ALL not in whole.tables:
        return None
    half = formula_fold([keys[int(row)] for row in known], 2, seed=3)
    other = [Conformal(_tables(p[half != one], truth[half != one], kind[half != one])) for one in (0, 1)]
    if any(ALL not in one.tables for one in other):
        return whole
    checked = []
    for rate in CHECKED:
        call = np.empty(len(p), dtype=object)
        for one in (0, 1):
            mine = half == one
            call[mine] = other[one](p[mine], spacegroup[mine], n_electrons[mine], rate).call
        for name in whole.tables:
            rows = np.full(len(p), True) if name == ALL else kind == name
            checked.append({"error_rate": rate, "kind": name, **check(call[rows], truth[rows])})
    return Conformal(whole.tables, checked)


def check(call: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Return how calls did.

    Args:
        call: (n,) calls.
        truth: (n,) bool, topological.

    Returns:
        ``n``, the share that was ``abstained`` from, the shares of topological and trivial crystals that were
        called the other (``missed_topological``, ``missed_trivial``: what the error rate bounds), and the
        share of wrong ones among those called topological and trivial (``wrong_topological``,
        ``wrong_trivial``: what a reader of a list meets; it depends on how frequent the classes are).
    """

    def share(of: np.ndarray, among: np.ndarray) -> float | None:
        return round(float(of[among].mean()), 4) if among.any() else None

    topological, trivial = call == TOPOLOGICAL, call == TRIVIAL
    return {
        "n": len(call),
        "abstained": share(call == ABSTAIN, np.full(len(call), True)),
        "missed_topological": share(trivial, truth),
        "missed_trivial": share(topological, ~truth),
        "wrong_topological": share(~truth, topological),
        "wrong_trivial": share(truth, trivial),
    }


def _tables(p: np.ndarray, truth: np.ndarray, kind: np.ndarray) -> dict[str, Quantiles]:
    tables = {}
    for name in (*KINDS, ALL):
        rows = np.full(len(p), True) if name == ALL else kind == name
        if table := quantiles(p[rows & truth], p[rows & ~truth]):
            tables[name] = table
    return tables


def quantiles(topological: np.ndarray, trivial: np.ndarray) -> Quantiles | None:
    """Return the quantiles of the probabilities of both classes; None for too few of either."""
    if min(len(topological), len(trivial)) < LEAST:
        return None
    return Quantiles(
        {TOPOLOGICAL: len(topological), TRIVIAL: len(trivial)},
        (np.floor(_lower(topological) * _DIGITS) / _DIGITS).tolist(),
        (1.0 - np.floor(_lower(1.0 - trivial) * _DIGITS) / _DIGITS).round(6).tolist(),
    )


def _lower(conformity: np.ndarray) -> np.ndarray:
    """Return for each level the k-th smallest, k = ⌊level · (n + 1)⌋; 0, excluding nothing, for k = 0."""
    ordered = np.concatenate([[0.0], np.sort(conformity)])
    return np.asarray(ordered[np.floor(np.array(LEVELS) * (len(conformity) + 1) + 1e-9).astype(int)])
