import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from discovery.topology.surface_lattice import MillerError, SurfaceLattice, surface

CUBIC = 4.0 * np.eye(3)
FCC = 2.0 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
HEXAGONAL = np.array([[4.0, 0, 0], [-2.0, 2 * np.sqrt(3), 0], [0, 0, 9.0]])
indices = st.tuples(st.integers(-5, 5), st.integers(-5, 5), st.integers(-5, 5)).filter(any)


def random_lattice(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(3, 3)) * 3 + 4 * np.eye(3)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), indices)
def test_any_surface_has_a_reduced_cell_of_the_same_lattice(seed: int, miller: tuple) -> None:
    lattice = random_lattice(seed)
    assume(abs(np.linalg.det(lattice)) > 1)
    found = surface(lattice, miller)
    np.testing.assert_array_equal(found.in_plane @ found.miller, [0, 0])
    assert found.out @ found.miller == 1
    assert abs(round(np.linalg.det(found.cell))) == 1
    np.testing.assert_allclose(found.rotation @ found.rotation.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(found.rotation) == pytest.approx(1)
    rotated = found.lattice @ found.rotation.T
    np.testing.assert_allclose(rotated[:2, 2], 0, atol=1e-9)
    assert rotated[0, 1] == pytest.approx(0, abs=1e-9)
    assert np.linalg.det(rotated) > 0
    # no vector of the surface is shorter than the two chosen
    steps = np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4) if i or j])
    lengths = np.linalg.norm(steps @ found.plane, axis=1)
    chosen = np.sort(np.linalg.norm(found.plane, axis=1))
    assert chosen[0] <= lengths.min() * 1.002
    independent = steps[np.argmin(lengths)]
    others = np.abs(steps[:, 0] * independent[1] - steps[:, 1] * independent[0]) > 0
    assert chosen[1] <= lengths[others].min() * 1.002


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), indices)
def test_corners_of_the_path_lie_on_the_edge_of_the_zone(seed: int, miller: tuple) -> None:
    lattice = random_lattice(seed)
    assume(abs(np.linalg.det(lattice)) > 1)
    found = surface(lattice, miller)
    lattice_points = np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4) if i or j])
    for label, corner in zip(found.path.labels, found.path.corners, strict=True):
        own = np.linalg.norm(corner @ found.reciprocal)
        others = np.linalg.norm((corner - lattice_points) @ found.reciprocal, axis=1)
        if label == "Γ":
            assert own == 0
        else:
            assert own == pytest.approx(others.min(), rel=5e-3)
    halves = {tuple(np.mod(np.rint(2 * k), 2)) for k in found.path.corners if np.allclose(2 * k % 1, 0)}
    assert {(0.0, 0.0)} < halves


@pytest.mark.parametrize(
    ("lattice", "miller", "kind"),
    [
        (CUBIC, (0, 0, 1), "square"),
        (CUBIC, (1, 1, 0), "rectangular"),
        (CUBIC, (1, 1, 1), "hexagonal"),
        (CUBIC, (1, 1, 2), "rectangular"),
        (CUBIC, (1, 2, 3), "oblique"),
        (CUBIC, (1, 2, 2), "centred"),
        (FCC, (1, 1, 1), "hexagonal"),
        (FCC, (0, 1, 1), "square"),  # the conventional (100)
        (HEXAGONAL, (0, 0, 1), "hexagonal"),
        (HEXAGONAL, (1, 0, 0), "rectangular"),
        (HEXAGONAL, (1, 0, 1), "centred"),
        (np.array([[3, 1.5, 0], [3, -1.5, 0], [1.0, 0, 6]]), (0, 0, 1), "centred"),
        (np.array([[3, 0, 0], [1.5, 4, 0], [0, 0, 6.0]]), (0, 0, 1), "centred"),
        (np.array([[3, 0, 0], [1.0, 4, 0], [0, 0, 6.0]]), (0, 0, -1), "oblique"),
    ],
)
def test_the_kind_is_recognised_with_tolerance(lattice: np.ndarray, miller: tuple, kind: str) -> None:
    found = surface(lattice, miller)
    assert found.kind == kind
    blurred = lattice * (1 + 1e-5 * np.random.default_rng(0).normal(size=(3, 3)))
    assert surface(blurred, miller).kind == kind


def time_reversal_points(found: SurfaceLattice) -> int:
    twice = 2 * found.path.corners
    halves = twice[np.abs(twice - np.rint(twice)).max(axis=1) < 1e-6]
    return len({tuple(x) for x in np.rint(halves).astype(int) % 2})


def test_the_path_meets_every_kind_of_time_reversal_point() -> None:
    # one of the three is equivalent to another by symmetry in a square, centred or hexagonal zone
    expected = {"square": 3, "rectangular": 4, "hexagonal": 2, "centred": 3, "oblique": 4}
    for miller in [(0, 0, 1), (1, 1, 0), (1, 1, 1), (1, 2, 2), (1, 2, 3)]:
        found = surface(CUBIC, miller)
        assert time_reversal_points(found) == expected[found.kind]


def test_the_centred_path_follows_the_mirror_lines() -> None:
    for found in (surface(CUBIC, (1, 2, 2)), surface(HEXAGONAL, (1, 0, 1))):
        x, b = (found.path.corners[found.path.labels.index(name)] @ found.reciprocal for name in "XB")
        assert x @ b == pytest.approx(0, abs=1e-9)


def test_the_hexagonal_points_are_those_of_the_books() -> None:
    path = surface(HEXAGONAL, (0, 0, 1)).path
    assert path.labels == ("Γ", "M", "K", "Γ")
    to_m, to_k = np.linalg.norm(path.corners[1:3] @ path.reciprocal, axis=1)
    assert to_m == pytest.approx(2 * np.pi / (4 * np.sqrt(3)))
    assert to_k == pytest.approx(4 * np.pi / (3 * 4))
    found = surface(HEXAGONAL, (0, 0, 1))
    np.testing.assert_array_equal(found.cell, np.eye(3))
    assert found.spacing == pytest.approx(9.0)


def test_a_sampled_path_hits_its_corners_and_is_even() -> None:
    path = surface(HEXAGONAL, (1, 0, 0)).path
    k, distance, at = path.sample(101)
    assert k.shape == (101, 2)
    np.testing.assert_allclose(k[at], path.corners, atol=1e-12)
    steps = np.linalg.norm(np.diff(k, axis=0) @ path.reciprocal, axis=1)
    np.testing.assert_allclose(np.diff(distance), steps, atol=1e-9)
    assert steps.max() < 1.3 * steps.min()
    _, _, tight = path.sample(len(path.corners))
    np.testing.assert_array_equal(tight, np.arange(len(path.corners)))
    with pytest.raises(ValueError, match="cannot hit"):
        path.sample(3)


@pytest.mark.parametrize("miller", [(0, 0, 0), (1, 0), (1, 0.5, 0)])
def test_what_is_no_miller_index_is_refused(miller: tuple) -> None:
    with pytest.raises(MillerError, match="no Miller index"):
        surface(CUBIC, miller)


def test_a_common_factor_and_the_sign_of_the_normal() -> None:
    assert surface(CUBIC, (2, 0, 2)).miller == (1, 0, 1)
    up, down = surface(CUBIC, (0, 0, 1)), surface(CUBIC, (0, 0, -1))
    np.testing.assert_allclose(up.rotation[2], -down.rotation[2])
    assert up.lattice[2, 2] == 4
    assert down.lattice[2, 2] == -4
