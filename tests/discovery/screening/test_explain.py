"""A token is worth what its loss costs, and nothing where it is what everybody has."""

import numpy as np
import pytest

from discovery.screening.explain import explain, occlude
from tests.sample_crystals import sample_table
from xbert.features import Features
from xbert.predict import Predictor
from xbert.scoring import prepare


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    return Predictor("discovery")


@pytest.fixture(scope="module")
def features() -> Features:
    return prepare(sample_table())[1]


def test_the_whole_is_what_the_model_predicts(predictor: Predictor, features: Features) -> None:
    worth = occlude(predictor, features, features)
    assert worth.probability == pytest.approx(predictor(features).topological, abs=1e-5)
    told = ("crystal system", "Laue class", "electron count", "elements", "crystal graph")
    assert worth.tokens == (*told, "composition and packing")


def test_a_crystal_that_is_its_own_reference_loses_nothing(predictor: Predictor, features: Features) -> None:
    one = features.take(np.array([0]))
    worth = occlude(predictor, one, one)
    assert worth.without == pytest.approx(np.broadcast_to(worth.probability, worth.without.shape), abs=1e-5)


def test_tokens_matter_against_others(predictor: Predictor, features: Features) -> None:
    found = explain(predictor, features, features)
    assert len(found) == len(features)
    assert max(abs(value) for e in found for value in e.attributions.values()) > 0.01
    assert all(-1 <= value <= 1 for e in found for value in e.attributions.values())
