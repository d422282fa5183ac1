"""A Hamiltonian seen from a surface: hoppings sorted by the layers they climb, at any in-plane k."""

from dataclasses import dataclass

import numpy as np

from discovery.topology.surface_lattice import SurfaceLattice, surface
from discovery.topology.tightbinding import TightBinding

SAME_GAP = 0.05
"""Gaps between planes of orbitals that differ by less, in Å, are taken for equal."""


@dataclass(frozen=True)
class Layers:
    """A crystal as a stack of layers, each one surface cell thick.

    Attributes:
        surface: the cell of the surface; layers are counted along its outer normal.
        cells: for each number of layers climbed 0, 1, ..., range the (m, 2) in-plane cells R.
        hoppings: for each the (m, n, n) complex ⟨layer 0, m|H|layer r, R n⟩ in eV.
        heights: (n,) heights of the orbitals above the bottom of their layer, in Å.
        cut: where layers are cut apart, as a fraction of the cell out of the plane.
    """

    surface: SurfaceLattice
    cells: tuple[np.ndarray, ...]
    hoppings: tuple[np.ndarray, ...]
    heights: np.ndarray
    cut: float

    @property
    def n_orbitals(self) -> int:
        """Orbitals in one layer's cell."""
        return len(self.heights)

    def blocks(self, k: np.ndarray) -> np.ndarray:
        """Return H between layer 0 and layer r at in-plane k: (n_k, 2) → (n_k, range + 1, n, n), in eV.

        k is fractional in the in-plane reciprocal vectors, the gauge is the periodic one. What falls by r
        layers is the adjoint.
        """
        n = self.n_orbitals
        result = np.zeros((len(k), len(self.cells), n, n), dtype=complex)
        for climbed, (cells, hoppings) in enumerate(zip(self.cells, self.hoppings, strict=True)):
            phases = np.exp(2j * np.pi * (np.asarray(k) @ cells.T))
            result[:, climbed] = (phases @ hoppings.reshape(len(cells), n * n)).reshape(-1, n, n)
        result[:, 0] = 0.5 * (result[:, 0] + result[:, 0].conj().transpose(0, 2, 1))
        return result


def layers(model: TightBinding, miller: tuple[int, int, int], cut: float | None = None) -> Layers:
    """Sort the hoppings of a model by the layers of a surface.

    Args:
        model: the bulk.
        miller: (h, k, l) in the reciprocal basis of the model's cell.
        cut: where layers are cut apart, a fraction of the cell out of the plane: orbitals with centres from
            there to one cell above form a layer. By default the widest empty gap between planes of orbital
            centres, and the cell's own boundary where it is as wide.

    Raises:
        MillerError: no Miller index.
    """
    lattice = surface(model.lattice, miller)
    inverse = np.rint(np.linalg.inv(lattice.cell)).astype(int)
    cells = model.cells @ inverse
    height = (model.centres @ np.linalg.inv(lattice.cell))[:, 2]
    if cut is None:
        cut = _widest_gap(height, lattice.spacing)
    home = np.floor(height - cut + 1e-9).astype(int)
    climbs = home[None, :] - home[:, None]  # by how many layers n's is above m's within one cell
    reach = int(np.abs(cells[:, 2]).max() + np.abs(climbs).max())
    sorted_cells, sorted_hoppings = [], []
    for climbed in range(reach + 1):
        places, blocks = [np.zeros((1, 2), dtype=int)], [np.zeros((1, *climbs.shape), dtype=complex)]
        for own in np.unique(climbs):
            chosen = cells[:, 2] == climbed - own
            places.append(cells[chosen, :2])
            blocks.append(np.where(climbs == own, model.hoppings[chosen], 0.0))
        found, index = np.unique(np.concatenate(places), axis=0, return_inverse=True)
        total = np.zeros((len(found), *climbs.shape), dtype=complex)
        np.add.at(total, index.reshape(-1), np.concatenate(blocks))
        kept = np.abs(total).max(axis=(1, 2)) > 0
        sorted_cells.append(found[kept])
        sorted_hoppings.append(total[kept])
    while len(sorted_cells) > 2 and not len(sorted_cells[-1]):
        sorted_cells.pop()
        sorted_hoppings.pop()
    above = (height - cut - home) * lattice.spacing
    return Layers(lattice, tuple(sorted_cells), tuple(sorted_hoppings), above, float(cut))


def sufficient(blocks: np.ndarray, tolerance: float) -> tuple[int, float]:
    """Return the smallest number of layers in a principal layer, and what that neglects.

    Hoppings over more layers are left out. By Weyl's inequality no level moves by more than twice the sum of
    their norms; the number returned is the smallest that keeps this below ``tolerance``.

    Args:
        blocks: (n_k, range + 1, n, n) as from ``Layers.blocks``.
        tolerance: in eV.

    Returns:
        The number of layers, and the bound on the shift of levels in eV.
    """
    norms = np.linalg.norm(blocks[:, 1:], ord=2, axis=(2, 3)).max(axis=0)
    neglected = 2.0 * (norms.sum() - np.cumsum(norms))
    neglected[-1] = 0.0
    number = int(np.argmax(neglected <= tolerance)) + 1
    return number, float(neglected[number - 1])


def stacked(blocks: np.ndarray, count: int) -> np.ndarray:
    """Return H of ``count`` layers: (n_k, range + 1, n, n) → (n_k, count n, count n), in eV."""
    n_k, reach, n = blocks.shape[:3]
    result = np.zeros((n_k, count, n, count, n), dtype=complex)
    for low in range(count):
        for high in range(low, min(count, low + reach)):
            result[:, low, :, high] = blocks[:, high - low]
            if high > low:
                result[:, high, :, low] = blocks[:, high - low].conj().transpose(0, 2, 1)
    return result.reshape(n_k, count * n, count * n)


def coupling(blocks: np.ndarray, count: int) -> np.ndarray:
    """Return H from ``count`` layers to the next ``count`` above, as far as one principal layer reaches."""
    n_k, reach, n = blocks.shape[:3]
    result = np.zeros((n_k, count, n, count, n), dtype=complex)
    for low in range(count):
        for high in range(min(low + 1, reach - count + low)):
            result[:, low, :, high] = blocks[:, count + high - low]
    return result.reshape(n_k, count * n, count * n)


def _widest_gap(height: np.ndarray, spacing: float) -> float:
    """The middle of the widest gap between planes, 0 where the cell's boundary is in one as wide."""
    planes = np.sort(height % 1.0)
    gaps = np.diff(planes, append=planes[0] + 1.0)
    if gaps[-1] >= gaps.max() - SAME_GAP / spacing:
        return 0.0
    widest = int(np.argmax(gaps >= gaps.max() - SAME_GAP / spacing))
    return float(planes[widest] + 0.5 * gaps[widest])
