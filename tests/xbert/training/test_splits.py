import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from xbert.training.splits import formula_fold, formula_keys, random_fold, transfer_split


def _composition(*rows: dict[int, float]) -> np.ndarray:
    table = np.zeros((len(rows), 104), dtype=np.float32)
    for i, row in enumerate(rows):
        for z, fraction in row.items():
            table[i, z] = fraction
    return table


def test_polymorphs_share_a_key_and_other_formulas_do_not() -> None:
    keys = formula_keys(_composition({22: 1 / 3, 8: 2 / 3}, {8: 2 / 3, 22: 1 / 3}, {22: 0.5, 8: 0.5}))
    assert keys[0] == keys[1] != keys[2]


@given(st.lists(st.text(min_size=1, max_size=5), min_size=1, max_size=50), st.integers(2, 11))
def test_a_formula_never_falls_on_two_sides(keys: list[str], n_folds: int) -> None:
    fold = formula_fold(keys, n_folds)
    assert len({(k, f) for k, f in zip(keys, fold, strict=True)}) == len(set(keys))
    assert ((fold >= 0) & (fold < n_folds)).all()


def test_folds_are_the_same_on_every_machine_and_even() -> None:
    fold = formula_fold([f"X{i}" for i in range(5000)], 10)
    assert fold[:6].tolist() == formula_fold([f"X{i}" for i in range(6)], 10).tolist()
    assert (np.abs(np.bincount(fold) - 500) < 80).all()


def test_random_folds_are_of_equal_size() -> None:
    assert np.bincount(random_fold(103, 10, seed=1)).tolist() == [11, 11, 11, *[10] * 7]


def test_transfer_never_shares_a_formula_and_never_trains_without_inversion() -> None:
    spacegroup = np.array([225, 216, 216, 225, 31, 216])
    electrons = np.array([20, 30, 31, 40, 50, 60])
    keys = ["A", "A", "B", "C", "D", "E"]
    labelled = np.array([True, True, True, True, True, False])
    train, test = transfer_split(spacegroup, electrons, keys, labelled)
    assert test.tolist() == [1]
    assert train.tolist() == [3]
