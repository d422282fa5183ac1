import numpy as np
import pytest

from discovery.topology.chern import chern_number
from discovery.topology.loops import CLOSED
from discovery.topology.plane import axis_plane
from discovery.topology.tightbinding import HamiltonianError
from tests.discovery.topology import models

LAYER = axis_plane(2, 0.0)
CRITICAL = 3 * np.sqrt(3) * 0.1


@pytest.mark.parametrize("phi", [np.pi / 2, -np.pi / 2])
@pytest.mark.parametrize("distance", [-0.3, -1e-2, -1e-3, 1e-3, 1e-2, 0.3])
@pytest.mark.parametrize("sign", [-1, 1])
def test_haldane_through_both_transitions(phi: float, distance: float, sign: int) -> None:
    result = chern_number(models.haldane(phi, sign * (CRITICAL + distance)), 1, LAYER)
    expected = 0 if distance > 0 else -int(np.sign(phi))
    assert (result.fukui, result.wilson) == (expected, expected)
    assert result.agree
    assert not result.reason


def test_at_the_transition_there_is_no_number() -> None:
    result = chern_number(models.haldane(np.pi / 2, CRITICAL), 1, LAYER)
    assert not result.agree
    assert result.reason
    assert result.direct_gap < 10 * CLOSED


@pytest.mark.parametrize(("kz", "inside"), [(0.0, False), (0.199, False), (0.201, True), (0.5, True)])
def test_planes_between_weyl_nodes_carry_a_chern_number(kz: float, inside: bool) -> None:
    result = chern_number(models.weyl(0.2), 1, axis_plane(2, kz))
    assert (result.fukui, result.wilson) == ((-1, -1) if inside else (0, 0))


def test_the_sign_is_that_of_the_berry_curvature() -> None:
    model = models.haldane(np.pi / 2, 0.2)
    step = 1e-3
    total = 0.0
    mesh = (np.arange(60) + 0.5) / 60
    k = np.stack([*np.meshgrid(mesh, mesh, indexing="ij"), np.zeros((60, 60))], axis=-1)
    energies, states = model.states(k, "atomic")

    def derivative(axis: int) -> np.ndarray:
        shift = step * np.eye(3)[axis]
        return (model.hamiltonian(k + shift, "atomic") - model.hamiltonian(k - shift, "atomic")) / (2 * step)

    low, high = states[..., 0], states[..., 1]
    elements = [np.einsum("xyi,xyij,xyj->xy", low.conj(), derivative(axis), high) for axis in (0, 1)]
    curvature = -2.0 * (elements[0] * elements[1].conj()).imag / (energies[..., 1] - energies[..., 0]) ** 2
    total = curvature.mean() / (2 * np.pi)
    assert total == pytest.approx(chern_number(model, 1, LAYER).fukui, abs=0.02)


@pytest.mark.parametrize("seed", range(30))
def test_a_small_pocket_is_not_overlooked(seed: int) -> None:
    rng = np.random.default_rng(seed)
    radius, coupling = 10 ** rng.uniform(-2, 0, 2)
    model = models.small_pocket(radius, coupling, tuple(rng.random(2)), spinful=False)
    result = chern_number(model, 1, LAYER)
    assert result.agree or result.direct_gap < CLOSED
    assert result.fukui in (-1, None)


def test_time_reversal_leaves_none_and_the_plane_may_lie_anywhere() -> None:
    for plane in (LAYER, axis_plane(0, 0.5), (np.zeros(3), np.array([1, -1, 0]), np.array([0, 0, 1]))):
        result = chern_number(models.fu_kane_mele(), 2, plane)
        assert (result.fukui, result.wilson) == (0, 0)


def test_swapping_the_vectors_turns_the_sign() -> None:
    origin, e1, e2 = LAYER
    there = chern_number(models.haldane(), 1, (origin, e1, e2))
    back = chern_number(models.haldane(), 1, (origin, e2, e1))
    assert there.fukui == -back.fukui
    assert abs(there.fukui) == 1
    assert there.wilson == -back.wilson


@pytest.mark.parametrize("occupied", [0, 2, 3])
def test_impossible_bands_are_refused(occupied: int) -> None:
    with pytest.raises(HamiltonianError, match=str(occupied)):
        chern_number(models.haldane(), occupied, LAYER)


def test_no_plane_is_refused() -> None:
    with pytest.raises(HamiltonianError, match="plane"):
        chern_number(models.haldane(), 1, (np.zeros(3), np.array([0.5, 0, 0]), np.array([0, 1, 0])))
