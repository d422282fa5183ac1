"""Gaps from the electron count, whatever the Fermi energy."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from discovery.verification.eigenvalues import Eigenvalues, ElectronCountError


def make(energies: list[list[float]], electrons: float, **changes: Any) -> Eigenvalues:
    e = np.array(energies)
    n = len(e)
    facts: dict[str, Any] = {
        "kpoints": np.zeros((n, 3)),
        "weights": np.ones(n) / n,
        "energies": e,
        "occupations": np.zeros(e.shape),
        "fermi": 5.0,
        "n_electrons": electrons,
        "spin_orbit": True,
    }
    return Eigenvalues(**(facts | changes))


def test_gap_is_taken_at_the_electron_count() -> None:
    bands = make([[-1.0, 0.0, 1.0, 2.0], [-0.5, 0.2, 0.7, 1.5]], 2, fermi=1.8)
    assert bands.n_filled == 2
    assert bands.direct_gap == pytest.approx(0.5)
    assert bands.indirect_gap == pytest.approx(0.5)
    assert not bands.metallic
    assert (bands.highest_filled, bands.lowest_empty) == (0.2, 0.7)


def test_spinless_bands_hold_two_electrons() -> None:
    energies = [[-1.0, 0.0, 1.0, 2.0]]
    assert make(energies, 4, spin_orbit=False).n_filled == 2
    assert make(energies, 2, spin_orbit=False, spin_polarised=True).n_filled == 2
    with pytest.raises(ElectronCountError, match="3 electrons, 2 to a band"):
        _ = make(energies, 3, spin_orbit=False).n_filled
    assert make(energies, 2 + 5e-4).n_filled == 2
    with pytest.raises(ElectronCountError, match="no empty one"):
        _ = make(energies, 4).n_filled


def test_overlap_with_a_direct_gap_is_not_the_end_of_it() -> None:
    bands = make([[0.0, 1.0], [1.5, 2.0]], 1)
    assert bands.direct_gap == pytest.approx(0.5)
    assert bands.indirect_gap == pytest.approx(-0.5)
    assert bands.metallic


def test_true_gaps() -> None:
    bands = make([[0.0, 0.1, 5.0, 5.1, 9.0], [0.2, 0.3, 4.0, 4.5, 9.0]], 4)
    assert bands.true_gaps_below(4) == (2,)
    assert bands.true_gaps_below(5) == (2, 4)
    assert bands.gap_above(2) == pytest.approx(3.7)
    with pytest.raises(ValueError, match="no gap above band 5"):
        bands.gap_above(5)


@pytest.mark.parametrize(
    "changes",
    [
        {"kpoints": np.zeros((2, 3))},
        {"weights": np.ones(3)},
        {"energies": np.array([[1.0, 0.0]])},
        {"energies": np.array([[np.nan, 0.0]])},
        {"fermi": np.inf},
    ],
)
def test_arrays_that_do_not_fit(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        replace(make([[0.0, 1.0]], 1), **changes)
