"""Crystal graph convolutional network on a dense neighbour layout.

T. Xie and J. C. Grossman, PRL 120, 145301 (2018), Eqs. (5) and (6).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xbert.elements import element_vectors
from xbert.features import Batch
from xbert.gnn.pooling import POOLINGS, pool


class GaussianBasis(nn.Module):
    """Expand distances in Gaussians centred every ``step`` Å from 0 to ``cutoff``."""

    centres: Tensor

    def __init__(self, cutoff: float = 8.0, step: float = 0.2) -> None:
        super().__init__()
        self.register_buffer("centres", torch.arange(0.0, cutoff + step / 2, step), persistent=False)
        self.step = step

    @property
    def size(self) -> int:
        """Number of Gaussians."""
        return len(self.centres)

    def forward(self, distances: Tensor) -> Tensor:
        """(..., ) distances in Å → (..., size)."""
        return torch.exp(-(((distances[..., None] - self.centres) / self.step) ** 2))


class CrystalConvolution(nn.Module):
    """One gated convolution: v_i ← softplus(v_i + norm(Σ_j σ(W_f z_ij) ⊙ softplus(W_s z_ij))).

    W z_ij is split into three products, of atom i, atom j and the bond, so that the atoms' parts are
    computed once per atom instead of once per bond.
    """

    def __init__(self, width: int, bond_width: int) -> None:
        super().__init__()
        self.of_atom = nn.Linear(width, 2 * width)
        self.of_neighbour = nn.Linear(width, 2 * width, bias=False)
        self.of_bond = nn.Linear(bond_width, 2 * width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, atoms: Tensor, neighbours: Tensor, bonds: Tensor) -> Tensor:
        """(a, width), (a, k), (a, k, bond_width) → (a, width)."""
        n, k = neighbours.shape
        gathered = self.of_neighbour(atoms).index_select(0, neighbours.reshape(-1)).view(n, k, -1)
        gate, core = (gathered + self.of_atom(atoms)[:, None] + self.of_bond(bonds)).chunk(2, dim=-1)
        message = (torch.sigmoid(gate) * F.softplus(core)).sum(dim=1)
        return F.softplus(atoms + self.norm(message.float()).to(atoms.dtype))


class CGCNN(nn.Module):
    """Encode the unit cell of each crystal of a batch as one vector.

    Args:
        width: length of the atom vectors.
        layers: convolutions.
        pooling: of atoms, one of ``POOLINGS``.
    """

    elements: Tensor

    def __init__(self, width: int = 64, layers: int = 3, pooling: str = "mean") -> None:
        super().__init__()
        self.register_buffer("elements", torch.from_numpy(element_vectors().copy()), persistent=False)
        self.width, self.pooling = POOLINGS[pooling] * width, pooling
        self.basis = GaussianBasis()
        self.embed = nn.Linear(self.elements.shape[1], width)
        self.convolutions = nn.ModuleList(CrystalConvolution(width, self.basis.size) for _ in range(layers))

    def forward(self, batch: Batch) -> Tensor:
        """Return (b, self.width), the atoms of each crystal summed up."""
        # Embedding the 104 elements first is cheaper than embedding every atom.
        atoms = self.embed(self.elements).index_select(0, batch.numbers)
        bonds = self.basis(batch.distances)
        for convolution in self.convolutions:
            atoms = convolution(atoms, batch.neighbours, bonds)
        return pool(atoms, batch, self.pooling)
