"""The Brillouin zone and a path through it as a scene for the page's viewer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from candidates.records import Candidate
from candidates.verification import BandPlot

AGREES = 0.02
"""Largest relative difference between the path's recorded lengths and those in the candidate's cell."""


def scene(candidate: Candidate, plot: BandPlot, names: Sequence[str]) -> dict[str, Any] | None:
    """Return zone, path and names of its points, or None where the path is not of this cell.

    Args:
        candidate: its cell gives the reciprocal vectors.
        plot: its k-points are fractional in them.
        names: of the special points, one for each tick.
    """
    reciprocal = 2 * np.pi * np.linalg.inv(np.reshape(candidate.lattice, (3, 3))).T
    path = np.array(plot.k) @ reciprocal
    if len(path) < 2 or not _same_lengths(path, np.array(plot.distance)):
        return None
    scale = 4.0 / np.linalg.norm(reciprocal, axis=1).max()
    lines = [[*_round(scale * a), *_round(scale * b), "zone"] for a, b in _edges(reciprocal)]
    steps = np.diff(plot.distance)
    for a, b, step in zip(path[:-1], path[1:], steps, strict=True):
        if step > 0:
            lines.append([*_round(scale * a), *_round(scale * b), "path"])
    labels = []
    for (at, _), name in zip(plot.ticks, names, strict=True):
        here = np.flatnonzero(np.isclose(plot.distance, at))
        for i, part in zip(here[[0, -1]] if len(here) else (), name.split("|") * 2, strict=False):
            labels.append([*_round(scale * path[i]), part])
    unique = {tuple(label): label for label in labels}
    return {
        "elements": [], "atoms": [], "bonds": [], "lines": lines, "labels": list(unique.values()),
        "directions": [_round(row) for row in reciprocal],
    }  # fmt: skip


def _edges(reciprocal: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the edges of the Wigner–Seitz cell of a lattice."""
    from scipy.spatial import Voronoi

    grid = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)])
    zone = Voronoi(grid @ reciprocal)
    middle = int(np.flatnonzero((grid == 0).all(axis=1))[0])
    edges: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}
    for between, ridge in zip(zone.ridge_points, zone.ridge_vertices, strict=True):
        if middle in between and -1 not in ridge:
            for a, b in zip(ridge, [*ridge[1:], ridge[0]], strict=True):
                edges[min(a, b), max(a, b)] = (zone.vertices[a], zone.vertices[b])
    return list(edges.values())


def _same_lengths(path: np.ndarray, distance: np.ndarray) -> bool:
    """Whether the path is as long in this cell as recorded, with or without the factor 2π."""
    steps = np.diff(distance)
    inside = steps > 1e-9
    if not inside.any():
        return False
    ratio = np.linalg.norm(np.diff(path, axis=0), axis=1)[inside] / steps[inside]
    middle = float(np.median(ratio))
    known = min(abs(middle - 1), abs(middle / (2 * np.pi) - 1)) < AGREES
    return known and bool(np.abs(ratio / middle - 1).max() < AGREES)


def _round(values: np.ndarray) -> list[float]:
    return [round(float(x), 4) for x in values]
