"""Element vectors in CGCNN's scheme, computed from element facts.

The facts stand in ``elements.csv``, written by ``python -m xbert.elements`` from pymatgen (group, row,
electronegativity, ionisation energy, electron affinity, molar volume, electronic structure) and ASE
(covalent radii of Cordero et al., Dalton Trans. 2832 (2008)).
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np

MAX_Z = 103
"""Heaviest element with a vector (lawrencium)."""

N_FEATURES = 92
FACTS = Path(__file__).with_name("elements.csv")

# T. Xie, J. C. Grossman, PRL 120, 145301 (2018), Table II of the supplement: property, range, bins.
# Ionisation energy (eV) and molar volume (cm³/mol) are binned on natural logarithms.
_BINNED = (
    ("electronegativity", 0.5, 4.0),
    ("covalent_radius", 25.0, 250.0),
)
_BINNED_AFTER_VALENCE = (
    ("log_ionization_energy", 1.3, 3.3),
    ("electron_affinity", -3.0, 3.7),
)
_BINS = 10
_BLOCKS = "spdf"


@cache
def element_facts() -> tuple[dict[str, str], ...]:
    """Return the rows of ``elements.csv``, hydrogen to oganesson; a missing value is an empty string."""
    with FACTS.open(newline="", encoding="utf-8") as file:
        return tuple(csv.DictReader(file))


@cache
def symbols() -> tuple[str, ...]:
    """Return chemical symbols by atomic number; index 0 is an empty string."""
    return ("", *(row["symbol"] for row in element_facts()))


@cache
def element_vectors() -> np.ndarray:
    """Return (104, 92) float32 one-hot element vectors by atomic number; row 0 is zero.

    Columns: group (0 for f-block rows without one, 1–18), period (1–7), electronegativity, covalent
    radius, valence electrons (1–12), ionisation energy, electron affinity, block, molar volume.
    """
    vectors = np.zeros((MAX_Z + 1, N_FEATURES), dtype=np.float32)
    for row in element_facts()[:MAX_Z]:
        hot = [int(row["group"] or 0), 19 + int(row["period"]) - 1]
        start = 26
        for name, low, high in _BINNED:
            hot += _bin(row[name], low, high, start)
            start += _BINS
        hot.append(start + min(max(int(row["valence"]), 1), 12) - 1)
        start += 12
        for name, low, high in _BINNED_AFTER_VALENCE:
            hot += _bin(row[name], low, high, start)
            start += _BINS
        hot.append(start + _BLOCKS.index(row["block"]))
        hot += _bin(row["log_molar_volume"], 1.5, 4.3, start + len(_BLOCKS))
        vectors[int(row["number"]), hot] = 1.0
    vectors.setflags(write=False)
    return vectors


def _bin(text: str, low: float, high: float, start: int) -> list[int]:
    if not text:
        return []
    return [start + min(max(int((float(text) - low) / (high - low) * _BINS), 0), _BINS - 1)]


def _write_facts() -> None:
    """Write ``elements.csv`` anew from pymatgen and ASE."""
    from math import log

    from ase.data import covalent_radii
    from pymatgen.core import Element

    def number(value: float | None, digits: int = 4) -> str:
        return "" if value is None or value != value else f"{value:.{digits}f}"

    with FACTS.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            [
                "number",
                "symbol",
                "group",
                "period",
                "block",
                "valence",
                "electronegativity",
                "covalent_radius",
                "log_ionization_energy",
                "electron_affinity",
                "log_molar_volume",
            ]
        )
        for z in range(1, 119):
            element = Element.from_Z(z)
            if z > MAX_Z:  # of the heaviest only the names are known well
                writer.writerow([z, element.symbol, *[""] * 9])
                continue
            f_block = 57 <= z <= 71 or 89 <= z <= 103
            ionization = element.ionization_energies[0] if element.ionization_energies else None
            volume = element.data.get("Molar volume")
            volume = volume[0] if isinstance(volume, list) else volume
            volume = float(str(volume).split()[0]) if volume not in (None, "no data") else None
            x = element.data.get("X")
            writer.writerow(
                [
                    z,
                    element.symbol,
                    "" if f_block else element.group,
                    element.row - 2 if element.row > 7 else element.row,
                    "s" if z == 2 else element.block,
                    _valence(element, f_block),
                    number(x),
                    number(100 * covalent_radii[z], 1),
                    number(log(ionization) if ionization else None),
                    number(element.data.get("Electron affinity")),
                    number(log(volume) if volume else None),
                ]
            )


def _valence(element: object, f_block: bool) -> int:
    """Count outer electrons: s and p of the last shell, and an open d shell; f electrons never count."""
    shells = element.full_electronic_structure  # type: ignore[attr-defined]
    last = max(n for n, _, _ in shells)
    outer = sum(count for n, orbital, count in shells if n == last and orbital in "sp")
    if element.block in "df":  # type: ignore[attr-defined]
        outer += sum(count for n, orbital, count in shells if n == last - 1 and orbital == "d")
    if element.symbol == "Pd":  # type: ignore[attr-defined]
        outer = 10
    return max(outer, 1)


if __name__ == "__main__":
    _write_facts()
