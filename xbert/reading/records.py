"""What every format reader yields: a crystal as the file gives it, or why there is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

PLAIN = (str, bool, int, float)


@dataclass(frozen=True, slots=True)
class Record:
    """One crystal read from a file.

    Attributes:
        id: its name in the file; None where the file gives none.
        lattice: (3, 3) float64 rows a, b, c in Å; zeros where the file has no cell.
        numbers: (n,) atomic numbers.
        frac_coords: (n, 3) float64.
        properties: plain values (text, truth value, number) that came with it.
    """

    id: str | None
    lattice: np.ndarray
    numbers: np.ndarray
    frac_coords: np.ndarray
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.numbers)
        if self.lattice.shape != (3, 3) or self.frac_coords.shape != (n, 3):
            raise UnreadableError(
                f"it has {n} atoms, coordinates of shape {self.frac_coords.shape} "
                f"and a lattice of shape {self.lattice.shape}",
                "give three lattice vectors and three coordinates for each atom",
            )


class UnreadableError(Exception):
    """A crystal that cannot be read.

    Attributes:
        reason: what is wrong, with the numbers.
        remedy: what to do about it.
        id: name of the crystal, where there is one.
    """

    def __init__(self, reason: str, remedy: str, id: str | None = None) -> None:
        super().__init__(f"{reason}; {remedy}")
        self.reason, self.remedy, self.id = reason, remedy, id


Records = Iterator[Record | UnreadableError]
"""What a reader yields; an error that it yields refuses one crystal, one that it raises ends the file."""


def plain_properties(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the text, truth values and numbers of ``values``; arrays and objects are left out."""
    plain = {}
    for name, value in values.items():
        if isinstance(value, np.generic):
            value = value.item()
        if isinstance(value, PLAIN):
            plain[str(name)] = value
    return plain


def disorder(label: str, occupancies: Mapping[str, float]) -> UnreadableError:
    """Refusal of a site that no single atom fills."""
    parts = ", ".join(f"{symbol} {occupancy:g}" for symbol, occupancy in occupancies.items()) or "none"
    return UnreadableError(
        f"site {label} is disordered (occupancy {parts})",
        "choose an ordered approximant, for example with pymatgen's OrderDisorderedStructureTransformation",
    )
