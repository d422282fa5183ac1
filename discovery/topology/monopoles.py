"""Cells of a mesh that hold charge: crossings that are no minimum among the points of the mesh.

A node beside another, or with a flat cone, may lie where no point of a mesh is lower than its neighbours. The
Berry flux out of a cell of the mesh shows it all the same, the more surely the finer the mesh.
"""

from itertools import product

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from discovery.topology.flux import BoxFlux, box_flux
from discovery.topology.tightbinding import TightBinding
from discovery.topology.zone import chunks, representatives

REACH = 1.5
"""A gap may vanish in a cell if it does within so many half diagonals, falling as steeply as near it."""

HALVINGS = 3
"""How often a cell with charge is cut in eight before the search for its node begins."""


def doubtful_cells(model: TightBinding, direct: np.ndarray, symmetries: np.ndarray) -> np.ndarray:
    """Return the cells of a mesh in which the gap could vanish, as (m, 3) int corners towards the origin.

    Args:
        model: the Hamiltonian.
        direct: (n1, n2, n3) direct gaps on the mesh in eV.
        symmetries: (s, 3, 3) int that leave the bands as they are; of images one is enough.
    """
    edges = model.reciprocal / np.array(direct.shape)[:, None]
    slope = np.zeros(direct.shape)
    for axis, edge in enumerate(edges):
        change = np.abs(np.roll(direct, -1, axis=axis) - direct) / np.linalg.norm(edge)
        slope = np.maximum(slope, np.maximum(change, np.roll(change, 1, axis=axis)))
    # Over the eight corners of the cell that a point begins, and one further for the slope: at a node in the
    # middle of a cell all eight corners are alike.
    lowest = minimum_filter(direct, size=2, origin=-1, mode="wrap")
    steepest = maximum_filter(slope, size=2, origin=-1, mode="wrap")
    diagonal = max(np.linalg.norm(np.array(signs) @ edges) for signs in product((-1, 1), repeat=3))
    first = representatives((direct.shape[0], direct.shape[1], direct.shape[2]), symmetries)
    # The image of a cell is another parallelepiped at the image of its corner: it is covered by these cells.
    kept = (first == np.arange(direct.size)).reshape(direct.shape)
    kept = maximum_filter(maximum_filter(kept, size=3, mode="wrap"), size=2, origin=-1, mode="wrap")
    return np.argwhere(kept & (lowest < REACH * steepest * 0.5 * diagonal))


def charged_cells(
    model: TightBinding, n_occupied: int, direct: np.ndarray, symmetries: np.ndarray
) -> np.ndarray:
    """Return the cells that hold charge by the links between their corners: (m, 3) int.

    Where the mesh is too coarse for the flux some hold none, in pairs of opposite charge.

    Args:
        model: the Hamiltonian.
        n_occupied: N.
        direct: (n1, n2, n3) direct gaps on the mesh in eV.
        symmetries: see ``doubtful_cells``.
    """
    cells = doubtful_cells(model, direct, symmetries)
    if not len(cells):
        return cells
    size = np.array(direct.shape)
    corners = np.array(list(product((0, 1), repeat=3)))
    places = np.ravel_multi_index(tuple(((cells[:, None] + corners) % size).reshape(-1, 3).T), direct.shape)
    unique, index = np.unique(places, return_inverse=True)
    k = np.stack(np.unravel_index(unique, direct.shape), axis=1) / size
    states = np.concatenate([model.states(part)[1][:, :, :n_occupied] for part in chunks(k)])
    index = index.reshape(-1, 2, 2, 2)
    flux = np.zeros(len(cells))
    for axis in range(3):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        for side in (0, 1):
            around = []
            for a, b in ((0, 0), (1, 0), (1, 1), (0, 1)):
                at = [side, side, side]
                at[u], at[v] = a, b
                around.append(index[:, at[0], at[1], at[2]])
            links = np.ones(len(cells), dtype=complex)
            for here, there in zip(around, around[1:] + around[:1], strict=True):
                for start in range(0, len(cells), 4096):
                    part = slice(start, start + 4096)
                    overlap = states[here[part]].conj().transpose(0, 2, 1) @ states[there[part]]
                    links[part] *= np.linalg.det(overlap)
            flux += (1 if side else -1) * np.angle(links)
    return cells[np.rint(flux / (2 * np.pi)) != 0]


def inside(cell: np.ndarray, size: np.ndarray, k: np.ndarray, margin: float = 0.3) -> np.ndarray:
    """Tell which fractional k (m, 3) lie in a cell of the mesh or a margin about it, in units of the cell."""
    away = (k - (cell + 0.5) / size + 0.5) % 1.0 - 0.5
    return np.asarray((np.abs(away * size) < 0.5 + margin).all(axis=-1))


def close_in(model: TightBinding, n_occupied: int, cell: np.ndarray, size: np.ndarray) -> np.ndarray | None:
    """Return the middle (3,) of a small part of a charged cell that holds its charge.

    Returns:
        None where the cell, seen with more points, holds none.
    """
    half = 0.5 / size
    middle = (cell + 0.5) / size
    if _flux(model, n_occupied, middle, half).charge == 0:
        return None
    for _ in range(HALVINGS):
        half = 0.5 * half
        parts = (middle + np.array(signs) * half for signs in product((-1, 1), repeat=3))
        charged = (part for part in parts if _flux(model, n_occupied, part, half).charge)
        middle = next(charged, middle)
    return np.asarray(middle)


def _flux(model: TightBinding, n_occupied: int, middle: np.ndarray, half: np.ndarray) -> BoxFlux:
    edges = half[:, None] * model.reciprocal
    for divisions in (4, 8):
        found = box_flux(model, middle, edges, 0, n_occupied, divisions)
        if found.converged:
            break
    return found
