"""Classes of crystals that are left out whole, to see whether a model carries over to what it never saw."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from xbert.features import Features
from xbert.spacegroups import space_group
from xbert.training.splits import formula_fold

Fold = tuple[str, np.ndarray, np.ndarray]
"""(name, rows to train on, rows to test on)."""


def crystal_systems(features: Features) -> list[str]:
    """Return the crystal system of each of n crystals."""
    return [space_group(int(number)).crystal_system for number in features.spacegroup]


def laue_classes(features: Features) -> list[str]:
    """Return the Laue class of each of n crystals."""
    return [space_group(int(number)).laue_class for number in features.spacegroup]


def prototypes(features: Features) -> list[str]:
    """Return the structure prototype of each of n crystals, such as ``AB3C 221 ×1``.

    Anonymous formula, space-group number and formula units in the primitive cell. Wyckoff positions are not
    compared: two prototypes may share a name, one prototype never has two.
    """
    names = []
    for row, number in enumerate(features.spacegroup):
        atoms = features.numbers[features.offsets[row] : features.offsets[row + 1]]
        amounts = np.sort(np.unique(atoms, return_counts=True)[1])
        units = int(np.gcd.reduce(amounts))
        letters = (
            _letter(place) + (str(amount) if amount > 1 else "")
            for place, amount in enumerate((amounts // units).tolist())
        )
        names.append(f"{''.join(letters)} {number} ×{units}")
    return names


CLASSES_BY: dict[str, Callable[[Features], list[str]]] = {
    "crystal system": crystal_systems,
    "Laue class": laue_classes,
    "prototype": prototypes,
}


def leave_one_out(
    classes: Sequence[str], keys: Sequence[str], rows: np.ndarray, least: int = 1
) -> Iterator[Fold]:
    """Leave out each class that has at least ``least`` of ``rows``.

    Formulas of the class left out are not trained on either: a polymorph would give the answer away.

    Args:
        classes: of n crystals.
        keys: their formula keys.
        rows: the labelled ones.
        least: smallest class that is left out.
    """
    names = np.array(classes)[rows]
    for name in sorted(set(names.tolist())):
        inside = names == name
        if inside.sum() >= least:
            yield _without_formulas(name, keys, rows, inside)


def leave_parts_out(
    classes: Sequence[str], keys: Sequence[str], rows: np.ndarray, parts: int, seed: int = 0
) -> Iterator[Fold]:
    """Leave out ``parts`` groups of classes in turn, for classes too many to leave out one by one.

    A class falls whole into one part, chosen by the hash of its name; formulas as in ``leave_one_out``.
    """
    part = formula_fold([classes[row] for row in rows], parts, seed)
    for one in range(parts):
        yield _without_formulas(f"part {one + 1}", keys, rows, part == one)


def _without_formulas(name: str, keys: Sequence[str], rows: np.ndarray, inside: np.ndarray) -> Fold:
    test = rows[inside]
    held_out = {keys[row] for row in test}
    fresh = np.array([keys[row] not in held_out for row in rows], dtype=bool)
    return name, rows[fresh & ~inside], test


def _letter(place: int) -> str:
    return chr(ord("A") + place) if place < 26 else f"A{_letter(place - 26)}"
