"""k-nearest-neighbour graphs of crystals, in a dense layout: every atom has exactly k neighbours.

A dense (atoms, k) layout turns message passing into gathers and matrix products; on CPUs it beats
scatter over an edge list (``benchmarks/graphs.py``).
"""

from dataclasses import dataclass

import numpy as np

from xbert.crystals import Crystal, CrystalTable

N_NEIGHBOURS = 12

_TIE = 1e-3  # Å: distances closer than this belong to one shell
_MARGIN = 10  # neighbours sought beyond k, so that the shell of the k-th is complete


@dataclass(frozen=True)
class Graphs:
    """Neighbour graphs of a batch of crystals.

    Attributes:
        neighbours: (atoms, k) int32, index of each neighbour within its own crystal.
        distances: (atoms, k) float32 in Å, ascending.
        offsets: (n + 1,) int64, crystal i owns rows offsets[i]:offsets[i + 1].
        vectors: (atoms, k, 3) float32 in Å from the atom to each neighbour, where they were asked for. Zero
            in a shell that k cuts through: which of its members were taken has no meaning, so no angle of
            theirs may be used.
    """

    neighbours: np.ndarray
    distances: np.ndarray
    offsets: np.ndarray
    vectors: np.ndarray | None = None


def build_graphs(table: CrystalTable, k: int = N_NEIGHBOURS, vectors: bool = False) -> Graphs:
    """Find the ``k`` nearest neighbours of every atom, periodic images included.

    Where the k-th neighbour shares its distance with others, those taken are chosen by an invariant
    of their surroundings, so that the graph does not depend on the order of the atoms.

    Args:
        table: crystals; any cell, however small or skewed.
        k: neighbours of each atom.
        vectors: keep the displacements too; encoders that know angles need them.
    """
    first, second, distance, displacement, crystal_fingerprints = [], [], [], [], []
    for crystal, start in zip(table, table.offsets, strict=False):
        i, j, d, displacements, cutoff = _pairs(crystal, k)
        displacement.append(displacements if vectors else displacements[:0])
        crystal_fingerprints.append(_fingerprints(crystal.numbers, i, j, d, cutoff))
        first.append(i + start)
        second.append(j + start)
        distance.append(d)
    offsets = table.offsets
    if not len(table):
        none = np.empty((0, k, 3), np.float32) if vectors else None
        return Graphs(np.empty((0, k), np.int32), np.empty((0, k), np.float32), offsets, none)
    i, j, d = np.concatenate(first), np.concatenate(second), np.concatenate(distance)
    by_atom = np.lexsort((d, i))
    i, j, d = i[by_atom], j[by_atom], d[by_atom]
    new_shell = np.empty(len(d), dtype=bool)
    new_shell[0] = True
    new_shell[1:] = (i[1:] != i[:-1]) | (d[1:] - d[:-1] > _TIE)
    shell = np.cumsum(new_shell)
    order = np.lexsort((np.concatenate(crystal_fingerprints)[j], shell))
    counts = np.bincount(i, minlength=offsets[-1])
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    chosen = order[starts[:, None] + np.arange(k)]
    # Within a shell they stand by surroundings; put the few unequal distances of a shell in order again.
    chosen = np.take_along_axis(chosen, np.argsort(d[chosen], axis=1, kind="stable"), axis=1)
    owner_start = np.repeat(offsets[:-1], np.diff(offsets))
    neighbours = (j[chosen] - owner_start[:, None]).astype(np.int32)
    kept = None
    if vectors:
        last = shell[order[starts + k - 1]]
        cut = last == shell[order[starts + k]]  # `_pairs` finds more than k neighbours
        kept = np.concatenate(displacement)[by_atom[chosen]].astype(np.float32)
        kept[cut[:, None] & (shell[chosen] == last[:, None])] = 0.0
    return Graphs(neighbours, d[chosen].astype(np.float32), offsets, kept)


def _pairs(crystal: Crystal, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """All pairs within a cutoff that gives every atom k neighbours and the k-th one's whole shell."""
    from vesin import NeighborList

    lattice = crystal.lattice.astype(np.float64)
    n = len(crystal.numbers)
    positions = crystal.frac_coords.astype(np.float64) @ lattice
    per_neighbour = crystal.volume / n
    cutoff = (3.0 * (k + _MARGIN) * per_neighbour / (4.0 * np.pi)) ** (1 / 3)
    while True:
        i, j, d, displacements = NeighborList(cutoff=cutoff, full_list=True, n_threads=1).compute(
            points=positions, box=lattice, periodic=True, quantities="ijdD"
        )
        i = i.astype(np.int64)
        inside = np.bincount(i[d < cutoff - 2 * _TIE], minlength=n)
        if inside.min() > k:
            return i, j.astype(np.int64), d, displacements, cutoff
        cutoff *= 1.25


def _fingerprints(
    numbers: np.ndarray, i: np.ndarray, j: np.ndarray, d: np.ndarray, cutoff: float
) -> np.ndarray:
    """Give each atom a number that tells inequivalent surroundings apart; smooth, so free of ties itself."""
    weight = (1.0 - (d / cutoff) ** 2) ** 2 * (1.0 + numbers[j])
    return numbers * 1e4 + np.round(np.bincount(i, weights=weight, minlength=len(numbers)), 3)
