from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.topology.parities import (
    TRIMS,
    ParityError,
    from_signs,
    fu_kane,
    inversion_centre,
    odd_pairs_of_states,
)


def test_antimony_is_a_strong_topological_insulator() -> None:
    result = fu_kane(dict(zip(TRIMS, (6, 7, 7, 8, 7, 8, 8, 8), strict=True)), 15)
    assert str(result) == "1;(111)"
    assert result.z4 == 1
    assert result.z4_odd == 3


def test_an_inversion_at_one_momentum_is_strong_with_that_momentum_as_weak_vector() -> None:
    for inverted in TRIMS:
        result = from_signs({trim: [-1 if trim == inverted else 1, 1] for trim in TRIMS})
        assert result.nu == (1, *inverted)
        assert result.z4 == 3


def test_inversions_on_a_plane_are_weak_and_two_of_them_at_one_momentum_only_z4() -> None:
    weak = from_signs({trim: [-1 if trim in ((0, 0, 0), (0, 0, 1)) else 1] for trim in TRIMS})
    assert str(weak) == "0;(001)"
    double = from_signs({trim: [-1 if trim == (0, 0, 0) else 1] * 2 for trim in TRIMS})
    assert str(double) == "0;(000)"
    assert double.z4 == 2


@given(st.integers(1, 9), st.data())
def test_the_parity_of_z4_is_the_strong_index_and_trivial_bands_change_nothing(n: int, data) -> None:
    odd = {trim: data.draw(st.integers(0, n)) for trim in TRIMS}
    result = fu_kane(odd, n)
    assert result.z4 % 2 == result.nu[0]
    assert (result.z4 + result.z4_odd) % 4 == 0
    even = fu_kane(odd, n + 3)
    odd_everywhere = fu_kane({trim: count + 1 for trim, count in odd.items()}, n + 1)
    assert (even.nu, even.z4) == (result.nu, result.z4) == (odd_everywhere.nu, odd_everywhere.z4)


@given(st.lists(st.integers(0, 3), min_size=8, max_size=8), st.permutations(range(3)))
def test_axes_renamed_rename_the_weak_indices(counts: list[int], order: list[int]) -> None:
    odd = dict(zip(TRIMS, counts, strict=True))
    renamed = {tuple(trim[axis] for axis in order): count for trim, count in odd.items()}
    before, after = fu_kane(odd, 3), fu_kane(renamed, 3)
    assert after.nu == (before.nu[0], *(before.nu[1 + axis] for axis in order))


@pytest.mark.parametrize(
    ("odd", "pairs", "message"),
    [
        (dict.fromkeys(TRIMS[:-1], 1), 2, "missing"),
        (dict.fromkeys((*TRIMS, (2, 0, 0)), 1), 2, "unknown"),
        (dict.fromkeys(TRIMS, 3), 2, "3 odd Kramers pairs of 2"),
        (dict.fromkeys(TRIMS, 0.5), 2, r"0\.5 odd"),
        (dict.fromkeys(TRIMS, 0), 0, "whole number"),
        (dict.fromkeys(TRIMS, 0), 2.5, "whole number"),
    ],
)
def test_tables_that_are_none_are_refused(odd, pairs, message: str) -> None:
    with pytest.raises(ParityError, match=message):
        fu_kane(odd, pairs)


def test_states_that_do_not_pair_and_parities_that_are_none_are_refused() -> None:
    assert odd_pairs_of_states({(0, 0, 0): 4}) == {(0, 0, 0): 2}
    with pytest.raises(ParityError, match="3 inversion-odd states"):
        odd_pairs_of_states({(0, 0, 0): 3})
    with pytest.raises(ParityError, match="each is 1"):
        from_signs({trim: [0] for trim in product((0, 1), repeat=3)})
    with pytest.raises(ParityError, match="different numbers"):
        from_signs({trim: [1] * (1 + trim[0]) for trim in TRIMS})


FCC = 2.7 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])


@pytest.mark.parametrize("offset", [(0, 0, 0), (0.3, 0.1, -0.2), (-0.125, -0.125, -0.125)])
def test_an_inversion_centre_moved_to_the_origin_is_one_there(offset: tuple[float, ...]) -> None:
    diamond = np.array([[0, 0, 0], [0.25, 0.25, 0.25]]) + offset
    centre = inversion_centre(FCC, diamond, [14, 14])
    assert centre is not None
    moved = diamond - centre
    assert inversion_centre(FCC, moved, [14, 14]) == pytest.approx([0, 0, 0], abs=1e-6)
    away = moved[:, None] + moved[None]
    assert np.abs(away - np.rint(away)).max(axis=-1).min(axis=1) == pytest.approx([0, 0], abs=1e-6)


def test_zincblende_has_no_inversion_centre_and_rock_salt_has_it_at_its_atoms() -> None:
    assert inversion_centre(FCC, np.array([[0, 0, 0], [0.25, 0.25, 0.25]]), [31, 33]) is None
    rock_salt = np.array([[0, 0, 0], [0.5, 0.5, 0.5]]) + 1e-7
    assert inversion_centre(FCC, rock_salt, [50, 52]) == pytest.approx([0, 0, 0], abs=1e-5)
