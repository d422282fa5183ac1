import numpy as np
import pytest
import spglib

from xbert.fillings import _GRID, _multiplicities_of, allows_insulator, multiplicities


@pytest.mark.parametrize(
    ("group", "least"),
    # Least fillings of insulators: H. Watanabe et al., PRL 117, 096404 (2016), Table I.
    [
        (4, 4),
        (14, 4),
        (19, 8),
        (61, 8),
        (73, 8),
        (106, 8),
        (110, 8),
        (133, 8),
        (142, 8),
        (220, 12),
        (230, 16),
    ],
)
def test_nonsymmorphic_groups_need_more_electrons(group: int, least: int) -> None:
    assert 2 * multiplicities(group)[0] == least
    counts = np.arange(1, least + 1)
    allowed = allows_insulator(np.full(least, group), counts)
    assert counts[allowed].tolist() == [least]


def test_symmorphic_groups_take_any_even_count() -> None:
    counts = np.arange(12)
    for group in (1, 2, 16, 166, 216, 225):
        np.testing.assert_array_equal(allows_insulator(np.full(12, group), counts), counts % 2 == 0)


def test_positions_add_up() -> None:
    # 220 has positions of 6 and 8: 14 pairs are 6 + 8, 10 pairs are nothing.
    assert multiplicities(220) == (6, 8)
    assert allows_insulator(np.full(4, 220), np.array([28, 20, 16, 40])).tolist() == [True, False, True, True]


def test_the_table_is_what_the_operations_give() -> None:
    axis = np.arange(_GRID) / _GRID
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    numbers = [spglib.get_spacegroup_type(hall_number).number for hall_number in range(1, 531)]
    for group in (19, 61, 220):
        assert _multiplicities_of(numbers.index(group) + 1, points) == multiplicities(group)
