import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from discovery.topology.orbitals import SHELLS, representation, shell_of


@settings(max_examples=10, deadline=None)
@given(st.sampled_from("spdf"), st.integers(0, 10_000), st.booleans())
def test_shells_carry_representations(shell: str, seed: int, improper: bool) -> None:
    first, second = (Rotation.random(random_state=seed + i).as_matrix() for i in (0, 1))
    if improper:
        first = -first
    a, b = representation(shell, first), representation(shell, second)
    np.testing.assert_allclose(a @ a.T, np.eye(len(SHELLS[shell])), atol=1e-10)
    np.testing.assert_allclose(representation(shell, first @ second), a @ b, atol=1e-10)


@pytest.mark.parametrize(
    ("normal", "signs"),
    [
        (0, {"s": 1, "px": -1, "py": 1, "pz": 1, "dxy": -1, "dyz": 1, "dxz": -1, "dx2-y2": 1, "dz2": 1}),
        (2, {"s": 1, "px": 1, "py": 1, "pz": -1, "dxy": 1, "dyz": -1, "dxz": -1, "dx2-y2": 1, "dz2": 1}),
    ],
)
def test_reflections_have_the_signs_of_the_functions(normal: int, signs: dict[str, int]) -> None:
    mirror = np.eye(3)
    mirror[normal, normal] = -1
    for orbital, sign in signs.items():
        shell = shell_of(orbital)
        place = SHELLS[shell].index(orbital)
        expected = np.zeros(len(SHELLS[shell]))
        expected[place] = sign
        np.testing.assert_allclose(representation(shell, mirror)[:, place], expected, atol=1e-12)


def test_a_quarter_turn_carries_px_to_py_to_minus_px() -> None:
    turn = np.array([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
    d = representation("p", turn)  # pz, px, py
    np.testing.assert_allclose(d, [[1, 0, 0], [0, 0, -1], [0, 1, 0]], atol=1e-12)


def test_inversion_has_the_parity_of_the_shell() -> None:
    for power, shell in enumerate("spdf"):
        np.testing.assert_allclose(
            representation(shell, -np.eye(3)), (-1) ** power * np.eye(2 * power + 1), atol=1e-10
        )


def test_hybrids_are_no_orbitals() -> None:
    with pytest.raises(ValueError, match="unknown orbital 'sp3'"):
        shell_of("sp3")
