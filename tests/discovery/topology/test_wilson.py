import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.links import circular_distance
from discovery.topology.loops import Lines, may_close, transport
from discovery.topology.plane import axis_plane
from discovery.topology.tightbinding import HamiltonianError
from discovery.topology.wilson import crossings, largest_gap, pairing_error, wilson_plane
from discovery.wannier.hr import read_model
from tests.discovery.topology import models


def test_centres_of_the_atomic_limit_are_where_the_orbital_is() -> None:
    position = np.array([0.3, 0.5, 0.1])
    model = models.atomic_limit(0.0, 0.3, split=-2.0)
    for axis in range(3):
        loop = transport([Lines(model, np.zeros((1, 3)), np.eye(3)[axis])], 2)[0][0]
        np.testing.assert_allclose(loop.centres, position[axis], atol=1e-9)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_a_loop_may_begin_anywhere(seed: int) -> None:
    k = np.random.default_rng(seed).random(3)
    moved = k + np.array([0, 0, np.random.default_rng(seed + 1).random()])
    model = models.fu_kane_mele()
    a, b = transport([Lines(model, np.array([k, moved]), np.array([0, 0, 1]))], 2, position_tolerance=1e-3)[0]
    assert circular_distance(a.centres, b.centres) < 2e-3


def test_a_finer_loop_has_the_same_centres() -> None:
    start = np.array([[0.11, 0.23, 0.0]])
    model = models.fu_kane_mele((1.05, 1.0, 1.0, 1.0))
    lines = Lines(model, start, np.array([0, 0, 1]))
    coarse = transport([lines], 2)[0][0]
    fine = transport([lines], 2, position_tolerance=1e-5)[0][0]
    assert len(fine.s) > len(coarse.s)
    assert circular_distance(coarse.centres, fine.centres) < 0.01


def test_small_pieces() -> None:
    assert largest_gap(np.array([0.1, 0.2, 0.9])) == pytest.approx((0.55, 0.7))
    assert largest_gap(np.array([0.3, 0.3])) == pytest.approx((0.8, 1.0))
    assert largest_gap(np.array([0.4])) == pytest.approx((0.9, 1.0))
    assert pairing_error(np.array([0.1, 0.1, 0.6, 0.6])) == 0.0
    assert pairing_error(np.array([0.0, 0.5, 0.5, 0.999])) == pytest.approx(0.001)
    assert pairing_error(np.array([0.1, 0.3, 0.6, 0.6])) == pytest.approx(0.2)
    assert crossings(np.array([0.1, 0.4, 0.9]), 0.3, 0.95) == 2
    assert circular_distance(np.array([0.01, 0.5]), np.array([0.49, 0.99])) == pytest.approx(0.02)


def test_gaps_that_may_close() -> None:
    x = np.arange(4.0)
    assert may_close(x, np.array([1.0, 0.3, 0.3, 1.0]))
    assert not may_close(x, np.array([1.0, 0.9, 0.9, 1.0]))
    assert not may_close(x, np.array([1.0, 0.8, 0.6, 0.4]))
    assert may_close(x, np.array([1.0, 0.9, 0.1, 0.4])), "a steep drop"


def test_planes_run_right_handed() -> None:
    for axis in range(3):
        origin, e1, e2 = axis_plane(axis, 0.5)
        np.testing.assert_array_equal(np.cross(e1, e2), np.eye(3)[axis])
        assert origin[axis] == 0.5


@pytest.mark.parametrize(
    "plane",
    [
        (np.array([0.25, 0, 0]), np.array([0, 1, 0]), np.array([0, 0, 1])),
        (np.zeros(3), np.array([0, 0.5, 0]), np.array([0, 0, 1])),
        (np.zeros(3), np.array([0, 0, 1]), np.array([0, 0, 1])),
    ],
)
def test_a_plane_without_time_reversal_is_refused(plane) -> None:
    with pytest.raises(HamiltonianError, match="TRIM"):
        wilson_plane(models.fu_kane_mele(), 2, plane)


def test_a_skew_plane_adds_its_trims() -> None:
    # k1 + k2 = 0 holds the TRIMs 000, 001, 110, 111; indices add up to ν1 + ν2 with the plane at 1/2.
    model = models.fu_kane_mele((1.0, 0.6, 1.0, 1.0))
    e1, e2 = np.array([1, -1, 0]), np.array([0, 0, 1])
    at_0 = wilson_plane(model, 2, (np.zeros(3), e1, e2)).z2
    at_half = wilson_plane(model, 2, (np.array([0.5, 0, 0]), e1, e2)).z2
    assert (at_0, at_half) == (1, 1)


def test_what_a_plane_says_about_itself() -> None:
    plane = wilson_plane(models.fu_kane_mele(), 2, axis_plane(0, 0.0))
    assert plane.centres.shape == (len(plane.k), 2)
    assert (plane.centres >= 0).all()
    assert (plane.centres < 1).all()
    assert plane.k[0] == 0
    assert plane.k[-1] == 0.5
    assert plane.position_error <= 0.01
    assert plane.n_points >= 16 * len(plane.k)
    gap = np.diff(models.fu_kane_mele().bands(plane.k_direct_gap)[1:3])[0]
    assert gap == pytest.approx(plane.direct_gap)


def test_centres_are_those_of_wanniertools(shared) -> None:
    # Its first file: plane k1 = 0, a quarter of the way; 18 centres, in the atomic gauge as here.
    folder = shared / "cases" / "Bi2Se3-wanniertools"
    table = np.loadtxt(folder / "z2" / "wanniercenter3D_Z2_1.dat")
    expected = np.sort(table[np.isclose(table[:, 0], 0.5), 1] % 1.0)
    model = read_model(folder)
    b2, b3 = np.eye(3, dtype=int)[1:]
    distances = []
    for e1, e2 in ((b2, b3), (b3, b2)):
        plane = wilson_plane(model, 18, (np.zeros(3), e1, e2))
        ours = plane.centres[np.flatnonzero(plane.k == 0.25)[0]]
        distances += [circular_distance(ours, expected), circular_distance(np.sort(-ours % 1.0), expected)]
    assert min(distances) < 0.01
