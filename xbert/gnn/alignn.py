"""Atomistic line graph neural network on a dense neighbour layout.

K. Choudhary and B. DeCost, npj Comput. Mater. 7, 185 (2021): edge-gated convolutions alternate between the
line graph, whose nodes are bonds and whose edges are pairs of bonds with an angle, and the graph of atoms.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from xbert.elements import element_vectors
from xbert.features import Batch
from xbert.gnn.cgcnn import GaussianBasis
from xbert.gnn.pooling import POOLINGS, pool

_EPSILON = 1e-6  # of the sum of gates, as in the paper


class CosineBasis(nn.Module):
    """Expand cosines in ``size`` Gaussians with centres from −1 to 1."""

    centres: Tensor

    def __init__(self, size: int = 40) -> None:
        super().__init__()
        self.register_buffer("centres", torch.linspace(-1.0, 1.0, size), persistent=False)
        self.size = size

    def forward(self, cosines: Tensor) -> Tensor:
        """(...,) cosines → (..., size)."""
        return torch.exp(-(((cosines[..., None] - self.centres) * (self.size - 1) / 2) ** 2))


class Layer(nn.Module):
    """SiLU(norm(W x)) over the last axis."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(size, width)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        """(..., size) → (..., width)."""
        return F.silu(normalised(self.norm, self.linear(x)))


class EdgeGatedConvolution(nn.Module):
    """One edge-gated convolution of nodes i with neighbours j over edges e_ij.

    m_ij = A x_i + B x_j + C e_ij;  e_ij ← e_ij + SiLU(norm(m_ij));
    x_i ← x_i + SiLU(norm(U x_i + Σ_j σ(m_ij) ⊙ V x_j / (Σ_j σ(m_ij) + ε))).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_node = nn.Linear(width, 2 * width)  # U and A
        self.of_neighbour = nn.Linear(width, 2 * width, bias=False)  # V and B
        self.of_edge = nn.Linear(width, width, bias=False)  # C
        self.norm_nodes = nn.BatchNorm1d(width)
        self.norm_edges = nn.BatchNorm1d(width)

    def forward(
        self, nodes: Tensor, neighbours: Tensor, edges: Tensor, kept: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return nodes (n, width) and edges (n, k, width).

        Args:
            nodes: (n, width).
            neighbours: (n, k) rows of ``nodes``.
            edges: (n, k, width).
            kept: (n, k) of 1 where an edge counts and 0 where it does not; all count without it.
        """
        n, k = neighbours.shape
        own, gate_own = self.of_node(nodes).chunk(2, dim=-1)
        gathered = self.of_neighbour(nodes).index_select(0, neighbours.reshape(-1)).view(n, k, -1)
        value, gate_other = gathered.chunk(2, dim=-1)
        message = gate_own[:, None] + gate_other + self.of_edge(edges)
        gate = torch.sigmoid(message)
        if kept is not None:
            gate = gate * kept[..., None].to(gate.dtype)
        mean = (gate * value).sum(1) / (gate.sum(1) + _EPSILON)
        return (
            nodes + F.silu(normalised(self.norm_nodes, own + mean)),
            edges + F.silu(normalised(self.norm_edges, message)),
        )


class ALIGNN(nn.Module):
    """Encode the unit cell of each crystal of a batch as one vector.

    Args:
        width: length of the vectors of atoms, bonds and angles.
        layers: so many pairs of convolutions, on the line graph and on the graph, and then as many on the
            graph alone; the paper has four of width 256.
        pooling: of atoms, one of ``POOLINGS``.
    """

    elements: Tensor
    needs_vectors = True

    def __init__(self, width: int = 64, layers: int = 3, pooling: str = "mean") -> None:
        super().__init__()
        self.register_buffer("elements", torch.from_numpy(element_vectors().copy()), persistent=False)
        self.width, self.pooling = POOLINGS[pooling] * width, pooling
        self.distances, self.cosines = GaussianBasis(), CosineBasis()
        self.embed = nn.Linear(self.elements.shape[1], width)
        self.embed_bonds = Layer(self.distances.size, width)
        self.embed_angles = Layer(self.cosines.size, width)
        self.on_line_graph = nn.ModuleList(EdgeGatedConvolution(width) for _ in range(layers))
        self.on_graph = nn.ModuleList(EdgeGatedConvolution(width) for _ in range(2 * layers))

    def forward(self, batch: Batch) -> Tensor:
        """Return (b, self.width), the atoms of each crystal summed up.

        Raises:
            ValueError: the batch holds no displacements.
        """
        if batch.vectors is None:
            raise ValueError("ALIGNN needs the displacements of neighbours: compute features with vectors")
        n, k = batch.neighbours.shape
        cosine, kept = bond_angles(batch.vectors, batch.neighbours)
        # Node i·k + a of the line graph is bond a of atom i; its neighbours are the bonds of its far end.
        line = (batch.neighbours.reshape(-1, 1) * k) + torch.arange(k, device=batch.neighbours.device)
        atoms = self.embed(self.elements).index_select(0, batch.numbers)
        bonds = self.embed_bonds(self.distances(batch.distances)).view(n * k, -1)
        angles = self.embed_angles(self.cosines(cosine) * kept[..., None]).view(n * k, k, -1)
        kept = kept.view(n * k, k)
        pairs = len(self.on_line_graph)
        for of_bonds, of_atoms in zip(self.on_line_graph, self.on_graph[:pairs], strict=True):
            bonds, angles = of_bonds(bonds, line, angles, kept)
            atoms, bonds = _on_atoms(of_atoms, atoms, batch.neighbours, bonds)
        for of_atoms in self.on_graph[pairs:]:
            atoms, bonds = _on_atoms(of_atoms, atoms, batch.neighbours, bonds)
        return pool(atoms, batch, self.pooling)


def bond_angles(vectors: Tensor, neighbours: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosines of the angles at the far end of each bond, and which of them mean something.

    Args:
        vectors: (n, k, 3) from each atom to its neighbours, zero where there is no direction.
        neighbours: (n, k) rows.

    Returns:
        (n, k, k) cosine between the bond a of atom i, seen from its far end j, and the bond b of j; and
        (n, k, k) 1 where both have a direction, else 0 (the cosine is 0 there).
    """
    length = vectors.norm(dim=-1, keepdim=True)
    unit = vectors / length.clamp_min(_EPSILON)
    there = (length[..., 0] > 0).to(vectors.dtype)
    cosine = -torch.einsum("iac,iabc->iab", unit, unit[neighbours])
    return cosine.clamp(-1.0, 1.0), there[:, :, None] * there[neighbours]


def normalised(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """Normalise (..., width) over all but the last axis, in single precision."""
    flat: Tensor = norm(x.reshape(-1, x.shape[-1]).float())
    return flat.view(x.shape).to(x.dtype)


def _on_atoms(
    convolution: nn.Module, atoms: Tensor, neighbours: Tensor, bonds: Tensor
) -> tuple[Tensor, Tensor]:
    n, k = neighbours.shape
    atoms, bonds = convolution(atoms, neighbours, bonds.view(n, k, -1))
    return atoms, bonds.reshape(n * k, -1)
