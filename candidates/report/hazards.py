"""What may spoil a candidate, from its record alone: magnetism, radioactivity, poison, metals, stability."""

from dataclasses import dataclass
from typing import Literal

from candidates.records import Candidate
from candidates.report import belief
from candidates.report.elements import symbols_of

State = Literal["warn", "fine", "unknown"]

MAGNETIC = frozenset(
    ("Cr", "Mn", "Fe", "Co", "Ni", "Ce", "Pr", "Nd", "Sm", "Eu", "Gd", "Tb", "Dy", "Ho", "Er", "Tm", "Yb")
)
"""Elements that often carry a moment; a screen may filter by another list."""

RADIOACTIVE = frozenset(
    (
        "Tc",
        "Pm",
        "Po",
        "At",
        "Rn",
        "Fr",
        "Ra",
        "Ac",
        "Th",
        "Pa",
        "U",
        "Np",
        "Pu",
        "Am",
        "Cm",
        "Bk",
        "Cf",
        "Es",
    )
)
TOXIC = frozenset(("Be", "As", "Cd", "Hg", "Tl", "Pb"))

STABLE, METASTABLE = 0.001, 0.05
"""Energies above the hull, eV/atom, up to which a crystal counts as stable and as within reach."""


METAL = 0.8
"""P(metal) above which a prediction is a warning, and one less it, below which it is none."""


@dataclass(frozen=True)
class Hazard:
    """One question about a candidate and its answer."""

    name: str
    state: State
    text: str


def hazards_of(candidate: Candidate) -> list[Hazard]:
    """Return magnetism, radioactivity, toxicity, metallic doubt and stability, always all five."""
    own = set(symbols_of(candidate.atomic_numbers))
    return [
        _members("Magnetic elements", sorted(own & MAGNETIC), "moments may break time reversal"),
        _members("Radioactive elements", sorted(own & RADIOACTIVE), "hard to grow and to handle"),
        _members("Toxic elements", sorted(own & TOXIC), "handle with care"),
        _metal(candidate),
        _hull(candidate.e_above_hull),
    ]


def _members(name: str, found: list[str], why: str) -> Hazard:
    return Hazard(name, "warn", f"{', '.join(found)}: {why}") if found else Hazard(name, "fine", "none")


def _metal(c: Candidate) -> Hazard:
    if c.n_electrons % 2:
        return Hazard("Metallic doubt", "warn", "odd electron count: a metal by band filling unless magnetic")
    if c.band_gap is None:
        return _predicted_metal(c)
    if c.band_gap <= 0:
        return Hazard(
            "Metallic doubt",
            "warn",
            "no gap in the database: a metal, or a gap that spin–orbit coupling opens",
        )
    return Hazard("Metallic doubt", "fine", f"gap of {c.band_gap:.2f} eV in the database")


def _predicted_metal(c: Candidate) -> Hazard:
    none = "no gap in the database"
    if c.p_metal is None:
        return Hazard("Metallic doubt", "unknown", none)
    state: State = "warn" if c.p_metal > METAL else "fine" if c.p_metal < 1 - METAL else "unknown"
    told = ", ".join(part for part in (belief.metal(c), belief.predicted_gap(c)) if part)
    return Hazard("Metallic doubt", state, f"{told}; {none}")


def _hull(energy: float | None) -> Hazard:
    if energy is None:
        return Hazard("Energy above the hull", "unknown", "not in the database")
    text = f"{1000 * energy:.0f} meV/atom"
    if energy <= STABLE:
        return Hazard("Energy above the hull", "fine", f"{text}: on the hull")
    if energy <= METASTABLE:
        return Hazard("Energy above the hull", "fine", f"{text}: metastable, within reach of synthesis")
    return Hazard("Energy above the hull", "warn", f"{text}: may decompose")
