from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xbert.overlaps import find_overlaps


def shortest(lattice: np.ndarray, frac: np.ndarray, reach: int) -> float:
    """Shortest distance by listing all images up to ``reach`` cells away."""
    shifts = np.array(list(product(range(-reach, reach + 1), repeat=3)), dtype=float)
    frac = frac - np.floor(frac)
    vectors = (frac[None, :, None] - frac[:, None, None] + shifts) @ lattice
    distances = np.linalg.norm(vectors, axis=-1)
    home = (shifts == 0).all(axis=1)
    distances[:, :, home] += np.eye(len(frac))[:, :, None] * 1e9
    return distances.min()


cells = arrays(float, (3, 3), elements=st.floats(-4, 4)).filter(lambda m: abs(np.linalg.det(m)) > 0.5)


@settings(max_examples=150, deadline=None)
@given(cells, arrays(float, (3, 3), elements=st.floats(-1, 2)))
def test_agrees_with_listing_all_images(lattice: np.ndarray, frac: np.ndarray) -> None:
    expected = shortest(lattice, frac, reach=6)
    heights = 1 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    if (0.5 / heights).max() > 5 or abs(expected - 0.5) < 1e-6:
        return
    found = find_overlaps(lattice[None], frac, np.array([0, 3]))
    assert len(found.rows) == (expected < 0.5)
    if len(found.rows):
        assert found.distances[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shift", [[0, 0, 0], [1, 0, 0], [-3, 2, 1]])
@pytest.mark.parametrize("place", [[0.0, 0, 0], [0.999, 0.001, 0.5], [0.5, 0.5, 0.999]])
def test_pairs_across_the_cell_boundary(shift: list[int], place: list[float]) -> None:
    frac = np.array([place, np.add(place, shift) + np.array([0.02, 0.01, 0.03]), [0.3, 0.3, 0.2]])
    found = find_overlaps(np.diag([5.0, 6, 7])[None], frac, np.array([0, 3]))
    assert found.pairs.tolist() == [[0, 1]]
    assert found.distances[0] == pytest.approx(np.linalg.norm([0.1, 0.06, 0.21]))


def test_an_atom_may_meet_its_own_image() -> None:
    # c is 8 Å long, yet c - 2a is 0.3 Å: only the reduced cell shows it.
    lattice = np.array([[4.0, 0, 0], [0, 5, 0], [8.0, 0, 0.3]])
    found = find_overlaps(lattice[None], np.array([[0.2, 0.2, 0.2]]), np.array([0, 1]))
    assert found.pairs.tolist() == [[0, 0]]
    assert found.distances[0] == pytest.approx(0.3)


def test_coinciding_atoms_in_small_and_large_cells() -> None:
    frac = np.array([[0.25, 0.5, 0.75]] * 4)
    found = find_overlaps(np.array([np.eye(3) * 0.9, np.eye(3) * 9]), frac, np.array([0, 2, 4]))
    assert found.rows.tolist() == [0, 1]
    np.testing.assert_allclose(found.distances, 0, atol=1e-12)


def test_rows_are_those_of_the_table_and_empty_crystals_pass() -> None:
    frac = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.1, 0, 0], [0.1, 0.05, 0], [0, 0, 0]])
    lattices = np.stack([np.eye(3) * 4, np.eye(3) * 0.9, np.eye(3) * 4, np.eye(3) * 0.4])
    found = find_overlaps(lattices, frac, np.array([0, 2, 2, 4, 5]))
    assert found.rows.tolist() == [2, 3]
    assert found.pairs.tolist() == [[0, 1], [0, 0]]
    nothing = find_overlaps(np.empty((0, 3, 3)), np.empty((0, 3)), np.array([0]))
    assert len(nothing.rows) == 0
