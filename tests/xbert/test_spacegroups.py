import numpy as np
import pytest

from xbert.spacegroups import all_space_groups, group_flags, space_group

# Po, Vishwanath, Watanabe 2017, as stated by the label sources' readers.
TRIVIAL = [
    *[1, *range(3, 10), *range(16, 47), *range(75, 81), *range(89, 111), *range(143, 147), *range(149, 162)],
    *[*range(168, 174), *range(177, 187), *range(195, 200), *range(207, 215)],
]
WITH_INDICATOR_WITHOUT_INVERSION = [81, 82, *range(111, 123), 174, *range(187, 191), *range(215, 221)]


def test_there_are_113_groups_that_symmetry_cannot_diagnose() -> None:
    assert [g.number for g in all_space_groups() if g.undiagnosable] == TRIVIAL
    assert len(TRIVIAL) == 113


def test_25_groups_lack_inversion_and_have_an_indicator() -> None:
    found = [g.number for g in all_space_groups() if not g.inversion and not g.undiagnosable]
    assert found == WITH_INDICATOR_WITHOUT_INVERSION


def test_inversion_agrees_with_the_operations_of_each_group() -> None:
    from spglib import get_symmetry_from_database

    inversions = {}
    halls = _first_hall_of_each_group()
    for number, hall in halls.items():
        rotations = get_symmetry_from_database(hall)["rotations"]
        inversions[number] = any((r == -np.eye(3)).all() for r in rotations)
    assert inversions == {g.number: g.inversion for g in all_space_groups()}


def test_laue_class_is_the_point_group_with_inversion_added() -> None:
    from spglib import get_symmetry_from_database

    orders = {
        g.number: {tuple(r.ravel()) for r in get_symmetry_from_database(hall)["rotations"]}
        for g, hall in zip(all_space_groups(), _first_hall_of_each_group().values(), strict=True)
    }
    by_point_group = {g.point_group: len(orders[g.number]) for g in all_space_groups()}
    for g in all_space_groups():
        both = orders[g.number] | {tuple(-x for x in r) for r in orders[g.number]}
        assert len(both) == by_point_group[g.laue_class]


def test_indicator_groups_of_well_known_crystals() -> None:
    known = {2: "Z2×Z2×Z2×Z4", 166: "Z2×Z4", 225: "Z8", 194: "Z12", 216: "Z2", 187: "Z3×Z3", 141: "Z4"}
    assert {n: space_group(n).indicator_group for n in known} == known


def test_words_of_rock_salt() -> None:
    assert space_group(225).words == ("Fm-3m", "m-3m", "cubic", "m-3m", "centrosymmetric")


@pytest.mark.parametrize("number", [0, 231, -1])
def test_a_number_that_is_no_space_group_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 230"):
        space_group(number)


def test_flags_of_several_groups() -> None:
    inversion, undiagnosable = group_flags(np.array([225, 216, 31]))
    assert inversion.tolist() == [True, False, False]
    assert undiagnosable.tolist() == [False, False, True]


def _first_hall_of_each_group() -> dict[int, int]:
    from spglib import get_spacegroup_type

    halls: dict[int, int] = {}
    for hall in range(1, 531):
        halls.setdefault(get_spacegroup_type(hall).number, hall)
    return dict(sorted(halls.items()))
