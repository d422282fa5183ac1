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
    bands = functional(np.hstack([deep, moved, high]), 4)
    assert band_distance(model, bands, 2) == pytest.approx((0.04, 0.04 / np.sqrt(counted(bands))), rel=1e-6)
    far = own.copy()
    far[:, 2:] += np.where(own[:, 2:] > 2.2, 0.5, 0.0)  # above E_F + 2 eV nobody promised anything
    assert band_distance(model, functional(np.hstack([deep, far, high]), 4), 2)[0] < 1e-9


def counted(bands: Eigenvalues) -> int:
    wanted = bands.energies[:, 2:] <= fermi_energy(bands) + 2.0
    wanted[:, :2] = True
    return int(wanted.sum())


def test_a_missing_band_shows() -> None:
    model = wilson_dirac(2.0)
    own = model.bands(K)
    fewer = np.hstack([own[:, :2], np.full((len(K), 2), 0.0), np.full((len(K), 2), 30.0)])
    assert band_distance(model, functional(fewer, 2), 0)[0] > 0.5


def test_a_lower_limit_compares_less() -> None:
    model = wilson_dirac(2.0)
    own = model.bands(K)
    own[:, 2:] += 0.3
    bands = functional(np.hstack([own, np.full((len(K), 2), 30.0)]), 2, fermi=float(own[:, 1].max()))
    assert band_distance(model, bands, 0, above=6.0)[0] == pytest.approx(0.3)
    assert band_distance(model, bands, 0, above=0.1)[0] < 1e-9


def test_too_few_wannier_functions() -> None:
    flat = np.tile(np.linspace(-1, 1, 8), (len(K), 1))
    with pytest.raises(BandsDifferError, match="8 bands lie below"):
        band_distance(wilson_dirac(2.0), functional(flat, 2), 0)


def test_fermi_energy_lies_in_the_gap() -> None:
    energies = np.tile([-1.0, 0.0, 1.0], (len(K), 1))
    assert fermi_energy(functional(energies, 2, fermi=7.0)) == 1.0
    assert fermi_energy(functional(energies, 2, fermi=0.3)) == 0.3
    metal = np.stack([np.linspace(0, 2, len(K)), np.linspace(1, 3, len(K))], axis=1)
    assert fermi_energy(functional(metal, 1, fermi=1.4)) == 1.4
