"""Facts about the 230 space groups: classes, inversion, symmetry-indicator groups."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np

SymmetryWord = Literal["centrosymmetric", "chiral polar", "chiral", "polar", "noncentrosymmetric"]

CRYSTAL_SYSTEMS = (
    ("triclinic", 2),
    ("monoclinic", 15),
    ("orthorhombic", 74),
    ("tetragonal", 142),
    ("trigonal", 167),
    ("hexagonal", 194),
    ("cubic", 230),
)

# Point group → Laue class (the centrosymmetric point group it becomes when inversion is added).
LAUE_CLASS = {
    "1": "-1", "-1": "-1",
    "2": "2/m", "m": "2/m", "2/m": "2/m",
    "222": "mmm", "mm2": "mmm", "mmm": "mmm",
    "4": "4/m", "-4": "4/m", "4/m": "4/m",
    "422": "4/mmm", "4mm": "4/mmm", "-42m": "4/mmm", "4/mmm": "4/mmm",
    "3": "-3", "-3": "-3",
    "32": "-3m", "3m": "-3m", "-3m": "-3m",
    "6": "6/m", "-6": "6/m", "6/m": "6/m",
    "622": "6/mmm", "6mm": "6/mmm", "-6m2": "6/mmm", "6/mmm": "6/mmm",
    "23": "m-3", "m-3": "m-3",
    "432": "m-3m", "-43m": "m-3m", "m-3m": "m-3m",
}  # fmt: skip

_CHIRAL = {"1", "2", "222", "4", "422", "3", "32", "6", "622", "23", "432"}
_POLAR = {"1", "2", "m", "mm2", "4", "4mm", "3", "3m", "6", "6mm"}

# Indicator groups with spin-orbit coupling and time reversal: H. C. Po, A. Vishwanath, H. Watanabe,
# Nat. Commun. 8, 50 (2017), Table 3. Groups that are not listed have the trivial group.
_INDICATOR_GROUPS: dict[str, tuple[int | range, ...]] = {
    "Z2": (81, 82, range(111, 123), range(215, 221)),
    "Z3": (188, 190),
    "Z4": (52, 56, 58, range(60, 63), 70, 88, 126, 130, 133, range(135, 139), 141, 142, 163, 165, 167, 202,
           203, 205, 222, 223, 227, 228, 230),
    "Z8": (128, 225, 226),
    "Z12": (176, range(192, 195)),
    "Z2×Z4": (14, 15, 48, 50, range(53, 56), 57, 59, 63, 64, 66, 68, range(71, 75), range(84, 87), 125, 129,
              131, 132, 134, 147, 148, 162, 164, 166, 200, 201, 204, 206, 224),
    "Z2×Z8": (87, 124, 139, 140, 229),
    "Z3×Z3": (174, 187, 189),
    "Z4×Z8": (127, 221),
    "Z6×Z12": (175, 191),
    "Z2×Z2×Z4": (11, 12, 13, 49, 51, 65, 67, 69),
    "Z2×Z4×Z8": (83, 123),
    "Z2×Z2×Z2×Z4": (2, 10, 47),
}  # fmt: skip
TRIVIAL_INDICATOR = "trivial"


@dataclass(frozen=True, slots=True)
class SpaceGroup:
    """One of the 230 space groups.

    Attributes:
        number: 1–230.
        symbol: short Hermann–Mauguin symbol, such as ``Fm-3m``.
        point_group: Hermann–Mauguin symbol of the point group.
        laue_class: the centrosymmetric point group of the diffraction pattern.
        crystal_system: one of seven.
        symmetry: centrosymmetric, or what the lack of inversion leaves (chiral, polar, both, neither).
        indicator_group: symmetry-indicator group with SOC and time reversal, ``trivial`` or like ``Z2×Z4``.
    """

    number: int
    symbol: str
    point_group: str
    laue_class: str
    crystal_system: str
    symmetry: SymmetryWord
    indicator_group: str

    @property
    def inversion(self) -> bool:
        """Whether the group contains inversion."""
        return self.symmetry == "centrosymmetric"

    @property
    def undiagnosable(self) -> bool:
        """Whether no symmetry eigenvalue can reveal topology (trivial indicator group)."""
        return self.indicator_group == TRIVIAL_INDICATOR

    @property
    def words(self) -> tuple[str, str, str, str, str]:
        """The five words of the space group: symbol, point group, crystal system, Laue class, symmetry."""
        return self.symbol, self.point_group, self.crystal_system, self.laue_class, self.symmetry


@cache
def space_group(number: int) -> SpaceGroup:
    """Return the facts of space group ``number``.

    Raises:
        ValueError: if there is no such group.
    """
    if not 1 <= number <= 230:
        raise ValueError(f"no space group {number}: the numbers are 1 to 230")
    return all_space_groups()[number - 1]


def group_flags(spacegroup: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (inversion, undiagnosable), two (n,) bool arrays, of space-group numbers."""
    groups = [space_group(int(number)) for number in spacegroup]
    return (
        np.array([g.inversion for g in groups], dtype=bool),
        np.array([g.undiagnosable for g in groups], dtype=bool),
    )


@cache
def all_space_groups() -> tuple[SpaceGroup, ...]:
    """Return the 230 space groups in order; symbols and point groups are spglib's."""
    from spglib import get_spacegroup_type

    indicators = _indicator_of_group()
    first_settings: dict[int, tuple[str, str]] = {}
    for hall in range(1, 531):
        setting = get_spacegroup_type(hall)
        assert setting is not None  # every Hall number has one
        first_settings.setdefault(
            setting.number, (setting.international_short, setting.pointgroup_international)
        )
    groups = []
    for number, (symbol, point_group) in sorted(first_settings.items()):
        system = next(name for name, last in CRYSTAL_SYSTEMS if number <= last)
        groups.append(
            SpaceGroup(
                number,
                symbol,
                point_group,
                LAUE_CLASS[point_group],
                system,
                _symmetry_word(point_group),
                indicators.get(number, TRIVIAL_INDICATOR),
            )
        )
    return tuple(groups)


def _indicator_of_group() -> dict[int, str]:
    return {
        number: name
        for name, members in _INDICATOR_GROUPS.items()
        for member in members
        for number in (member if isinstance(member, range) else (member,))
    }


def _symmetry_word(point_group: str) -> SymmetryWord:
    if LAUE_CLASS[point_group] == point_group:
        return "centrosymmetric"
    chiral, polar = point_group in _CHIRAL, point_group in _POLAR
    if chiral:
        return "chiral polar" if polar else "chiral"
    return "polar" if polar else "noncentrosymmetric"
