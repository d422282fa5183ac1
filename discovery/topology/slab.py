"""Bands of a slab, and how much of each state lies on its surfaces."""

from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from discovery.topology.green import Progress
from discovery.topology.layers import Layers, layers, stacked
from discovery.topology.surface_lattice import Labels, SurfaceLattice
from discovery.topology.tightbinding import TightBinding
from xbert.parallel import in_parallel


@dataclass(frozen=True)
class SlabBands:
    """Bands of a slab along a path.

    Attributes:
        surface: the cell of the surface.
        thickness: number of layers.
        k: (n_k, 2) fractional in-plane reciprocal coordinates.
        distance: (n_k,) along the path in 1/Å.
        labels: distances in 1/Å and names of the corners of the path; none where k was given.
        energies: (n_k, L n) ascending, eV.
        top: (n_k, L n) part of each state in the topmost layer.
        bottom: (n_k, L n) part of each state in the lowest layer.
    """

    surface: SurfaceLattice
    thickness: int
    k: np.ndarray
    distance: np.ndarray
    labels: Labels
    energies: np.ndarray
    top: np.ndarray
    bottom: np.ndarray


def slab_hamiltonian(stack: Layers, k: np.ndarray, thickness: int) -> np.ndarray:
    """Return H of a slab, lowest layer first: (n_k, 2) → (n_k, L n, L n), in eV; every hopping is kept."""
    return stacked(stack.blocks(k), thickness)


def slab_bands(
    model: TightBinding,
    miller: tuple[int, int, int],
    thickness: int,
    *,
    k: np.ndarray | None = None,
    points: int = 101,
    cut: float | None = None,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> SlabBands:
    """Return the bands of a slab of ``thickness`` layers; the other arguments are ``surface_spectrum``'s.

    Raises:
        MillerError: no Miller index.
        ValueError: no layers.
    """
    if thickness < 1:
        raise ValueError(f"a slab of {thickness} layers is none")
    stack = layers(model, miller, cut)
    k, distance, labels = stack.surface.along(k, points)
    found = []
    work = partial(_states, thickness=thickness, threads=None if workers == 1 else 1)
    for one in in_parallel(work, (stack.blocks(k[i : i + 1]) for i in range(len(k))), workers):
        found.append(one)
        if on_progress is not None:
            on_progress(len(found), len(k))
    energies, top, bottom = np.stack(found, axis=1)
    return SlabBands(stack.surface, thickness, k, distance, labels, energies, top, bottom)


def _states(blocks: np.ndarray, thickness: int, threads: int | None) -> np.ndarray:
    """Energies and weights in the topmost and the lowest layer at one k, as (3, L n)."""
    with threadpool_limits(threads, "blas"):
        energies, states = np.linalg.eigh(stacked(blocks, thickness)[0])
    n = blocks.shape[-1]
    weights = np.abs(states) ** 2
    return np.array([energies, weights[-n:].sum(axis=0), weights[:n].sum(axis=0)])
