import numpy as np
import torch
from torch.nn import functional as F

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.features import collate
from xbert.gnn.cgcnn import CGCNN, CrystalConvolution, GaussianBasis
from xbert.gnn.pooling import mean_of_atoms


def test_gaussians_peak_at_their_centres() -> None:
    basis = GaussianBasis()
    assert basis.size == 41
    values = basis(torch.tensor([0.0, 1.0, 8.0]))
    assert values.argmax(-1).tolist() == [0, 5, 40]
    torch.testing.assert_close(values.max(-1).values, torch.ones(3))


def test_the_split_product_equals_the_equation_of_the_paper() -> None:
    # Eq. (5) of PRL 120, 145301 with z = v_i ⊕ v_j ⊕ u_ij and one matrix for each of gate and core.
    torch.manual_seed(0)
    layer = CrystalConvolution(width=4, bond_width=3).eval()
    atoms, bonds = torch.randn(5, 4), torch.randn(5, 2, 3)
    neighbours = torch.randint(0, 5, (5, 2))
    weight = torch.cat([layer.of_atom.weight, layer.of_neighbour.weight, layer.of_bond.weight], dim=1)
    z = torch.cat([atoms[:, None].expand(5, 2, 4), atoms[neighbours], bonds], dim=-1)
    gate, core = F.linear(z, weight, layer.of_atom.bias).chunk(2, -1)
    expected = F.softplus(atoms + layer.norm((torch.sigmoid(gate) * F.softplus(core)).sum(1)))
    torch.testing.assert_close(layer(atoms, neighbours, bonds), expected)


def test_the_crystal_vector_is_the_mean_over_its_atoms() -> None:
    features = features_in_standard_cells(sample_table())
    batch = collate(features, np.array([5, 1]))
    atoms = torch.arange(len(batch.numbers), dtype=torch.float32)[:, None]
    first = int((batch.crystal == 0).sum())
    torch.testing.assert_close(
        mean_of_atoms(atoms, batch)[:, 0], torch.stack([atoms[:first, 0].mean(), atoms[first:, 0].mean()])
    )


def test_gradients_reach_every_parameter() -> None:
    features = features_in_standard_cells(sample_table())
    model = CGCNN(width=8, layers=2)
    model(collate(features, np.arange(8))).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())
