import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sample_crystals import disguise, features_in_standard_cells, sample_crystals, sample_table
from xbert.crystals import CrystalTable
from xbert.features import Features
from xbert.predict import MAX_BATCH_ATOMS, Predictor, batches


@pytest.fixture(scope="module", params=["benchmark", "discovery"])
def predictor(request) -> Predictor:
    return Predictor(request.param)


def _features(table: CrystalTable) -> Features:
    return features_in_standard_cells(table)


def test_probabilities_are_probabilities(predictor: Predictor) -> None:
    prediction = predictor(_features(sample_table()))
    assert prediction.by_source.shape == (8, 4, 3)
    np.testing.assert_allclose(prediction.consensus.sum(1), 1.0, rtol=1e-5)
    assert ((prediction.topological > 0) & (prediction.topological < 1)).all()
    assert (prediction.uncertainty >= 0).all()


def test_wide_gap_and_textbook_topological_insulator_are_told_apart(predictor: Predictor) -> None:
    p = dict(zip(sample_table().ids, predictor(_features(sample_table())).topological, strict=True))
    assert p["SiO2"] < 0.05
    # The discovery model misses Bi2Se3, and docs/transfer.md says so; it does put it far above quartz.
    assert p["Bi2Se3"] > {"benchmark": 0.6, "discovery": 0.15}[predictor.name]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 7), st.integers(0, 2**31), st.tuples(*[st.integers(1, 2)] * 3))
def test_the_same_crystal_in_another_cell_has_the_same_probability(
    which: int, seed: int, repeat: tuple[int, int, int]
) -> None:
    predictor = _discovery()
    crystal = sample_crystals()[which]
    other = disguise(crystal, np.random.default_rng(seed), repeat)
    plain, disguised = (predictor(_features(CrystalTable.from_crystals([c]))) for c in (crystal, other))
    np.testing.assert_allclose(disguised.by_source, plain.by_source, atol=2e-3)


def test_company_does_not_matter(predictor: Predictor) -> None:
    features = _features(sample_table())
    whole = predictor(features)
    for row in range(8):
        alone = predictor(features.take(np.array([row])))
        np.testing.assert_allclose(alone.by_source[0], whole.by_source[row], atol=1e-4)


def test_batches_hold_every_crystal_once_and_few_atoms() -> None:
    sizes = np.array([500, 1, 3, 4000, 2, 5000, 7])
    n = int(sizes.sum())
    features = Features(
        np.ones(7, np.int16), np.ones(7, np.int64), np.zeros((7, 104), np.float32), np.ones(7, np.float32),
        np.ones(n, np.uint8), np.zeros((n, 12), np.int32), np.ones((n, 12), np.float32),
        np.concatenate([[0], np.cumsum(sizes)]),
    )  # fmt: skip
    found = list(batches(features))
    assert sorted(np.concatenate(found).tolist()) == list(range(7))
    assert all(len(rows) == 1 or sizes[rows].max() * len(rows) <= MAX_BATCH_ATOMS for rows in found)


_LOADED: list[Predictor] = []


def _discovery() -> Predictor:
    if not _LOADED:
        _LOADED.append(Predictor("discovery"))
    return _LOADED[0]
