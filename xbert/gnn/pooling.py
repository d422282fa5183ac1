"""From the vectors of atoms to one vector a crystal."""

import torch
from torch import Tensor

from xbert.features import Batch

POOLINGS = {"mean": 1, "mean and max": 2}
"""How atoms are summed up → how many times an atom's width comes out."""


def pool(atoms: Tensor, batch: Batch, how: str) -> Tensor:
    """Sum up (a, width) atom vectors over each crystal: (b, times · width), see `POOLINGS`.

    The greatest value keeps what one atom alone has, which a mean over a large cell drowns.
    """
    mean = mean_of_atoms(atoms, batch)
    if how == "mean":
        return mean
    index = batch.crystal[:, None].expand_as(atoms)
    greatest = atoms.new_zeros(mean.shape).scatter_reduce(0, index, atoms, "amax", include_self=False)
    return torch.cat([mean, greatest], dim=1)


def mean_of_atoms(atoms: Tensor, batch: Batch) -> Tensor:
    """Average (a, width) atom vectors over each crystal: (b, width)."""
    total = atoms.new_zeros(batch.size, atoms.shape[1]).index_add_(0, batch.crystal, atoms)
    counts = torch.bincount(batch.crystal, minlength=batch.size).clamp_min(1)
    return total / counts[:, None].to(atoms.dtype)
