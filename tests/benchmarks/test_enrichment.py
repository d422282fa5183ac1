from pathlib import Path

import enrichment
import numpy as np
import pytest
from enrichment import forest, known_crystals, linear, lines, make_pool, scores_of, table
from tree_features import composition_features

from xbert.training.carried import known_gaps
from xbert.training.corpus import read_corpus
from xbert.training.labels import read_topology_labels


@pytest.fixture
def pool(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(enrichment, "known_crystals", lambda: {("Bi1 K1", 186), ("Sr1 Te1", 186)})
    corpus = read_corpus(folder / "mp_structures.parquet", tmp_path_factory.getbasetemp() / "corpus")
    gap = known_gaps(folder / "mp_properties.parquet", corpus.ids)
    return make_pool(corpus, read_topology_labels(folder / "topology_labels.parquet"), gap)


def test_claims_under_conditions_and_of_the_paper_are_not_counted() -> None:
    known = known_crystals()
    assert ("As1 Ta1", 109) in known
    assert ("Bi1 I1 Te1", 156) not in known  # under pressure
    assert ("Cd1 O1", 186) not in known  # the paper's own


def test_the_pool_is_where_symmetry_cannot_tell(pool) -> None:
    assert pool.ranked.sum() == (pool.ranked & (pool.features.spacegroup == 186)).sum() > 0
    assert (pool.features.n_electrons[pool.ranked] % 2 == 0).all()
    blind = pool.features.spacegroup == 186
    assert np.isnan(pool.taught[blind]).all()  # "trivial" there is silence
    assert not np.isnan(pool.taught[~blind]).any()
    assert pool.known.sum() == 2
    assert not pool.labelled[blind].any()


def test_no_scorer_sees_a_formula_that_it_ranks(pool) -> None:
    seen = []

    def scorer(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        seen.append({pool.formulas[row] for row in train}.isdisjoint(pool.formulas[row] for row in test))
        return np.zeros(len(test))

    score = scores_of(pool, scorer)
    assert len(seen) == 5
    assert all(seen)
    np.testing.assert_array_equal(~np.isnan(score), pool.ranked)


def test_what_is_known_stands_above(pool) -> None:
    pytest.importorskip("lightgbm")
    everything = np.ones(len(pool.formulas), dtype=bool)
    for scorer in (linear(pool), forest(pool, composition_features(pool.features))):
        found = enrichment.enrichment(*lines(pool, scores_of(pool, scorer), everything))
        assert found["known"] == 2
        assert found["roc_auc"] > 0.7
        assert set(found["places"]) == {"Bi1 K1 186", "Sr1 Te1 186"}


def test_each_part_is_ranked_by_the_network_that_did_not_see_it(pool, tmp_path: Path) -> None:
    from xbert.checkpoint import load_model, save_model
    from xbert.model import XBERT, XBERTConfig
    from xbert.predict import predict
    from xbert.training.finetune import describe
    from xbert.training.labels import KINDS, OUTPUTS
    from xbert.training.recipes import DISCOVERY

    config = XBERTConfig(
        outputs={"topology": len(OUTPUTS) * len(KINDS)}, width=16, layers=1, heads=2, feed_forward=16
    )
    networks = [XBERT(config).eval() for _ in range(5)]
    save_model(tmp_path, networks, describe(DISCOVERY, config.to_json(), 5))
    with pytest.raises(ValueError, match="members of 5 parts"):
        enrichment.xbert(pool, tmp_path)
    (tmp_path / "out_of_fold.parquet").touch()
    score = scores_of(pool, enrichment.xbert(pool, tmp_path))
    members, description = load_model(tmp_path)
    rows = np.flatnonzero(pool.ranked & (pool.fold == 3))
    alone = predict(members[3:4], description, pool.features.take(rows)).topological
    np.testing.assert_allclose(score[rows], alone, atol=1e-6)
    assert not np.isnan(score[pool.ranked]).any()


def test_factors_of_a_perfect_and_of_a_useless_ranking() -> None:
    known = np.zeros(1000, dtype=bool)
    known[:5] = True
    names = [str(i) for i in range(1000)]
    perfect = enrichment.enrichment(-np.arange(1000.0), known, names)
    assert perfect["1%"]["hits"] == 5
    assert perfect["1%"]["factor"] == pytest.approx(100.0)
    assert perfect["5%"]["factor"] == pytest.approx(20.0)
    useless = enrichment.enrichment(np.arange(1000.0), known, names)
    assert useless["5%"]["factor"] == useless["5%"]["interval"][0] == 0.0
    assert useless["5%"]["interval"][1] == pytest.approx(20 * (1 - 0.025 ** (1 / 5)))  # Clopper–Pearson
    text = table({"all": {"perfect": perfect, "useless": useless}})
    assert "| all | 1,000 | 5 | perfect | 5 | 100.0 (" in text


def test_polymorph_entries_of_one_group_are_one_line(pool) -> None:
    rows = np.flatnonzero(pool.ranked)[:1]
    twice = np.concatenate([rows, rows])
    double = enrichment.Pool(
        pool.features.take(twice),
        [pool.formulas[row] for row in twice],
        *(
            getattr(pool, name)[twice]
            for name in ("fold", "taught", "ranked", "known", "labelled", "insulating")
        ),
    )
    score, _, names = lines(double, np.array([1.0, 3.0]), np.ones(2, dtype=bool))
    assert score.tolist() == [2.0]
    assert len(names) == 1
