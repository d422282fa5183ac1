import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.features import Batch, collate
from xbert.model import ABLATIONS, TOKENS, XBERT, GraphAlone, XBERTConfig

SMALL = XBERTConfig(outputs={"topology": 3}, width=32, layers=2, heads=2, feed_forward=32, graph_width=16)


@pytest.fixture(scope="module")
def batch() -> Batch:
    features = features_in_standard_cells(sample_table())
    return collate(features, np.arange(8))


def _model(config: XBERTConfig) -> XBERT:
    torch.manual_seed(0)
    return XBERT(config).eval()


def test_the_default_is_the_model_of_the_paper() -> None:
    config = XBERTConfig()
    assert (config.width, config.layers, config.heads, config.graph_layers) == (256, 5, 4, 3)


def test_eight_tokens_make_the_feature_vector_and_the_heads(batch: Batch) -> None:
    model = _model(SMALL)
    assert model.tokens(batch).shape == (8, 8, 32)
    assert model.features(batch).shape == (8, 8 * 32)
    assert model(batch)["topology"].shape == (8, 3)


def test_token_softmax_normalises_each_token(batch: Batch) -> None:
    tokens = _model(replace(SMALL, token_softmax=True)).features(batch).view(8, 8, 32)
    torch.testing.assert_close(tokens.sum(-1), torch.ones(8, 8))


def test_a_crystal_is_scored_alike_alone_and_in_company(batch: Batch) -> None:
    model = _model(SMALL)
    features = features_in_standard_cells(sample_table())
    together = model(batch)["topology"]
    for row in range(8):
        alone = model(collate(features, np.array([row])))["topology"]
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("known", [(False,) * 5, (False, False, True, True, False)])
def test_words_that_are_hidden_change_nothing(batch: Batch, known: tuple[bool, ...]) -> None:
    model = _model(replace(SMALL, known_words=known))
    # 216 and 225 share crystal system and Laue class and differ in the other three words.
    one = replace(batch, spacegroup=torch.full((8,), 216))
    other = replace(batch, spacegroup=torch.full((8,), 225))
    assert torch.equal(model(one)["topology"], model(other)["topology"])


def test_words_that_are_told_matter(batch: Batch) -> None:
    model = _model(SMALL)
    one = replace(batch, spacegroup=torch.full((8,), 216))
    other = replace(batch, spacegroup=torch.full((8,), 225))
    assert not torch.allclose(model(one)["topology"], model(other)["topology"])


def test_each_other_token_matters(batch: Batch) -> None:
    model = _model(SMALL)
    plain = model(batch)["topology"]
    for changed in (
        replace(batch, n_electrons=batch.n_electrons + 1),
        replace(batch, composition=batch.composition.roll(1, 0)),
        replace(batch, distances=batch.distances * 1.1),
    ):
        assert not torch.allclose(model(changed)["topology"], plain, atol=1e-6)


def test_word_dropout_acts_in_training_only(batch: Batch) -> None:
    model = _model(replace(SMALL, word_dropout=1.0, dropout=0.0))
    hidden = _model(replace(SMALL, known_words=(False,) * 5, dropout=0.0))
    hidden.load_state_dict(model.state_dict())
    assert not torch.allclose(model.tokens(batch), hidden.tokens(batch))
    model.train()
    hidden.train()
    torch.testing.assert_close(model.tokens(batch)[:, :5], hidden.tokens(batch)[:, :5])


def test_config_round_trip_and_unknown_keys() -> None:
    assert XBERTConfig.from_json(SMALL.to_json()) == SMALL
    with pytest.raises(TypeError, match="wings"):
        XBERTConfig.from_json(SMALL.to_json() | {"wings": 2})


def test_too_many_electrons_are_refused_with_the_limit(batch: Batch) -> None:
    with pytest.raises(ValueError, match="16383"):
        _model(SMALL)(replace(batch, n_electrons=batch.n_electrons + 20_000))


@pytest.mark.parametrize("name", ["benchmark", "discovery"])
def test_the_shipped_models_answer_what_they_answered_when_they_were_made(name: str) -> None:
    from xbert.predict import Predictor

    stored = json.loads((Path(__file__).parent / "stored" / "shipped_predictions.json").read_text())[name]
    assert stored["ids"] == sample_table().ids
    answer = Predictor(name)(features_in_standard_cells(sample_table()))
    np.testing.assert_allclose(answer.by_kind, stored["by_kind"], atol=2e-6)
    for learned in {"gap", "metal"} & stored.keys():
        np.testing.assert_allclose(getattr(answer, learned), stored[learned], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", list(ABLATIONS))
def test_what_is_ablated_no_longer_matters(batch: Batch, part: str) -> None:
    model = _model(replace(SMALL, ablated=(part,)))
    tokens = len(TOKENS) - len(ABLATIONS[part])
    assert model.tokens(batch).shape == (8, tokens, 32)
    assert model.features(batch).shape == (8, tokens * 32)
    changed = {
        "space group": replace(batch, spacegroup=torch.ones_like(batch.spacegroup)),
        "elements": replace(batch, composition=batch.composition.flip(0)),
        "electrons": replace(batch, n_electrons=batch.n_electrons + 1),
        "graph": replace(batch, distances=batch.distances + 0.5),
    }
    for name, other in changed.items():
        assert torch.equal(model(other)["topology"], model(batch)["topology"]) == (name == part), name


def test_without_its_norm_a_token_keeps_its_length(batch: Batch) -> None:
    tokens = _model(SMALL).features(batch).view(8, 8, 32)
    torch.testing.assert_close(tokens.var(-1, unbiased=False), torch.ones(8, 8), rtol=1e-3, atol=1e-3)
    bare = _model(replace(SMALL, ablated=("token norm",), token_softmax=True)).features(batch).view(8, 8, 32)
    assert bare.var(-1, unbiased=False).std() > 1e-3
    assert bare.sum(-1).std() > 1e-3


def test_one_layer_stands_for_the_transformer() -> None:
    model = _model(replace(SMALL, ablated=("transformer",)))
    assert sum(p.numel() for p in model.encoder.parameters()) == (8 * 32) ** 2 + 8 * 32


def test_an_unknown_ablation_and_one_that_leaves_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'spin'.*space group"):
        XBERTConfig(ablated=("spin",))
    with pytest.raises(ValueError, match="no token"):
        XBERTConfig(ablated=("space group", "elements", "electrons", "graph"))


def test_a_configuration_survives_json() -> None:
    config = replace(SMALL, ablated=("graph",), known_words=(False,) * 5)
    assert XBERTConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_the_graph_alone_sees_no_symmetry(batch: Batch) -> None:
    torch.manual_seed(0)
    model = GraphAlone(SMALL).eval()
    assert model(batch)["topology"].shape == (8, 3)
    blind = replace(batch, spacegroup=torch.ones_like(batch.spacegroup))
    assert torch.equal(model(blind)["topology"], model(batch)["topology"])
