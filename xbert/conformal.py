"""Calls at an error rate that the user chooses: topological, trivial, or neither of the two for sure.

Split conformal prediction, with a quantile for each class and each kind of crystal (V. Vovk, A. Gammerman,
G. Shafer, "Algorithmic Learning in a Random World", 2nd ed., Springer 2022, sections 4.6 and 4.7: label- and
object-conditional). Scores are those of crystals whose formula the scoring networks never saw. Of the
topological crystals of a kind, at most the error rate is called trivial, and the other way round, as long as
the crystal at hand might have been one of those that were scored: what conformal prediction calls
exchangeable.

In groups with a trivial indicator group that cannot be checked, and is known to fail: no database label
says there which insulator is trivial. Quantiles are borrowed from the groups without inversion that have an
indicator, and the call is marked as not covered. So is one about a kind of which too few were scored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xbert.spacegroups import group_flags

TOPOLOGICAL, TRIVIAL, ABSTAIN = "topological", "trivial", "abstain"
CALLS = (TOPOLOGICAL, TRIVIAL)

INVERSION = "inversion"
INDICATOR = "no inversion, indicator"
UNDIAGNOSABLE = "undiagnosable group"
ODD = "odd electron count"
ALL = "all kinds"
KINDS = (INVERSION, INDICATOR, UNDIAGNOSABLE, ODD)

BORROWED = {UNDIAGNOSABLE: INDICATOR, INDICATOR: ALL, INVERSION: ALL, ODD: ALL}
"""Whose quantiles serve where a kind has too few scored crystals of its own."""

LEVELS = tuple(round(0.005 * step, 3) for step in range(1, 101))
"""Error rates of which quantiles are kept; one between two of them is served by the lower."""

LEAST = 100
"""Scored crystals of a class that it takes: the one-percent quantile is then the most extreme of them."""

CHECKED = (0.01, 0.05, 0.1, 0.2)
_DIGITS = 1e6


@dataclass(frozen=True)
class Quantiles:
    """What it takes to be called, for one kind of crystal.

    Attributes:
        n: class → crystals scored.
        topological: (levels,) least topological probability that keeps "topological" possible.
        trivial: (levels,) greatest one that keeps "trivial" possible.
    """

    n: dict[str, int]
    topological: list[float]
    trivial: list[float]


@dataclass(frozen=True)
class Called:
    """Calls about n crystals.

    Attributes:
        call: (n,) `TOPOLOGICAL`, `TRIVIAL` or `ABSTAIN`.
        covered: (n,) bool, whether the error rate was tested on crystals of this kind.
        kind: (n,) of ``KINDS``.
    """

    call: np.ndarray
    covered: np.ndarray
    kind: np.ndarray


@dataclass(frozen=True)
class Conformal:
    """Quantiles by kind, and how calls by them did.

    Attributes:
        tables: kind → quantiles, of the kinds with enough scored crystals, and of `ALL`.
        checked: error rate, kind, and shares found when each half of all formulas was called by the quantiles
            of the other half: see `check`.
    """

    tables: dict[str, Quantiles]
    checked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(
        self, p: np.ndarray, spacegroup: np.ndarray, n_electrons: np.ndarray, error_rate: float
    ) -> Called:
        """Call crystals.

        Args:
            p: (n,) topological probability.
            spacegroup: (n,) numbers.
            n_electrons: (n,) of the primitive cell.
            error_rate: chosen by the user, see `check_error_rate`.

        Raises:
            ValueError: for an error rate without a quantile.
        """
        check_error_rate(error_rate)
        asked = int(np.searchsorted(LEVELS, error_rate + 1e-9, side="right"))
        kind = kinds_of(spacegroup, n_electrons)
        call = np.full(len(p), ABSTAIN, dtype=object)
        p = np.asarray(p, dtype=float)
        for name in np.unique(kind):
            rows = np.flatnonzero(kind == name)
            table = self.tables[self.source(name)]
            # The number of levels at which a class is still possible orders like its conformal p-value.
            topological = np.searchsorted(table.topological, p[rows], side="right")
            trivial = np.searchsorted(-np.array(table.trivial), -p[rows], side="right")
            # Where both are excluded the likelier stays: a larger set errs less, so the rate holds.
            call[rows[(trivial < asked) & (topological > trivial)]] = TOPOLOGICAL
            call[rows[(topological < asked) & (trivial > topological)]] = TRIVIAL
        covered = np.isin(kind, [name for name in KINDS if name in self.tables])
        return Called(call, covered, kind)

    def source(self, kind: str) -> str:
        """Return the kind whose quantiles serve."""
        while kind not in self.tables:
            kind = BORROWED[kind]
        return kind


def check_error_rate(error_rate: float) -> None:
    """Refuse an error rate without a quantile.

    Raises:
        ValueError: saying what is possible.
    """
    if not LEVELS[0] <= error_rate <= LEVELS[-1]:
        raise ValueError(f"an error rate of {error_rate:g} is not between {LEVELS[0]:g} and {LEVELS[-1]:g}")


def kinds_of(spacegroup: np.ndarray, n_electrons: np.ndarray) -> np.ndarray:
    """Return (n,) of ``KINDS``: an odd electron count first, then what symmetry can show."""
    inversion, undiagnosable = group_flags(np.asarray(spacegroup))
    kind = np.where(undiagnosable, UNDIAGNOSABLE, np.where(inversion, INVERSION, INDICATOR)).astype(object)
    return np.where(np.asarray(n_electrons) % 2 == 1, ODD, kind)


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
    from xbert.training.splits import formula_fold

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
        topological, trivial = p[rows & truth], p[rows & ~truth]
        if min(len(topological), len(trivial)) >= LEAST:
            tables[name] = Quantiles(
                {TOPOLOGICAL: len(topological), TRIVIAL: len(trivial)},
                (np.floor(_lower(topological) * _DIGITS) / _DIGITS).tolist(),
                (1.0 - np.floor(_lower(1.0 - trivial) * _DIGITS) / _DIGITS).round(6).tolist(),
            )
    return tables


def _lower(conformity: np.ndarray) -> np.ndarray:
    """Return for each level the k-th smallest, k = ⌊level · (n + 1)⌋; 0, excluding nothing, for k = 0."""
    ordered = np.concatenate([[0.0], np.sort(conformity)])
    return np.asarray(ordered[np.floor(np.array(LEVELS) * (len(conformity) + 1) + 1e-9).astype(int)])
