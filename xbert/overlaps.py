"""Atoms that sit on top of each other, periodic images included, for many crystals at once."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Overlaps:
    """The closest pair of each crystal that has two atoms nearer than the cutoff.

    Attributes:
        rows: (k,) crystals with an overlap, ascending.
        distances: (k,) Å, of the closest pair.
        pairs: (k, 2) its two atoms, counted within the crystal; equal for an atom and its own image.
    """

    rows: np.ndarray
    distances: np.ndarray
    pairs: np.ndarray


def find_overlaps(
    lattices: np.ndarray, frac_coords: np.ndarray, offsets: np.ndarray, cutoff: float = 0.5
) -> Overlaps:
    """Find the crystals in which two atoms, or an atom and its own image, are nearer than ``cutoff``.

    Exact for every cell: where each pair of opposite cell faces is more than two cutoffs apart, only one
    image of a pair can be near and a sweep along the tallest axis finds it; a smaller or flatter cell goes
    to vesin's neighbour list.

    Args:
        lattices: (n, 3, 3) rows a, b, c in Å, finite and not degenerate.
        frac_coords: (atoms, 3), finite.
        offsets: (n + 1,) where crystal i owns atoms offsets[i]:offsets[i + 1].
        cutoff: Å.
    """
    cells = np.asarray(lattices, dtype=np.float64)
    # Columns of the inverse are the reciprocal vectors; the faces normal to them lie 1/length apart.
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cells), axis=1)
    narrow = heights.min(axis=1) <= 2.0 * cutoff * (1.0 + 1e-6)
    rows, first, second, distances = (
        np.concatenate(parts)
        for parts in zip(
            _sweep(cells, heights, frac_coords, offsets, ~narrow, cutoff),
            _search(cells, frac_coords, offsets, np.flatnonzero(narrow), cutoff),
            strict=True,
        )
    )
    first, second = (end - offsets[rows] for end in (first, second))
    pairs = np.sort(np.stack([first, second], axis=1), axis=1)
    order = np.lexsort((pairs[:, 1], pairs[:, 0], distances, rows))
    rows, nearest = np.unique(rows[order], return_index=True)
    return Overlaps(rows, distances[order][nearest], pairs[order][nearest])


Pairs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Crystal, first and second atom (in the flat arrays) and distance in Å of each pair."""


def _sweep(
    cells: np.ndarray,
    heights: np.ndarray,
    frac_coords: np.ndarray,
    offsets: np.ndarray,
    use: np.ndarray,
    cutoff: float,
) -> Pairs:
    """Find the near pairs of the cells marked ``use``, where only a pair's nearest image can be near."""
    crystal = np.repeat(np.arange(len(cells)), np.diff(offsets))
    atom = np.flatnonzero(use[crystal])
    crystal = crystal[atom]
    frac = frac_coords[atom].astype(np.float64)
    frac -= np.floor(frac)
    axis = heights.argmax(axis=1)[crystal]
    height = heights[crystal, axis]
    level = frac[np.arange(len(atom)), axis] * height
    # Atoms at the bottom appear again above the top, so that the sweep never has to turn around.
    ghost = np.flatnonzero(level < cutoff)
    member = np.concatenate([np.arange(len(atom)), ghost])
    level = np.concatenate([level, level[ghost] + height[ghost]])
    order = np.lexsort((level, crystal[member]))
    member, level = member[order], level[order]

    found: list[Pairs] = [_no_pairs()]
    start, step = np.arange(len(member)), 0
    while len(start):
        step += 1
        start = start[start + step < len(member)]
        low, high = member[start], member[start + step]
        within = (crystal[low] == crystal[high]) & (level[start + step] - level[start] < cutoff)
        start, low, high = start[within], low[within], high[within]
        shift = frac[high] - frac[low]
        shift -= np.rint(shift)
        near = (np.abs(shift) * heights[crystal[low]] < cutoff).all(axis=1)
        low, high, shift = low[near], high[near], shift[near]
        distance = np.linalg.norm(np.einsum("ni,nij->nj", shift, cells[crystal[low]]), axis=1)
        near = distance < cutoff
        low, high = low[near], high[near]
        found.append((crystal[low], atom[low], atom[high], distance[near]))
    return _joined(found)


def _search(
    cells: np.ndarray, frac_coords: np.ndarray, offsets: np.ndarray, rows: np.ndarray, cutoff: float
) -> Pairs:
    """Find the near pairs of the crystals ``rows`` with a neighbour list, whatever the shape of the cell."""
    from vesin import NeighborList

    neighbours = NeighborList(cutoff=cutoff, full_list=False, n_threads=1)
    found: list[Pairs] = [_no_pairs()]
    for row in rows:
        frac = frac_coords[offsets[row] : offsets[row + 1]].astype(np.float64)
        if not len(frac):
            continue
        points = (frac - np.floor(frac)) @ cells[row]
        first, second, distance = neighbours.compute(points, cells[row], True, "ijd")
        first, second = (end.astype(np.int64) + offsets[row] for end in (first, second))
        found.append((np.full(len(first), row), first, second, distance))
    return _joined(found)


def _no_pairs() -> Pairs:
    return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)


def _joined(parts: list[Pairs]) -> Pairs:
    rows, first, second, distances = (np.concatenate(values) for values in zip(*parts, strict=True))
    return rows, first, second, distances
