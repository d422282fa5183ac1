"""From crystals to the arrays that XBERT reads, and batches of them."""

from dataclasses import dataclass, fields, replace
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
        vectors: (atoms, k, 3) float32 in Å from the atom to each neighbour, for encoders that know angles;
            zero in a shell that k cuts through.
    """

    spacegroup: np.ndarray
    n_electrons: np.ndarray
    composition: np.ndarray
    volume_per_atom: np.ndarray
    numbers: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray
    offsets: np.ndarray
    vectors: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.spacegroup)

    def save(self, path: Path, metadata: dict[str, str] | None = None) -> None:
        """Write the arrays as safetensors."""
        from safetensors.numpy import save_file

        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        save_file({name: array for name, array in arrays.items() if array is not None}, path, metadata)

    @classmethod
    def load(cls, path: Path) -> "Features":
        """Read what ``save`` wrote."""
        from safetensors.numpy import load_file

        return cls(**load_file(path))

    @classmethod
    def concatenate(cls, parts: list["Features"]) -> "Features":
        """Join parts in order; vectors are kept where all parts have them."""
        names = [f.name for f in fields(cls) if f.name != "offsets"]
        if any(part.vectors is None for part in parts):
            names.remove("vectors")
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
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
            None if self.vectors is None else self.vectors[atoms],
        )


def features_of(
    table: CrystalTable,
    spacegroup: np.ndarray,
    n_electrons: np.ndarray,
    k: int = N_NEIGHBOURS,
    vectors: bool = False,
) -> Features:
    """Compute the model inputs of primitive cells whose space groups are known.

    ``vectors`` are for encoders that know angles.
    """
    graphs = build_graphs(table, k, vectors)
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
        graphs.vectors,
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
        vectors: (a, k, 3) float32 in Å from the atom to each neighbour, or None.
    """

    spacegroup: "torch.Tensor"
    n_electrons: "torch.Tensor"
    composition: "torch.Tensor"
    volume_per_atom: "torch.Tensor"
    numbers: "torch.Tensor"
    neighbours: "torch.Tensor"
    distances: "torch.Tensor"
    crystal: "torch.Tensor"
    vectors: "torch.Tensor | None" = None

    @property
    def size(self) -> int:
        """Number of crystals."""
        return len(self.spacegroup)

    def to(self, device: "torch.device | str") -> "Batch":
        """Move every tensor."""
        tensors: dict[str, torch.Tensor] = {
            f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None
        }
        return Batch(**{name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()})

    def stretched(self, factor: "torch.Tensor") -> "Batch":
        """Return the batch with every length of crystal i times ``factor[i]``: (b,)."""
        of_atom = factor[self.crystal]
        return replace(
            self,
            distances=self.distances * of_atom[:, None],
            volume_per_atom=self.volume_per_atom * factor**3,
            vectors=None if self.vectors is None else self.vectors * of_atom[:, None, None],
        )


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
        None if part.vectors is None else torch.from_numpy(part.vectors),
    )
