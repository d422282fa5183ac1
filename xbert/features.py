"""From crystals to the arrays that XBERT reads, and batches of them."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbert.crystals import CrystalTable
from xbert.graphs import N_NEIGHBOURS, build_graphs
from xbert.tokens import composition

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Features:
    """Model inputs of n crystals with ``atoms`` atoms in all.

    Attributes:
        spacegroup: (n,) int16, 1–230.
        n_electrons: (n,) int64 of the primitive cell.
        composition: (n, 104) float32 element fractions by atomic number.
        volume_per_atom: (n,) float32 in Å³.
        numbers: (atoms,) uint8 atomic numbers.
        neighbours: (atoms, k) int32, index within the crystal.
        distances: (atoms, k) float32 in Å.
        offsets: (n + 1,) int64, crystal i owns atoms offsets[i]:offsets[i + 1].
    """

    spacegroup: np.ndarray
    n_electrons: np.ndarray
    composition: np.ndarray
    volume_per_atom: np.ndarray
    numbers: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.spacegroup)

    def save(self, path: Path, metadata: dict[str, str] | None = None) -> None:
        """Write the arrays as safetensors."""
        from safetensors.numpy import save_file

        save_file({f.name: getattr(self, f.name) for f in fields(self)}, path, metadata)

    @classmethod
    def load(cls, path: Path) -> "Features":
        """Read what ``save`` wrote."""
        from safetensors.numpy import load_file

        return cls(**load_file(path))

    @classmethod
    def concatenate(cls, parts: list["Features"]) -> "Features":
        """Join parts in order."""
        arrays = {
            f.name: np.concatenate([getattr(part, f.name) for part in parts])
            for f in fields(cls)
            if f.name != "offsets"
        }
        sizes = np.concatenate([np.diff(part.offsets) for part in parts])
        return cls(**arrays, offsets=np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]))

    def take(self, rows: np.ndarray) -> "Features":
        """Return the crystals at ``rows``, in that order."""
        sizes = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
        atoms = np.repeat(self.offsets[rows] - offsets[:-1], sizes) + np.arange(offsets[-1])
        return Features(
            self.spacegroup[rows],
            self.n_electrons[rows],
            self.composition[rows],
            self.volume_per_atom[rows],
            self.numbers[atoms],
            self.neighbours[atoms],
            self.distances[atoms],
            offsets,
        )


def features_of(
    table: CrystalTable, spacegroup: np.ndarray, n_electrons: np.ndarray, k: int = N_NEIGHBOURS
) -> Features:
    """Compute the model inputs of primitive cells whose space groups are known."""
    graphs = build_graphs(table, k)
    volume = np.abs(np.linalg.det(table.lattices.astype(np.float64)))
    return Features(
        spacegroup,
        n_electrons,
        composition(table),
        (volume / np.maximum(table.n_atoms, 1)).astype(np.float32),
        table.numbers_flat.copy(),
        graphs.neighbours,
        graphs.distances,
        graphs.offsets,
    )


@dataclass(frozen=True)
class Batch:
    """One batch as tensors, atoms of all crystals in one flat list.

    Attributes:
        spacegroup: (b,) int64.
        n_electrons: (b,) int64.
        composition: (b, 104) float32.
        volume_per_atom: (b,) float32 in Å³.
        numbers: (a,) int64 atomic numbers.
        neighbours: (a, k) int64 rows of the flat list.
        distances: (a, k) float32 in Å.
        crystal: (a,) int64, the crystal each atom belongs to.
    """

    spacegroup: "torch.Tensor"
    n_electrons: "torch.Tensor"
    composition: "torch.Tensor"
    volume_per_atom: "torch.Tensor"
    numbers: "torch.Tensor"
    neighbours: "torch.Tensor"
    distances: "torch.Tensor"
    crystal: "torch.Tensor"

    @property
    def size(self) -> int:
        """Number of crystals."""
        return len(self.spacegroup)

    def to(self, device: "torch.device | str") -> "Batch":
        """Move every tensor."""
        return Batch(**{f.name: getattr(self, f.name).to(device, non_blocking=True) for f in fields(self)})


def collate(features: Features, rows: np.ndarray) -> Batch:
    """Gather the crystals at ``rows`` into one batch."""
    import torch

    part = features.take(np.asarray(rows))
    sizes = np.diff(part.offsets)
    neighbours = part.neighbours.astype(np.int64) + np.repeat(part.offsets[:-1], sizes)[:, None]
    return Batch(
        torch.from_numpy(part.spacegroup.astype(np.int64)),
        torch.from_numpy(part.n_electrons.astype(np.int64)),
        torch.from_numpy(part.composition),
        torch.from_numpy(part.volume_per_atom),
        torch.from_numpy(part.numbers.astype(np.int64)),
        torch.from_numpy(neighbours),
        torch.from_numpy(part.distances),
        torch.from_numpy(np.repeat(np.arange(len(rows)), sizes)),
    )
