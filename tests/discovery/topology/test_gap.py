import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.gap import find_gap, mesh_minima
from discovery.topology.tightbinding import HamiltonianError
from discovery.topology.zone import band_symmetries, bands_on_mesh, mesh_points, mesh_size, wrap
from tests.discovery.topology import models
from tests.discovery.topology.semimetals import (
    UNIMODULAR,
    moved,
    nodal_ring,
    other_cell,
    permuted,
    rotated,
    weyl_pair,
)

AWAY = (0.0313, -0.0711, 0.1234)


@pytest.mark.parametrize("gap_ev", [1e-3, 3e-4, 0.2])
def test_a_small_gap_off_the_mesh_is_found_and_not_called_closed(gap_ev: float) -> None:
    result = find_gap(moved(weyl_pair(1 + gap_ev / 2), AWAY), 1)
    assert result.direct_min_ev == pytest.approx(gap_ev, rel=1e-6)
    assert not result.closed
    np.testing.assert_allclose(result.k_direct, AWAY, atol=1e-4)
    ring = find_gap(moved(nodal_ring(0.6, gap_ev / 2), AWAY), 1)
    assert ring.direct_min_ev == pytest.approx(gap_ev, rel=1e-6)


@pytest.mark.parametrize("m", [-0.5, 0.3, 0.99, 0.9999, 1.0])
def test_a_crossing_off_the_mesh_is_closed_however_coarse_the_mesh(m: float) -> None:
    model = moved(weyl_pair(m), AWAY)
    for mesh in (None, 7, (6, 8, 10)):
        result = find_gap(model, 1, mesh)
        assert result.closed
        assert result.direct_min_ev < 1e-6


@pytest.mark.parametrize("m", [-3.4, -3.0005, -2.9995, -1.2, 0.3, 1.0005, 2.9])
def test_the_gap_of_the_wilson_dirac_model_is_that_of_its_lightest_momentum(m: float) -> None:
    lightest = min(abs(m + s) for s in (-3, -1, 1, 3))
    result = find_gap(models.wilson_dirac(m), 2)
    # Away from a transition the smallest gap may lie between the momenta and be smaller still.
    assert result.direct_min_ev <= 2 * lightest + 1e-9
    if lightest < 0.01:
        assert result.direct_min_ev == pytest.approx(2 * lightest, rel=1e-6)


def test_edges_of_bands_that_overlap_or_lie_apart_are_placed() -> None:
    model = weyl_pair(1.5, tilt=2.0)
    tilted = find_gap(model, 1)
    assert tilted.overlap
    assert tilted.indirect_ev < 0 < tilted.direct_min_ev
    k = np.random.default_rng(0).random((4000, 3))
    energies = model.bands(k)
    assert tilted.vbm >= energies[:, 0].max()
    assert tilted.cbm <= energies[:, 1].min()
    assert model.bands(tilted.k_vbm)[0] == pytest.approx(tilted.vbm, abs=1e-9)
    assert model.bands(tilted.k_cbm)[1] == pytest.approx(tilted.cbm, abs=1e-9)
    assert not find_gap(models.atomic_limit(), 2).overlap


def test_the_gap_of_haldane_at_k() -> None:
    result = find_gap(models.haldane(np.pi / 2, 0.2, 0.1), 1)
    assert result.direct_min_ev == pytest.approx(2 * (3 * np.sqrt(3) * 0.1 - 0.2), rel=1e-6)
    assert result.mesh[2] == 1


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(UNIMODULAR))
def test_the_gap_does_not_depend_on_the_description(seed: int, change: np.ndarray) -> None:
    rng = np.random.default_rng(seed)
    model = moved(weyl_pair(1.0 + rng.choice([1e-3, 0.3]), tilt=0.4), tuple(rng.random(3)))
    expected = find_gap(model, 1)
    for other in (rotated(model, seed), permuted(model, seed), other_cell(model, change)):
        found = find_gap(other, 1)
        assert found.direct_min_ev == pytest.approx(expected.direct_min_ev, rel=1e-5)
        assert found.indirect_ev == pytest.approx(expected.indirect_ev, abs=1e-6)


def test_symmetries_save_work_and_change_nothing() -> None:
    model = models.fu_kane_mele()
    symmetries = band_symmetries(model)
    assert len(symmetries) == 12
    size = mesh_size(model)
    assert all(n % 2 == 0 for n in size)
    sampled = bands_on_mesh(model, (6, 6, 6), symmetries)
    everywhere = model.bands(mesh_points((6, 6, 6))).reshape(6, 6, 6, 4)
    np.testing.assert_allclose(sampled, everywhere, atol=1e-9)


def test_minima_of_a_mesh_are_spread_out() -> None:
    values = np.ones((6, 6, 6))
    values[0, 0, :] = 0.0
    values[3, 3, 3] = 0.5
    found = mesh_minima(values, 10)
    assert len(found) == 10
    assert {tuple(row) for row in found[:3].tolist()} == {(0, 0, 0), (0, 0, 1 / 3), (0, 0, 2 / 3)}
    assert found[3].tolist() == [0.5, 0.5, 0.5]
    apart = np.abs(found[:, None] - found[None])
    steps = np.rint(6 * np.minimum(apart, 1 - apart)).max(axis=-1)
    assert steps[~np.eye(10, dtype=bool)].min() > 1


def test_points_are_folded_into_one_zone() -> None:
    np.testing.assert_allclose(wrap(np.array([0.5, -0.5, 1.25])), [0.5, 0.5, 0.25])


@pytest.mark.parametrize("n", [0, 2, -1])
def test_a_number_of_bands_without_a_gap_is_refused(n: int) -> None:
    with pytest.raises(HamiltonianError, match="give a number from 1 to 1"):
        find_gap(weyl_pair(0.5), n)
