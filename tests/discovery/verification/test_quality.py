"""Distances of Wannier bands from those they stand for."""

import numpy as np
import pytest

from discovery.verification.eigenvalues import Eigenvalues
from discovery.verification.quality import BandsDifferError, band_distance, fermi_energy
from tests.discovery.topology.models import wilson_dirac

K = np.random.default_rng(0).random((40, 3))


def functional(energies: np.ndarray, electrons: float, fermi: float = 0.0) -> Eigenvalues:
    n = len(energies)
    return Eigenvalues(
        K, np.ones(n) / n, np.sort(energies, axis=1), np.zeros(energies.shape), fermi, electrons, True
    )


def test_distance_is_measured_where_it_counts() -> None:
    model = wilson_dirac(2.0)
    own = model.bands(K)
    deep, high = np.full((len(K), 2), -50.0), np.full((len(K), 2), 30.0)
    moved = own.copy()
    moved[7, 1] -= 0.04
    found = band_distance(model, functional(np.hstack([deep, moved, high]), 4), 2)
    assert found.largest == found.largest_filled == pytest.approx(0.04)
    assert found.largest_at == pytest.approx(moved[7, 1] - fermi_energy(functional(moved, 2)))
    # one of 80 filled states, and a few empty ones below E_F + 2 eV
    assert 0.04 / np.sqrt(160) < found.eta < 0.04 / np.sqrt(80)
    shifted = band_distance(model, functional(np.hstack([deep, own - 0.025, high]), 4), 2)
    assert shifted.eta == pytest.approx(0.025)
    gap = (own[:, 2] - own[:, 1]).min()
    assert shifted.limit == pytest.approx(gap / 10)
    assert gap > 1
    far = own.copy()
    far[:, 2:] += np.where(own[:, 2:] > 3.2, 0.5, 0.0)  # above E_F + 2 eV nobody promised anything
    high_up = band_distance(model, functional(np.hstack([deep, far, high]), 4), 2)
    assert high_up.largest == pytest.approx(0, abs=1e-9)
    assert high_up.eta < 1e-3


def test_a_missing_band_shows() -> None:
    model = wilson_dirac(2.0)
    own = model.bands(K)
    fewer = np.hstack([own[:, :2], np.full((len(K), 2), 0.0), np.full((len(K), 2), 30.0)])
    found = band_distance(model, functional(fewer, 2), 0)
    assert found.largest > 0.5
    assert found.eta > 0.5
    assert found.largest_filled < 1e-9


def test_a_lower_limit_compares_less() -> None:
    model = wilson_dirac(2.0)
    own = model.bands(K)
    own[:, 2:] += 0.3
    bands = functional(np.hstack([own, np.full((len(K), 2), 30.0)]), 2, fermi=float(own[:, 1].max()))
    assert band_distance(model, bands, 0, above=6.0).largest == pytest.approx(0.3)
    low = band_distance(model, bands, 0, above=0.1)
    assert low.largest < 1e-9
    assert low.eta < 0.01


def test_too_few_wannier_functions() -> None:
    flat = np.tile(np.linspace(-1, 1, 8), (len(K), 1))
    with pytest.raises(BandsDifferError, match="6 filled bands"):
        band_distance(wilson_dirac(2.0), functional(flat, 6), 0)


def test_fermi_energy_lies_in_the_gap() -> None:
    energies = np.tile([-1.0, 0.0, 1.0], (len(K), 1))
    assert fermi_energy(functional(energies, 2, fermi=7.0)) == 1.0
    assert fermi_energy(functional(energies, 2, fermi=0.3)) == 0.3
    metal = np.stack([np.linspace(0, 2, len(K)), np.linspace(1, 3, len(K))], axis=1)
    assert fermi_energy(functional(metal, 1, fermi=1.4)) == 1.4
