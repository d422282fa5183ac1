import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.sample_crystals import disguise, sample_crystals, sample_table
from xbert.crystals import Crystal, CrystalTable
from xbert.features import Batch, Features, collate, features_of
from xbert.gnn import ENCODERS, make_encoder
from xbert.gnn.alignn import ALIGNN, CosineBasis, EdgeGatedConvolution, bond_angles
from xbert.model import XBERT, XBERTConfig
from xbert.symmetry import standardise


def _features(table: CrystalTable) -> Features:
    """Of the cells as they are: what the encoder sees must not depend on how a crystal is written."""
    n = len(table)
    return features_of(table, np.ones(n, dtype=np.int16), np.zeros(n, dtype=np.int64), vectors=True)


def _batch(table: CrystalTable) -> Batch:
    return collate(_features(table), np.arange(len(table)))


@pytest.fixture(scope="module")
def model() -> ALIGNN:
    torch.manual_seed(0)
    model = ALIGNN(width=8, layers=2)
    batch = _batch(sample_table())
    with torch.no_grad():
        for _ in range(40):  # until the norms know their statistics
            model(batch)
    return model.eval()


def test_the_convolution_is_the_equation_written_out() -> None:
    torch.manual_seed(0)
    n, k, width = 5, 3, 4
    layer = EdgeGatedConvolution(width).eval()
    for norm in (layer.norm_nodes, layer.norm_edges):
        norm.running_mean.uniform_(-1, 1)
        norm.running_var.uniform_(0.5, 2)
    nodes, edges = torch.randn(n, width), torch.randn(n, k, width)
    neighbours, kept = torch.randint(0, n, (n, k)), torch.randint(0, 2, (n, k)).float()
    (u, a), (u0, a0) = layer.of_node.weight.chunk(2), layer.of_node.bias.chunk(2)
    (v, b), c = layer.of_neighbour.weight.chunk(2), layer.of_edge.weight

    def norm(which, x):
        return F.batch_norm(x[None], which.running_mean, which.running_var, which.weight, which.bias)[0]

    new_nodes, new_edges = layer(nodes, neighbours, edges, kept)
    for i in range(n):
        total, weight = torch.zeros(width), torch.zeros(width)
        for place in range(k):
            j = int(neighbours[i, place])
            m = a @ nodes[i] + a0 + b @ nodes[j] + c @ edges[i, place]
            expected = edges[i, place] + F.silu(norm(layer.norm_edges, m))
            torch.testing.assert_close(new_edges[i, place], expected)
            total += kept[i, place] * torch.sigmoid(m) * (v @ nodes[j])
            weight += kept[i, place] * torch.sigmoid(m)
        own = u @ nodes[i] + u0 + total / (weight + 1e-6)
        torch.testing.assert_close(new_nodes[i], nodes[i] + F.silu(norm(layer.norm_nodes, own)))


def test_angles_are_those_of_the_crystal() -> None:
    silicon = _batch(CrystalTable.from_crystals(sample_crystals()[:1]))
    cosine, kept = bond_angles(silicon.vectors, silicon.neighbours)
    # Four bonds, then a shell of twelve that is cut at eight: only the first four have a direction.
    assert silicon.vectors.norm(dim=-1).gt(0).tolist() == [[True] * 4 + [False] * 8] * 2
    assert kept[:, :4, :4].all()
    assert not kept[:, 4:].any()
    assert not kept[:, :, 4:].any()
    # At the far atom: back along the bond, or at the tetrahedral angle to it.
    found = cosine[:, :4, :4].sort(-1).values
    torch.testing.assert_close(found, torch.tensor([-1 / 3] * 3 + [1.0]).expand(2, 4, 4), atol=1e-5, rtol=0)


def test_vectors_belong_to_their_distances() -> None:
    features = _features(sample_table())
    length = np.linalg.norm(features.vectors, axis=-1)
    whole = length > 0
    assert 0.3 < whole.mean() < 1.0
    np.testing.assert_allclose(length[whole], features.distances[whole], atol=1e-4)
    np.testing.assert_array_equal(
        features.distances,
        features_of(sample_table(), features.spacegroup, features.n_electrons).distances,
    )


