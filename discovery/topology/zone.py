"""The Brillouin zone of a model: meshes, what leaves its bands as they are, distances."""

from collections.abc import Iterator
from itertools import product

import numpy as np

from discovery.topology.tightbinding import TightBinding

CHUNK = 1024
"""How many Hamiltonians are held at once."""


def active_axes(model: TightBinding) -> tuple[int, ...]:
    """Return the axes along which the bands disperse: two for a layer, three for a crystal."""
    hops = np.abs(model.hoppings).max(axis=(1, 2), initial=0.0) > 1e-9
    return tuple(axis for axis in range(3) if np.any(model.cells[hops, axis]))


def directions(model: TightBinding) -> np.ndarray:
    """Return (d, 3) orthonormal Cartesian vectors that span the active reciprocal directions."""
    axes = list(active_axes(model))
    return np.linalg.qr(model.reciprocal[axes].T)[0].T


def mesh_size(model: TightBinding) -> tuple[int, int, int]:
    """Return divisions that sample the zone evenly, finer where a point costs less.

    Even numbers, so that the time-reversal invariant momenta lie on the mesh; one where bands do not
    disperse; at least what the longest hopping needs.
    """
    axes = list(active_axes(model))
    sizes = [1, 1, 1]
    if not axes:
        return 1, 1, 1
    points = np.clip(1.2e7 / model.n_orbitals**2, 1000, 32768)
    lengths = np.linalg.norm(model.reciprocal[axes], axis=1)
    density = (points ** (len(axes) / 3) / lengths.prod()) ** (1 / len(axes))
    for axis, length in zip(axes, lengths, strict=True):
        reach = int(np.abs(model.cells[:, axis]).max())
        wanted = max(6.0, float(density * length), 2.0 * reach + 2.0)
        sizes[axis] = 2 * int(np.ceil(min(wanted, 64.0) / 2))
    return sizes[0], sizes[1], sizes[2]


def mesh_points(size: tuple[int, int, int]) -> np.ndarray:
    """Return (n1 n2 n3, 3) fractional points of a mesh with Γ on it, the last axis running fastest."""
    grid = np.indices(size).reshape(3, -1).T
    return grid / np.array(size)


def band_symmetries(
    model: TightBinding, tolerance_ev: float = 2e-5, bands: slice = slice(None)
) -> np.ndarray:
    """Return (n, 3, 3) int W of lattice point symmetries with E(k W) = E(k), looked at in generic k.

    Time reversal and inversion look alike here, so these say nothing about the sign of a chirality. The
    default tolerance is that of six printed decimals; Wannier functions often keep symmetry to meV only.
    """
    matrices = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    metric = model.reciprocal @ model.reciprocal.T
    images = matrices @ metric @ matrices.transpose(0, 2, 1)
    kept = matrices[np.abs(images - metric).max(axis=(1, 2)) < 1e-4 * np.abs(metric).max()]
    k = np.random.default_rng(0).random((4, 3))
    change = model.bands(np.einsum("ki,oij->okj", k, kept)) - model.bands(k)
    same = np.abs(change[..., bands]).max(axis=(1, 2)) < tolerance_ev
    return kept[same]


def representatives(size: tuple[int, int, int], symmetries: np.ndarray) -> np.ndarray:
    """Return (n1 n2 n3,) for each point of a mesh the first of those that symmetries make of it."""
    grid = np.indices(size).reshape(3, -1).T
    sizes = np.array(size)
    first = np.arange(len(grid))
    for matrix in symmetries:
        scaled = matrix * sizes[None, :] / sizes[:, None]
        if np.abs(scaled - np.rint(scaled)).max() < 1e-9:
            image = (grid @ np.rint(scaled).astype(int)) % sizes
            first = np.minimum(first, np.ravel_multi_index(tuple(image.T), size))
    return first


def bands_on_mesh(model: TightBinding, size: tuple[int, int, int], symmetries: np.ndarray) -> np.ndarray:
    """Return (n1, n2, n3, n) energies on a mesh, each star of points diagonalised once."""
    unique, place = np.unique(representatives(size, symmetries), return_inverse=True)
    k = mesh_points(size)[unique]
    energies = np.concatenate([model.bands(part) for part in chunks(k)])
    return energies[place].reshape(*size, model.n_orbitals)


def chunks(k: np.ndarray) -> Iterator[np.ndarray]:
    """Cut (n, 3) points into parts whose Hamiltonians fit in memory."""
    for start in range(0, len(k), CHUNK):
        yield k[start : start + CHUNK]


def wrap(k: np.ndarray) -> np.ndarray:
    """Bring fractional k into (−½, ½], rounding what is a hair off −½ to ½."""
    folded = k - np.rint(k)
    return np.where(folded <= -0.5 + 1e-7, folded + 1.0, folded)


def distance(model: TightBinding, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the distance in 1/Å of fractional k to the nearest of the 27 images nearby: (..., 3) → (...)."""
    difference = a - b
    difference = difference - np.rint(difference)
    images = difference[..., None, :] + np.array(list(product((-1, 0, 1), repeat=3)))
    return np.linalg.norm(images @ model.reciprocal, axis=-1).min(axis=-1)
