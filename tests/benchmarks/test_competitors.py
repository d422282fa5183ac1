from pathlib import Path

import competitors
import numpy as np
import pytest
from held_out import FOLDS, clear_classes, cross_validated
from tree_features import bond_features, composition_features, tree_features

from xbert.training.data import LabelledCrystals


@pytest.mark.parametrize(("name", "least"), [("linear_rule", 0.8), ("trees", 0.9)])
def test_the_made_up_chemistry_is_learned(
    name: str, least: float, data: LabelledCrystals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "trees":
        pytest.importorskip("lightgbm")
    monkeypatch.setitem(competitors.TREES, "members", 2)
    monkeypatch.setitem(competitors.TREES, "most_trees", 40)
    held = cross_validated(name, getattr(competitors, name), {}, data, tmp_path, parts=[0, 1])
    truth = clear_classes(data)
    seen = ~np.isnan(held.topological[:, 0]) & ~data.undiagnosable
    right = (held.topological[seen] >= 0.5) == (truth[seen] > 0)
    assert right.mean() > least
    np.testing.assert_allclose(held.classes[seen].sum(2), 1.0, atol=1e-5)
    assert np.isnan(held.spread[seen]).all() == (name == "linear_rule")


def test_trees_told_the_group_know_where_databases_are_blind(
    data: LabelledCrystals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lightgbm")
    monkeypatch.setitem(competitors.TREES, "members", 1)
    monkeypatch.setitem(competitors.TREES, "most_trees", 40)
    held = cross_validated("trees", competitors.trees, {}, data, tmp_path, parts=[0])
    blind = data.undiagnosable & ~np.isnan(held.topological[:, 0])
    assert (held.topological[blind] < 0.5).all()


def test_a_graph_network_answers_with_probabilities_and_resumes(
    data: LabelledCrystals, tmp_path: Path
) -> None:
    rows = np.arange(len(data.labels))
    model = competitors.graph_alone(epochs=1)
    first, chosen = model(data, rows[24:], rows[:24], tmp_path)
    assert chosen == {"epochs": 1}
    np.testing.assert_allclose(first["classes"].sum(2), 1.0, atol=1e-5)
    np.testing.assert_allclose(first["topological"], 1 - first["classes"][..., 0])
    again, _ = model(data, rows[24:], rows[:24], tmp_path)
    np.testing.assert_array_equal(first["classes"], again["classes"])
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 1


def test_features_of_trees_are_what_they_say(data: LabelledCrystals) -> None:
    row = data.labels.ids.index("NaCl-rocksalt")
    one = data.features.take(np.array([row]))
    composition = composition_features(one)[0]
    assert composition[0] == pytest.approx(14.0)  # mean of 11 and 17
    assert composition[9] == pytest.approx(3.0)  # their spread
    assert (composition[18], composition[27]) == (11, 17)
    assert composition[36 + 17] == pytest.approx(0.5)
    wide = tree_features(one, with_group=True)[0]
    assert tuple(wide[-6:-2]) == (28, 0, 0, 4)
    assert wide[-1] == 225
    bonds = bond_features(one)[0]
    assert tuple(bonds[:4]) == (8, 0, 0, 0)  # one and seven valence electrons
    assert tuple(bonds[5:7]) == (2, 2)
    assert tuple(bonds[14:16]) == (6, 6)  # coordination in rocksalt
    assert bonds[16] == pytest.approx(3.16 - 0.93, abs=0.01)
    assert bonds[22] == 0.0  # no bonds between like atoms


def test_no_feature_of_a_crystal_depends_on_the_others(data: LabelledCrystals) -> None:
    rows = np.array([5, 100, 200])
    for make in (composition_features, bond_features):
        np.testing.assert_array_equal(make(data.features)[rows], make(data.features.take(rows)))


def test_the_inner_fold_is_another_than_the_outer(data: LabelledCrystals) -> None:
    from held_out import INNER

    from xbert.training.splits import formula_fold

    outer, inner = formula_fold(data.keys, FOLDS), formula_fold(data.keys, FOLDS, seed=INNER)
    assert len(set(inner[outer != 0])) == FOLDS
