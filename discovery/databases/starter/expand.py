"""Expand a prototype with numbers into the atoms of its conventional cell."""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache

import numpy as np

from discovery.databases.starter.facts import Fact
from xbert.crystals import Crystal

TERM = re.compile(r"([+-]?)(\d+/\d+|\d+\.?\d*|\.\d+)?([A-Za-z]\w*)?")
SAME = 0.05  # Å: images of one atom under rounded coordinates are closer, different atoms farther


def coordinate(text: str, values: Mapping[str, float]) -> float:
    """Evaluate a coordinate such as ``1/3``, ``0.25``, ``-x``, ``2x`` or ``1/2+z``.

    Raises:
        ValueError: the text is none of these, or names an unknown parameter.
    """
    terms = [match for match in TERM.finditer(text) if match.group()]
    if not terms or "".join(match.group() for match in terms) != text:
        raise ValueError(f"{text!r} is not a coordinate")
    total = 0.0
    for sign, number, name in (match.groups() for match in terms):
        if name is not None and name not in values:
            raise ValueError(f"{text!r} names no parameter of {sorted(values)}")
        size = float(Fraction(number)) if number else 1.0
        total += (-size if sign == "-" else size) * (values[name] if name else 1.0)
    return total


def lattice(cell: Sequence[float], spacegroup: int) -> np.ndarray:
    """Return the conventional cell, (3, 3) rows a, b, c in Å, from its free constants.

    Args:
        cell: the constants that the crystal system leaves free, lengths first (Å), then angles (degrees).
        spacegroup: its number gives the crystal system; trigonal groups are on hexagonal axes.

    Raises:
        ValueError: the wrong number of constants.
    """
    from ase.geometry import cellpar_to_cell

    systems = (
        (2, 6, lambda a, b, c, al, be, ga: (a, b, c, al, be, ga)),
        (15, 4, lambda a, b, c, be: (a, b, c, 90, be, 90)),
        (74, 3, lambda a, b, c: (a, b, c, 90, 90, 90)),
        (142, 2, lambda a, c: (a, a, c, 90, 90, 90)),
        (194, 2, lambda a, c: (a, a, c, 90, 90, 120)),
        (230, 1, lambda a: (a, a, a, 90, 90, 90)),
    )
    _, count, parameters = next(system for system in systems if spacegroup <= system[0])
    if len(cell) != count:
        raise ValueError(f"space group {spacegroup} leaves {count} lattice constants free, not {len(cell)}")
    return np.array(cellpar_to_cell(parameters(*cell)))


@cache
def standard_halls() -> dict[int, int]:
    """Return, by space group, the Hall number of the setting in which facts are entered.

    Unique axis b with cell choice 1, hexagonal axes, origin at the centre of inversion (choice 2).
    """
    import spglib

    halls: dict[int, dict[str, int]] = {}
    for hall in range(530, 0, -1):  # so that the first, standard setting of each choice is what stays
        if (kind := spglib.get_spacegroup_type(hall)) is not None:
            halls.setdefault(kind.number, {})[kind.choice] = hall
    order = ("2", "H", "b1", "b", "")
    return {number: next(by[c] for c in order if c in by) for number, by in halls.items()}


def orbit(point: np.ndarray, cell: np.ndarray, rotations: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Return all images of a point under a space group, (n, 3) fractional in [0, 1).

    A point within 0.05 Å of a special position is moved onto it first, so that rounded
    coordinates (0.6667) do not double the atom.
    """
    for _ in range(2):
        images = point @ rotations.transpose(0, 2, 1) + shifts
        offsets = images - point - np.round(images - point)
        near = np.linalg.norm(offsets @ cell, axis=1) < SAME
        point = point + offsets[near].mean(axis=0)
    points: list[np.ndarray] = []
    for image in point @ rotations.transpose(0, 2, 1) + shifts:
        offsets = np.array(points).reshape(-1, 3) - image
        if not np.any(np.linalg.norm((offsets - np.round(offsets)) @ cell, axis=1) < SAME):
            points.append(image)
    wrapped = np.round(np.array(points) % 1, 10) % 1
    return wrapped[np.lexsort(np.round(wrapped, 6).T[::-1])]


def expand(fact: Fact) -> Crystal:
    """Return the conventional cell of one crystal with all its atoms.

    Raises:
        ValueError: a coordinate that cannot be read, or the wrong number of lattice constants.
    """
    import spglib
    from ase.data import atomic_numbers

    prototype = fact.prototype
    cell = lattice(fact.cell, prototype.spacegroup)
    values = dict(zip(prototype.parameters, fact.free, strict=True))
    symmetry = spglib.get_symmetry_from_database(prototype.hall or standard_halls()[prototype.spacegroup])
    if symmetry is None:
        raise ValueError(f"{prototype.name}: there is no Hall number {prototype.hall}")
    numbers: list[int] = []
    points = []
    for site in prototype.sites:
        role, *position = site.split()
        point = np.array([coordinate(text, values) for text in position])
        images = orbit(point, cell, symmetry["rotations"], symmetry["translations"])
        numbers += [atomic_numbers[fact.atoms[role]]] * len(images)
        points.append(images)
    return Crystal(fact.id, cell, np.array(numbers), np.concatenate(points))
