from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.features import Batch, collate
from xbert.model import XBERT, XBERTConfig

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
