"""What symmetry eigenvalues can show in each space group, and what a database therefore calls trivial there.

The label "trivial" means "no indicator differs from zero", and which phases have an indicator depends on the
group (Z. Song, T. Zhang, Z. Fang, C. Fang, Nat. Commun. 9, 3530 (2018)):

- with inversion, strong and crystalline phases;
- with S4 and no inversion (indicator group Z2), the strong index alone: weak and crystalline phases are
  called trivial;
- with C3h (Z3 and Z3×Z3), mirror Chern numbers modulo three. A mirror Chern number has the parity of the
  strong index, so most strong insulators show too, under the name TCI;
- with a trivial indicator group, neither. Semimetals show everywhere by the degeneracies they cannot avoid.

A model trained where all is seen, and judged where less is, must be asked what can be seen: else it is
called wrong for knowing better.
"""

from functools import cache

import numpy as np

from xbert.spacegroups import TRIVIAL_INDICATOR, all_space_groups
from xbert.training.labels import KINDS

_STRONG_ONLY = "Z2"


@cache
def visible_kinds() -> np.ndarray:
    """Return (231, 4) bool by space-group number and kind: whether the kind is told from trivial there."""
    table = np.zeros((231, len(KINDS)), dtype=bool)
    for group in all_space_groups():
        insulators = group.indicator_group != TRIVIAL_INDICATOR
        table[group.number] = True, insulators, insulators and group.indicator_group != _STRONG_ONLY, True
    table.setflags(write=False)
    return table


@cache
def mirror_groups() -> np.ndarray:
    """Return (231,) bool by space-group number: no inversion; the indicators are mirror Chern numbers."""
    table = visible_kinds()[:, KINDS.index("tci")].copy()
    for group in all_space_groups():
        table[group.number] &= not group.inversion
    table.setflags(write=False)
    return table


def seen_as_topological(probabilities: np.ndarray, spacegroup: np.ndarray) -> np.ndarray:
    """Return (n,) probability that a database would call a crystal topological.

    For judging a model against databases only. What a crystal is, is one less the probability of trivial.

    Args:
        probabilities: (n, 4) of ``KINDS``, of what the crystals are.
        spacegroup: (n,) numbers.
    """
    return np.asarray((probabilities * visible_kinds()[spacegroup])[:, 1:].sum(1))


def blindness() -> np.ndarray:
    """Return the transition matrices of ``pu.forward_corrected_cross_entropy``, one for each space group.

    Returns:
        (231, 4, 4) float32 by space-group number, kind and label: the identity, but that a kind which
        cannot be seen is labelled trivial. Row 0 is the identity.
    """
    matrices = np.tile(np.eye(len(KINDS), dtype=np.float32), (231, 1, 1))
    numbers, kinds = np.nonzero(~visible_kinds()[1:])
    matrices[numbers + 1, kinds, kinds] = 0.0
    matrices[numbers + 1, kinds, 0] = 1.0
    return matrices
