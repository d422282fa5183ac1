import numpy as np
import pytest
from ase.build import bulk

from tests.sample_crystals import features_in_standard_cells, from_atoms, sample_table
from xbert.crystals import CrystalTable
from xbert.training.classes import (
    crystal_systems,
    laue_classes,
    leave_one_out,
    leave_parts_out,
    prototypes,
)


def test_names_of_classes() -> None:
    features = features_in_standard_cells(sample_table())
    by_id = dict(zip(sample_table().ids, prototypes(features), strict=True))
    assert by_id["Si"] == "A 227 ×2"
    assert by_id["GaAs"] == "AB 216 ×1"
    assert by_id["TiO2"] == "AB2 136 ×2"
    assert by_id["Bi2Se3"] == "A2B3 166 ×1"
    assert crystal_systems(features)[:2] == ["cubic", "cubic"]
    assert laue_classes(features)[-1] == "-3m"


def test_prototypes_do_not_ask_which_elements() -> None:
    pair = [from_atoms(bulk(name, "rocksalt", a=6.0), name) for name in ("PbTe", "NaCl")]
    one, other = prototypes(features_in_standard_cells(CrystalTable.from_crystals(pair)))
    assert one == other


CLASSES = ["a", "a", "b", "b", "b", "c"]
KEYS = ["x", "y", "x", "z", "w", "v"]


def test_one_class_and_its_formulas_are_left_out() -> None:
    folds = {
        name: (train.tolist(), test.tolist())
        for name, train, test in leave_one_out(CLASSES, KEYS, np.arange(6))
    }
    # "x" of class a is also in b: it may not be trained on when b is tested, nor the other way.
    assert folds == {"a": ([3, 4, 5], [0, 1]), "b": ([1, 5], [2, 3, 4]), "c": ([0, 1, 2, 3, 4], [5])}
    assert [name for name, *_ in leave_one_out(CLASSES, KEYS, np.arange(6), least=3)] == ["b"]
    only = [
        (train.tolist(), test.tolist()) for _, train, test in leave_one_out(CLASSES, KEYS, np.array([1, 3]))
    ]
    assert only == [([3], [1]), ([1], [3])]


@pytest.mark.parametrize("parts", [2, 5])
def test_parts_cover_all_rows_once_and_share_nothing(parts: int) -> None:
    rng = np.random.default_rng(0)
    classes = [f"class {i}" for i in rng.integers(40, size=300)]
    keys = [f"key {i}" for i in rng.integers(200, size=300)]
    rows = np.flatnonzero(rng.random(300) < 0.8)
    tested = []
    for _, train, test in leave_parts_out(classes, keys, rows, parts):
        tested += test.tolist()
        for names in (classes, keys):
            assert not {names[i] for i in train} & {names[i] for i in test}
        assert set(train) | set(test) <= set(rows)
    assert sorted(tested) == rows.tolist()
