"""The atom sites that a CIF block lists: elements, coordinates and occupancies."""

import re
from dataclasses import dataclass
from functools import lru_cache

import gemmi
import numpy as np

from xbert.reading.cif_symmetry import find_column, find_value
from xbert.reading.records import UnreadableError, disorder

FULL = 0.005
"""How far an occupancy may be from one."""
SAME_POSITION = 1e-3
"""Fractional; sites nearer than this share one position."""

_COUNT = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)")
# Scattering factors of valence-bonded carbon and silicon.
_VALENCE = {"Cval": "C", "Siva": "Si"}
_LETTERS = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class Sites:
    """The sites of the asymmetric unit.

    Attributes:
        numbers: (n,) atomic numbers.
        frac_coords: (n, 3).
        multiplicities: n stated multiplicities; empty where the file states none.
    """

    numbers: np.ndarray
    frac_coords: np.ndarray
    multiplicities: list[int]


def read_sites(block: gemmi.cif.Block, formula: dict[int, float]) -> Sites:
    """Read the sites of a block.

    Args:
        block: with ``_atom_site_fract_x``.
        formula: stated atoms of each element; tells Ca1 from a carbon named CA1.

    Raises:
        UnreadableError: a site is disordered, has no place or no known element.
    """
    axes = [find_column(block, [f"_atom_site_fract_{axis}"]) for axis in "xyz"]
    n = len(axes[0])
    labels = find_column(block, ["_atom_site_label"])
    types = find_column(block, ["_atom_site_type_symbol"])
    labels = labels or types
    flags = find_column(block, ["_atom_site_calc_flag"]) or ["?"] * n
    occupancies = find_column(block, ["_atom_site_occupancy"]) or ["?"] * n
    if {len(axes[1]), len(axes[2]), len(labels), len(types or labels), len(flags), len(occupancies)} != {n}:
        raise UnreadableError(
            "its sites lack a coordinate or a label", "give label, x, y and z of each site in one loop"
        )
    frac = np.array([[_coordinate(text) for text in axis] for axis in axes]).T
    rows = [row for row in range(n) if flags[row] != "dum"]
    if not rows:
        raise UnreadableError("it has only dummy atoms", "export the real atoms")
    for row in rows:
        if not np.isfinite(frac[row]).all():
            raise UnreadableError(
                f"site {labels[row]} has the coordinates {', '.join(axis[row] or '?' for axis in axes)}",
                "give every atom finite fractional coordinates, or leave it out",
            )
    numbers = [_atomic_number(types[row] if types else "", labels[row], tuple(formula)) for row in rows]
    values = [_occupancy(occupancies[row], labels[row]) for row in rows]
    chosen = _ordered(values, numbers, frac[rows], [labels[row] for row in rows])
    rows, numbers = [rows[i] for i in chosen], [numbers[i] for i in chosen]
    stated = find_column(block, ["_atom_site_symmetry_multiplicity", "_atom_site_site_symmetry_multiplicity"])
    countable = len(stated) == n and all(map(str.isdigit, stated))
    multiplicities = [int(stated[row]) for row in rows] if countable else []
    return Sites(np.array(numbers, dtype=np.int64), frac[rows], multiplicities)


def stated_formula(block: gemmi.cif.Block) -> dict[int, float]:
    """Atoms of each element in ``_chemical_formula_sum``; empty where there is none that can be read."""
    text = find_value(block, ["_chemical_formula_sum"]) or ""
    counts: dict[int, float] = {}
    for token in text.split():
        match = _COUNT.fullmatch(token)
        number = _element(match[1]) if match else 0
        if not match or not number:
            return {}
        counts[number] = counts.get(number, 0.0) + float(match[2] or 1)
    return counts


def composition(numbers: np.ndarray) -> dict[int, float]:
    """Atoms of each element."""
    return {int(z): float(count) for z, count in zip(*np.unique(numbers, return_counts=True), strict=True)}


def _coordinate(text: str) -> float:
    """Read a coordinate; 0.3333 and its like, written without uncertainty, are the sixths they stand for."""
    value = gemmi.cif.as_number(text)
    if not abs(value) < 1e6 or abs(6 * value - round(6 * value)) > 6e-3 or not text[-1].isdigit():
        return value
    sixth = round(6 * value) / 6
    digits = len(text.partition(".")[2])
    last = round(value * 10**digits)
    rounded_or_cut = (round(sixth * 10**digits), int(sixth * 10**digits))
    return sixth if digits >= 3 and last in rounded_or_cut else value


def _occupancy(text: str, label: str) -> float:
    if gemmi.cif.is_null(text) or not text:
        return 1.0
    value = gemmi.cif.as_number(text)
    if not np.isfinite(value):
        raise UnreadableError(f"site {label} has the occupancy {text}", "give a number between 0 and 1")
    return value


def _ordered(
    occupancies: list[float], numbers: list[int], frac_coords: np.ndarray, labels: list[str]
) -> list[int]:
    """Return the sites that one atom fills; Fe2+ and Fe3+ sharing a site are one iron atom."""
    chosen: list[int] = []
    shared: set[int] = set()
    for i, occupancy in enumerate(occupancies):
        if i in shared:
            continue
        chosen.append(i)
        if abs(occupancy - 1) <= FULL:
            continue
        apart = frac_coords - frac_coords[i]
        together = np.flatnonzero((np.abs(apart - np.rint(apart)) < SAME_POSITION).all(axis=1)).tolist()
        if len({numbers[j] for j in together}) > 1 or abs(sum(occupancies[j] for j in together) - 1) > FULL:
            shares: dict[str, float] = {}
            for j in together:
                symbol = gemmi.Element(numbers[j]).name
                shares[symbol] = shares.get(symbol, 0.0) + occupancies[j]
            raise disorder(labels[i], shares)
        shared.update(together)
    return chosen


@lru_cache(maxsize=4096)
def _atomic_number(type_symbol: str, label: str, formula: tuple[int, ...]) -> int:
    """Atomic number from a type symbol such as Fe3+, else from a label such as Fe1A."""
    if type_symbol and not gemmi.cif.is_null(type_symbol):
        letters = _LETTERS.match(type_symbol)
        number = _element(_VALENCE.get(letters[0], letters[0])) if letters else 0
        if not number:
            raise _unknown(label, type_symbol)
        return number
    letters = _LETTERS.match(label)
    if not letters:
        raise _unknown(label, label)
    word = letters[0]
    two, one = (_element(word[:2]) if len(word) > 1 else 0), _element(word[0])
    fitting = [number for number in (two, one) if number and (not formula or number in formula)]
    if len(fitting) == 2 and not word[1].islower():
        raise UnreadableError(
            f"site {label} may be {gemmi.Element(two).name} or {gemmi.Element(one).name}",
            "give its element in _atom_site_type_symbol",
        )
    if not fitting:
        raise _unknown(label, label)
    return fitting[0]


def _element(symbol: str) -> int:
    """Atomic number; hydrogen for its isotopes D and T, 0 for what is no element."""
    if symbol in ("D", "T"):
        return 1
    element = gemmi.Element(symbol)
    return element.atomic_number if element.name.lower() == symbol.lower() else 0


def _unknown(label: str, symbol: str) -> UnreadableError:
    return UnreadableError(
        f"site {label} has no known element ({symbol})",
        "give its element in _atom_site_type_symbol; replace groups such as OH by their atoms",
    )
