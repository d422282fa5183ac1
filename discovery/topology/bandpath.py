"""The path of bulk bands through the zone of any cell, with the crystal's symmetry or the lattice's alone."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from discovery.topology.orbitals import Site

SYMPREC = 1e-3
"""Tolerance of symmetry in Å: input files print six digits or more."""


@dataclass(frozen=True)
class BandPath:
    """Points along the lines of a zone.

    Attributes:
        k: (n, 3) fractional in the reciprocal vectors of the cell given.
        distance: (n,) in 1/Å, 2π included; it stands still where the path jumps.
        ticks: distance and label of the special points, seekpath's names with Γ for GAMMA; ``X|K`` at a jump.
    """

    k: np.ndarray
    distance: np.ndarray
    ticks: tuple[tuple[float, str], ...]


def band_path(
    lattice: np.ndarray, sites: Sequence[Site] | None = None, *, points: int = 301, time_reversal: bool = True
) -> BandPath:
    """Return the path of Hinuma, Pizzi, Kumagai, Oba & Tanaka, Comput. Mater. Sci. 128, 140 (2017).

    Args:
        lattice: (3, 3) rows of any cell of the crystal in Å.
        sites: its atoms; without them the path is that of the bare lattice, whose symmetry may be higher.
        points: about how many in all; each line has two at least.
        time_reversal: whether E(k) = E(−k); the path is longer without it and without inversion.
    """
    from seekpath import get_path_orig_cell

    kinds = {kind: i for i, kind in enumerate(dict.fromkeys(s.element for s in sites or ()), start=1)}
    positions = [list(s.position) for s in sites] if sites else [[0.0, 0.0, 0.0]]
    numbers = [kinds[s.element] for s in sites] if sites else [1]
    with warnings.catch_warnings():  # edges between two settings of one lattice, cells that are not primitive
        warnings.simplefilter("ignore")
        found = get_path_orig_cell(
            (np.asarray(lattice).tolist(), positions, numbers), time_reversal, symprec=SYMPREC
        )
    return _sample(found, 2 * np.pi * np.linalg.inv(np.asarray(lattice, dtype=float)).T, points)


def _sample(found: dict[str, Any], reciprocal: np.ndarray, points: int) -> BandPath:
    places = {name: np.array(k, dtype=float) for name, k in found["point_coords"].items()}
    lines = [(a, b) for a, b in found["path"]]
    lengths = [float(np.linalg.norm((places[b] - places[a]) @ reciprocal)) for a, b in lines]
    k: list[np.ndarray] = []
    distance: list[np.ndarray] = []
    ticks: list[tuple[float, str]] = []
    walked = 0.0
    for i, ((a, b), length) in enumerate(zip(lines, lengths, strict=True)):
        count = max(2, round(points * length / sum(lengths)))
        part = np.linspace(0.0, 1.0, count)
        follows = bool(i) and lines[i - 1][1] == a
        begin = 1 if follows else 0
        k.append((places[a] + part[:, None] * (places[b] - places[a]))[begin:])
        distance.append((walked + part * length)[begin:])
        if not i:
            ticks.append((0.0, _name(a)))
        elif not follows:
            ticks[-1] = (walked, f"{ticks[-1][1]}|{_name(a)}")
        walked += length
        ticks.append((walked, _name(b)))
    return BandPath(np.concatenate(k), np.concatenate(distance), tuple(ticks))


def _name(label: str) -> str:
    return "Γ" if label == "GAMMA" else label
