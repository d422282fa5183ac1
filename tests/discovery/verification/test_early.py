"""What decides before the Wannier functions, and what must not."""

import numpy as np
import pytest

from discovery.verification.early import metal, odd_electrons
from discovery.verification.eigenvalues import Eigenvalues
from discovery.verification.options import Options
from discovery.verification.results import Crystal

PLAIN, MAGNETIC = Options(), Options(magnetic=True)


def crystal(*elements: str) -> Crystal:
    return Crystal(lattice=(4.0, 0, 0, 0, 4.0, 0, 0, 0, 4.0), elements=elements, frac_coords=(0.0,) * 3)


def bands(lower: list[float], upper: list[float], electrons: float = 2) -> Eigenvalues:
    e = np.stack([lower, lower, upper, upper], axis=1)
    n = len(e)
    return Eigenvalues(np.zeros((n, 3)), np.ones(n) / n, e, np.zeros(e.shape), 0.0, electrons, True)


def test_odd_electrons() -> None:
    assert "51 electrons" in odd_electrons(crystal("Sb"), PLAIN)
    assert odd_electrons(crystal("Sb", "Sb"), PLAIN) == ""
    assert odd_electrons(crystal("Sb"), MAGNETIC) == ""


@pytest.mark.parametrize(
    ("lower", "upper", "word"),
    [
        ([0.0, 0.1], [0.5, 0.9], ""),  # an insulator
        ([0.0, 0.5], [0.1, 0.9], ""),  # bands overlap, with a direct gap everywhere: antimony
        ([0.0, 0.5], [0.9, 0.5], ""),  # touching at the Fermi energy: mercury telluride, Dirac, Weyl
        ([0.0, 0.5], [0.0, 0.9], "overlap by 0.50 eV"),  # an ordinary metal
        ([0.0, 0.05], [0.0, 0.9], ""),  # a semimetal: its nodes are worth looking for
    ],
)
def test_only_metals_without_a_gap_stop(lower: list[float], upper: list[float], word: str) -> None:
    found = metal("static_soc", bands(lower, upper), PLAIN)
    assert (word in found) if word else not found
    assert metal("static", bands(lower, upper), PLAIN) == ""


def test_odd_bands() -> None:
    assert "odd number" in metal("bands_soc", bands([0.0], [1.0], 3), PLAIN)
    assert metal("bands_soc", bands([0.0], [1.0], 3), MAGNETIC) == ""
    assert "no whole number" in metal("bands_soc", bands([0.0], [1.0], 2.5), PLAIN)
