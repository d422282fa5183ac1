from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from leave_one_class_out import beside, forests, table_beside
from tree_features import tree_features

from xbert.training.data import LabelledCrystals


@pytest.fixture
def systems(data: LabelledCrystals, xbert_folder: Path) -> Path:
    table = pq.read_table(xbert_folder / "out_of_fold.parquet")
    rows = np.flatnonzero(~data.undiagnosable)
    part = table.take(rows)
    column = part.column_names.index("fold")
    pq.write_table(
        part.set_column(column, "left_out", pa.array(["cubic"] * len(rows))),
        xbert_folder / "out_of_class.parquet",
    )
    return xbert_folder


def test_trees_and_xbert_are_scored_on_the_same_crystals(data: LabelledCrystals, systems: Path) -> None:
    calls = []

    def predict(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        calls.append((train, test))
        return np.full(len(test), 0.5), np.zeros(len(test))

    result = beside(data, predict, systems, systems, least=10)
    n = int((~data.undiagnosable).sum())
    assert {result[model]["all"][0]["n"] for model in ("trees", "XBERT")} == {n}
    assert result["XBERT"]["cubic"][0]["error_detection"] == 1.0
    assert result["trees"]["all"][0]["roc_auc"] == 0.5
    assert len(calls[0][0]) == 0  # all are cubic: nothing is left to learn from
    assert all(set(test) <= set(np.flatnonzero(~data.undiagnosable)) for _, test in calls)
    assert table_beside(result).count("| XBERT |") == len(result["XBERT"])


def test_a_crystal_left_out_with_another_system_is_refused(data: LabelledCrystals, systems: Path) -> None:
    path = systems / "out_of_class.parquet"
    table = pq.read_table(path)
    column = table.column_names.index("left_out")
    pq.write_table(table.set_column(column, "left_out", pa.array(["triclinic"] * table.num_rows)), path)
    with pytest.raises(ValueError, match="another crystal system"):
        beside(data, lambda *_: pytest.fail("not reached"), systems, None, 10)


def test_forests_say_how_much_they_differ(data: LabelledCrystals) -> None:
    pytest.importorskip("lightgbm")
    truth = data.labels.majority
    rows = np.flatnonzero(~data.undiagnosable)
    predict = forests(tree_features(data.features, False), truth, trees=20, members=3)
    probability, spread = predict(rows[:150], rows[150:])
    assert ((probability >= 0) & (probability <= 1)).all()
    assert spread.max() > 0
