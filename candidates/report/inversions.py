"""What bands are made of, and where spin–orbit coupling exchanges the orbitals on both sides of the gap."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from candidates.report import axes
from candidates.verification import BandPlot

ORBITALS = 4
"""Orbitals that are drawn: those with most weight near the gap."""

_SUBSCRIPT = re.compile(r"<sub>(\d+)</sub>")
_LOW = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Inversion:
    """A special point at which spin–orbit coupling exchanges the orbitals on both sides of the gap."""

    distance: float
    point: str
    below: str
    above: str


def name_of(label: str, surface: bool = False) -> str:
    """Return a k-point's name as plain text: ``GAMMA`` → Γ, ``H_2`` → H₂."""
    return str(
        Markup(_SUBSCRIPT.sub(lambda m: m[1].translate(_LOW), axes.html_label(label, surface))).unescape()
    )


def orbitals(plots: Sequence[BandPlot]) -> list[str]:
    """Return the orbitals to draw, the same in every panel, most weight in the shown window first."""
    weight: dict[str, float] = {}
    for plot in plots:
        low, high = axes.energy_window(plot)
        inside = (np.array(plot.energies) > low) & (np.array(plot.energies) < high)
        for name, values in plot.weights.items():
            weight[name] = weight.get(name, 0.0) + float(np.array(values)[inside].sum())
    return sorted(weight, key=lambda name: -weight[name])[:ORBITALS]


def inversions(plots: Sequence[BandPlot]) -> list[Inversion]:
    """Return where the strongest orbitals of bands N and N + 1 change places when spin–orbit coupling is on.

    Special points of both plots are matched by name and order; without weights in both there are none.
    """
    without = next((p for p in plots if not p.spin_orbit and p.weights), None)
    coupled = next((p for p in plots if p.spin_orbit and p.weights), None)
    if without is None or coupled is None:
        return []
    before = {name: _edge_orbitals(without, at) for at, name in without.ticks}
    found = []
    for at, name in coupled.ticks:
        old, new = before.get(name), _edge_orbitals(coupled, at)
        if old and new and old[0] != old[1] and new == (old[1], old[0]):
            found.append(Inversion(at, name_of(name), new[0], new[1]))
    return found


def _edge_orbitals(plot: BandPlot, at: float) -> tuple[str, str] | None:
    """Return the strongest orbitals of the highest filled and the lowest empty band at a distance."""
    if not 0 < plot.n_occupied < len(plot.energies):
        return None
    n = int(np.argmin(np.abs(np.array(plot.distance) - at)))
    below, above = (
        max(plot.weights, key=lambda name: plot.weights[name][band][n])
        for band in (plot.n_occupied - 1, plot.n_occupied)
    )
    return below, above
