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
        tables: kind → quantiles, of those with enough scored crystals, and of `ALL`.
        checked: error rate, kind, and shares found when each half of all formulas was called by the quantiles
            of the other half: see `xbert.training.calls.check`.
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
        kind = kinds_of(spacegroup, n_electrons)
        call = np.empty(len(p), dtype=object)
        p = np.asarray(p, dtype=float)
        for name in np.unique(kind):
            rows = np.flatnonzero(kind == name)
            call[rows] = call_by(self.tables[self.source(name)], p[rows], error_rate)
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


def call_by(table: Quantiles, p: np.ndarray, error_rate: float) -> np.ndarray:
    """Return (n,) calls of crystals of one kind, see `Conformal`."""
    asked = int(np.searchsorted(LEVELS, error_rate + 1e-9, side="right"))
    # The number of levels at which a class is still possible orders like its conformal p-value.
    topological = np.searchsorted(table.topological, p, side="right")
    trivial = np.searchsorted(-np.array(table.trivial), -p, side="right")
    call = np.full(len(p), ABSTAIN, dtype=object)
    # Where both are excluded the likelier stays: a larger set errs less, so the rate holds.
    call[(trivial < asked) & (topological > trivial)] = TOPOLOGICAL
    call[(topological < asked) & (trivial > topological)] = TRIVIAL
    return call