@pytest.mark.parametrize("repeat", [(1, 1, 1), (2, 1, 1)], ids=["cell", "supercell"])
def test_the_writing_of_a_crystal_does_not_matter(model: ALIGNN, repeat: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    crystals = sample_crystals()
    others = [disguise(crystal, rng, repeat) for crystal in crystals]  # turned, moved, atoms permuted
    with torch.inference_mode():
        one, other = (model(_batch(CrystalTable.from_crystals(each))) for each in (crystals, others))
    torch.testing.assert_close(one, other, atol=3e-5, rtol=3e-5)


def test_angles_tell_apart_what_distances_cannot(model: ALIGNN) -> None:
    batch = _batch(sample_table())
    turned = batch.vectors.clone()
    turned[:, 0] = -turned[:, 0]
    other = Batch(**{**vars(batch), "vectors": turned})
    with torch.inference_mode():
        assert (model(batch) - model(other)).abs().max() > 3e-4


def test_a_crystal_does_not_depend_on_its_batch(model: ALIGNN) -> None:
    features = _features(sample_table())
    with torch.inference_mode():
        together = model(collate(features, np.arange(8)))
        alone = torch.cat([model(collate(features, np.array([i]))) for i in range(8)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_gradients_reach_every_parameter() -> None:
    torch.manual_seed(0)
    model = ALIGNN(width=8, layers=2)
    (model(_batch(sample_table())) ** 3).sum().backward()
    # The edges that the last convolution writes are read by nobody.
    unread = {"on_graph.3.norm_edges.weight", "on_graph.3.norm_edges.bias"}
    unread |= {f"on_line_graph.1.norm_edges.{name}" for name in ("weight", "bias")}
    silent = {n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0}
    assert silent == unread


def test_cosine_basis_peaks_at_its_centres() -> None:
    values = CosineBasis(5)(torch.tensor([-1.0, 0.0, 1.0]))
    assert values.argmax(-1).tolist() == [0, 2, 4]


def test_without_displacements_it_says_what_to_do() -> None:
    cells = standardise(sample_table())
    plain = features_of(cells.crystals, cells.spacegroup, cells.n_electrons)
    with pytest.raises(ValueError, match="compute features with vectors"):
        ALIGNN(width=4, layers=1)(collate(plain, np.arange(2)))


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_share_one_interface(name: str) -> None:
    encoder = make_encoder(name, 6, 1)
    assert encoder.width == 6
    assert encoder(_batch(sample_table())).shape == (8, 6)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(ValueError, match="no graph encoder 'schnet': there are cgcnn, alignn"):
        make_encoder("schnet", 4, 1)


def test_xbert_trains_with_it() -> None:
    torch.manual_seed(0)
    config = XBERTConfig(
        outputs={"y": 2}, width=16, layers=1, heads=2, feed_forward=16, graph_width=8, encoder="alignn"
    )
    model, batch = XBERT(config), _batch(sample_table())
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    truth, losses = torch.arange(8) % 2, []
    for _ in range(25):
        loss = F.cross_entropy(model(batch)["y"], truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.3 * losses[0]


def test_bfloat16_autocast_agrees_with_single_precision(model: ALIGNN) -> None:
    batch = _batch(sample_table())
    with torch.inference_mode():
        exact = model(batch)
        with torch.autocast("cpu", torch.bfloat16):
            rough = model(batch).float()
    assert (exact - rough).abs().max() < 0.05 * exact.abs().max()


def test_lengths_and_displacements_stretch_together() -> None:
    crystals = sample_crystals()
    larger = [Crystal(c.id, c.lattice * 1.2, c.numbers, c.frac_coords) for c in crystals]
    stretched = _batch(sample_table()).stretched(torch.full((8,), 1.2))
    expected = _batch(CrystalTable.from_crystals(larger))
    torch.testing.assert_close(stretched.distances, expected.distances, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(
        stretched.vectors.norm(dim=-1), expected.vectors.norm(dim=-1), atol=1e-4, rtol=1e-4
    )


def test_a_model_with_it_scores_crystals_like_any_other(tmp_path) -> None:
    from xbert.checkpoint import Description, save_model
    from xbert.predict import Predictor
    from xbert.scoring import prepare, score_table
    from xbert.training.labels import OUTPUTS

    torch.manual_seed(0)
    config = XBERTConfig(
        outputs={"topology": 16},
        width=16,
        layers=1,
        heads=2,
        feed_forward=16,
        graph_width=8,
        encoder="alignn",
    )
    member = XBERT(config).eval()
    described = Description("a", "a test", config.to_json(), 1, list(OUTPUTS), [1.0] * len(OUTPUTS))
    save_model(tmp_path, [member], described)
    predictor = Predictor(tmp_path)
    assert predictor.needs_vectors
    scores = score_table(sample_table(), predictor)
    assert scores["error"].null_count == 8
    features = prepare(sample_table(), vectors=True)[1]
    np.testing.assert_allclose(scores["p_topological"], predictor(features).topological, atol=1e-6)
    assert not Predictor("benchmark").needs_vectors
