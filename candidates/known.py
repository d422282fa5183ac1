"""Crystals whose topology is known from the literature, so that a screen can tell new from known.

``known.csv`` holds one claim a line, ``known_sources.csv`` its citation. The list is not complete and
says nothing about crystals that are not on it. A claim holds at ambient conditions and without
magnetic order unless its note says otherwise.
"""

import csv
import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, reduce
from math import gcd, lcm
from pathlib import Path

FOLDER = Path(__file__).parent
TOKEN = re.compile(r"([A-Z][a-z]?)|([(\[])|([)\]])|(\d+(?:\.\d+)?|\.\d+)")


@dataclass(frozen=True, slots=True)
class KnownTopological:
    """One published claim about one crystal.

    Attributes:
        formula: as chemists write it.
        spacegroup: number in International Tables.
        topology: ``strong TI|weak TI|TCI|Weyl|Dirac|nodal line|TSM``.
        source: full citation, with its doi where we are sure of it.
        note: conditions (strain, pressure, phase), or empty.
        reported_by_paper: the claim is one of the eleven of arXiv:2405.18944, whose method this
            project follows; they were not known before it.
    """

    formula: str
    spacegroup: int
    topology: str
    source: str
    note: str = ""
    reported_by_paper: bool = False


def find(reduced_formula: str, spacegroup: int, include_paper: bool = False) -> list[KnownTopological]:
    """Return what is known about a crystal, an empty list where nothing is.

    Args:
        reduced_formula: elements in any order, any multiple of the formula unit.
        spacegroup: number in International Tables.
        include_paper: also return what arXiv:2405.18944 reported as new.

    Raises:
        ValueError: the text is not a formula.
    """
    claims = _by_crystal().get((formula_key(reduced_formula), spacegroup), ())
    return [claim for claim in claims if include_paper or not claim.reported_by_paper]


@cache
def claims() -> tuple[KnownTopological, ...]:
    """Return all claims of ``known.csv``, the paper's own included."""
    with (FOLDER / "known_sources.csv").open(newline="", encoding="utf-8") as file:
        citations = {row["key"]: row["citation"] for row in csv.DictReader(file)}
    with (FOLDER / "known.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            KnownTopological(
                row["formula"],
                int(row["spacegroup"]),
                row["topology"],
                citations[row["source"]],
                row["note"],
                row["source"] == "xbert2024",
            )
            for row in csv.DictReader(file)
        )


@cache
def formula_key(formula: str) -> str:
    """Return the same text for the same composition, e.g. ``Se3 Sb2`` for ``Sb4Se6``.

    Elements are sorted by symbol and counts divided by their greatest common divisor; brackets
    and fractional counts are understood.

    Raises:
        ValueError: the text is not a formula.
    """
    stack: list[defaultdict[str, Fraction]] = [defaultdict(Fraction)]
    last: dict[str, Fraction] = {}
    end = 0
    for match in TOKEN.finditer(formula.strip()):
        element, opening, closing, number = match.groups()
        if match.start() != end or (number and not last) or (closing and len(stack) == 1):
            raise ValueError(f"{formula!r} is not a chemical formula")
        end = match.end()
        if opening:
            stack.append(defaultdict(Fraction))
            last = {}
            continue
        if number:
            added = {symbol: count * (Fraction(number) - 1) for symbol, count in last.items()}
            last = {}
        else:
            added = last = {element: Fraction(1)} if element else dict(stack.pop())
        for symbol, count in added.items():
            stack[-1][symbol] += count
    counts = {symbol: count for symbol, count in stack[0].items() if count > 0}
    if end != len(formula.strip()) or len(stack) > 1 or not counts:
        raise ValueError(f"{formula!r} is not a chemical formula")
    scale = reduce(lcm, (count.denominator for count in counts.values()))
    whole = {symbol: int(count * scale) for symbol, count in counts.items()}
    divisor = reduce(gcd, whole.values())
    return " ".join(f"{symbol}{whole[symbol] // divisor}" for symbol in sorted(whole))


@cache
def _by_crystal() -> dict[tuple[str, int], tuple[KnownTopological, ...]]:
    table: dict[tuple[str, int], tuple[KnownTopological, ...]] = {}
    for claim in claims():
        key = (formula_key(claim.formula), claim.spacegroup)
        table[key] = (*table.get(key, ()), claim)
    return table
