"""Where crystals are placed: vectors of length 1 whose inner product is the mean of the members' cosines."""

import numpy as np
import pytest
import torch

from tests.sample_crystals import sample_table
from xbert.embedding import NETWORKS, embed, embed_and_predict, nearest
from xbert.features import Features, collate
from xbert.predict import Predictor
from xbert.scoring import prepare


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("discovery")


@pytest.fixture(scope="module")
def features() -> Features:
    return prepare(sample_table())[1]


def test_inner_products_are_the_mean_cosine_of_the_members(predictor: Predictor, features: Features) -> None:
    vectors = embed(predictor.members, features)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)
    with torch.inference_mode():
        batch = collate(features, np.arange(len(features)))
        own = [member.features(batch) for member in predictor.members[:NETWORKS]]
        cosines = [torch.cosine_similarity(v[:, None], v[None], dim=-1).numpy() for v in own]
    np.testing.assert_allclose(vectors @ vectors.T, np.mean(cosines, axis=0), atol=1e-5)
    assert vectors.shape == (len(features), sum(v.shape[1] for v in own))


def test_a_crystal_is_placed_alike_in_any_company(predictor: Predictor, features: Features) -> None:
    together = embed(predictor.members, features)
    for row in (0, len(features) - 1):
        alone = embed(predictor.members, features.take(np.array([row])))
        np.testing.assert_allclose(alone[0], together[row], atol=1e-5)


def test_one_pass_gives_what_two_would(predictor: Predictor, features: Features) -> None:
    vectors, prediction = embed_and_predict(predictor, features)
    np.testing.assert_allclose(vectors, embed(predictor.members, features), atol=1e-6)
    whole = predictor(features)
    np.testing.assert_allclose(prediction.by_source, whole.by_source, atol=1e-6)
    np.testing.assert_allclose(prediction.uncertainty, whole.uncertainty, atol=1e-6)


def test_nothing_is_placed_by_no_network(features: Features) -> None:
    with pytest.raises(ValueError, match="without networks"):
        embed([], features)
    assert embed(Predictor("discovery").members, features.take(np.array([], dtype=int))).shape[0] == 0


def test_the_nearest_come_first_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xbert.embedding.BLOCK", 3)
    angles = np.deg2rad([90, 10, 180, 0, 45, 30, 60])
    among = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    order, distances, middle = nearest(among[3:4].astype(np.float32), among.astype(np.float16), 3)
    assert order.tolist() == [[3, 1, 5]]
    np.testing.assert_allclose(distances[0], 1 - np.cos(np.deg2rad([0, 10, 30])), atol=1e-3)
    assert middle[0] == pytest.approx(1 - np.cos(np.deg2rad(45)), abs=1e-3)
    assert nearest(among[:1].astype(np.float32), among[:2], 5)[0].shape == (1, 2)
