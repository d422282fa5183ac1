from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from xbert.tasks.record import Task, TaskError, read_task
from xbert.tasks.targets import read_targets


def _task(kind: str, target: dict, **more) -> Task:
    return Task.model_validate(
        {"name": "t", "title": "t", "kind": kind, "structures": {"file": "s"}, "target": target, **more}
    )


def _write(folder: Path, **columns) -> None:
    pq.write_table(pa.table(columns), folder / "t.parquet")


def test_numbers_are_read_and_rows_without_one_left_out(tmp_path: Path) -> None:
    _write(tmp_path, id=["a", "b", "c"], first=[None, 2.0, None], second=[1.0, 5.0, float("nan")])
    targets = read_targets(
        _task("regression", {"file": "t.parquet", "column": ["first", "second"]}), tmp_path
    )
    assert targets.ids == ["a", "b"]
    np.testing.assert_array_equal(targets.values, [1.0, 2.0])


def test_words_of_several_columns_vote_and_share(tmp_path: Path) -> None:
    _write(tmp_path, id=["a", "b", "c", "d"], x=["T", "T|S", None, "U"], y=["S", None, None, None])
    target = {
        "file": "t.parquet",
        "classes": ["no", "ti", "sm"],
        "labels": {"x": {"T": "ti", "S": "sm", "U": None}, "y": {"S": "sm"}},
    }
    targets = read_targets(_task("classification", target), tmp_path)
    assert targets.ids == ["a", "b"]
    np.testing.assert_allclose(targets.values, [[0, 0.5, 0.5], [0, 0.5, 0.5]])


def test_cuts_make_classes_of_numbers(tmp_path: Path) -> None:
    _write(tmp_path, id=["a", "b", "c", "d"], gap=[0.0, 0.5, 3.0, None])
    target = {
        "file": "t.parquet",
        "column": "gap",
        "classes": ["metal", "narrow", "wide"],
        "cuts": [0.0, 1.0],
    }
    targets = read_targets(_task("classification", target), tmp_path)
    assert targets.values.argmax(1).tolist() == [0, 1, 2]


def test_rows_are_chosen_by_where(tmp_path: Path) -> None:
    _write(tmp_path, id=[1, 2, 3], tc=[1.0, 2.0, 3.0], doped=[True, False, False], kind=["x", "y", "z"])
    target = {"file": "t.parquet", "column": "tc"}
    where = {"doped": False, "kind": ["x", "z"]}
    assert read_targets(_task("regression", target, where=where), tmp_path).ids == ["3"]
    with pytest.raises(TaskError, match=r"where\.doped"):
        read_targets(_task("regression", target, where={"doped": "maybe"}), tmp_path)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ({"file": "none.csv", "column": "x"}, r"no file .*none\.csv"),
        ({"file": "t.parquet", "column": "z"}, "no column 'z'; it has id, x, w"),
        ({"file": "t.parquet", "column": "w"}, "column w does not hold numbers"),
        ({"file": "t.parquet", "column": "x", "transform": "log10"}, "b has -1, which has no logarithm"),
        ({"file": "t.parquet", "id": "w", "column": "x"}, "w 'p' stands twice"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_column(tmp_path: Path, target: dict, message: str) -> None:
    _write(tmp_path, id=["a", "b", "c"], x=[1.0, -1.0, 2.0], w=["p", "p", "q"])
    with pytest.raises(TaskError, match=message):
        read_targets(_task("regression", target), tmp_path)


def test_an_unknown_word_is_refused(folder: Path) -> None:
    path = folder / "values.csv"
    path.write_text(path.read_text().replace("small", "tiny", 1))
    with pytest.raises(TaskError, match=r"column size holds 'tiny', which is none of small, large, unknown"):
        read_targets(read_task(folder / "size.yaml"), folder)


@pytest.mark.parametrize(
    ("name", "rows"),
    [("topoB", 28_481 - 15_444), ("3dsc", 4_266), ("is-metal", 69_239), ("perovskites", 12_085)],
)
def test_counts_of_the_real_targets(shared: Path, name: str, rows: int) -> None:
    assert len(read_targets(read_task(name), shared / "data")) == rows
