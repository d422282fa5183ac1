"""Read the targets of a task from the file that its record names."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbert.tasks.record import Task, TaskError


@dataclass(frozen=True)
class Targets:
    """Targets of n crystals.

    Attributes:
        ids: names of the crystals.
        values: (n,) float64 in the task's unit, or (n, classes) float64 whose rows sum to one; where several
            columns vote, or a word names several classes, they share it.
        part: (n,) text of the column that a given protocol names, else None.
    """

    ids: list[str]
    values: np.ndarray
    part: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Targets":
        """Return the targets at ``rows``."""
        part = None if self.part is None else self.part[rows]
        return Targets([self.ids[i] for i in rows], self.values[rows], part)


def read_targets(task: Task, data: Path) -> Targets:
    """Read the rows of the target file that ``where`` keeps and that have a target.

    Args:
        task: record.
        data: directory that its paths start from.

    Raises:
        TaskError: naming the file, the column and what is wrong.
    """
    path = data / task.target.file
    columns = {task.target.id, *task.target.columns, *task.where}
    if task.protocol.column:
        columns.add(task.protocol.column)
    if not path.is_file():
        raise TaskError(missing_file(path, task))
    table = read_columns_of(path, sorted(columns), task.name)
    for column, wanted in task.where.items():
        table = table.filter(_is_in(table[column], wanted, path, column))
    ids = table[task.target.id].cast(pa.string()).to_pylist()
    if len(set(ids)) != len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise TaskError(f"{path}: {task.target.id} {twice!r} stands twice; give each crystal one row")
    values, known = _classes(task, table, path) if task.target.classes else _numbers(task, table, path)
    part = np.array(table[task.protocol.column].to_pylist(), dtype=object) if task.protocol.column else None
    rows = np.flatnonzero(known)
    if not len(rows):
        raise TaskError(f"{path}: no row has a target in {', '.join(task.target.columns)}")
    return Targets(ids, values, part).take(rows)


def read_columns_of(path: Path, columns: list[str], name_of_rows: str = "") -> pa.Table:
    """Read columns of a Parquet, CSV or matminer JSON file.

    Raises:
        TaskError: if the file or a column is missing, or it cannot be read.
    """
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    name = path.name.lower().removesuffix(".gz")
    try:
        if name.endswith(".parquet"):
            found = pq.read_schema(path).names
            table = pq.read_table(path, columns=[c for c in columns if c in found])
        elif name.endswith((".csv", ".txt")):
            table = csv.read_csv(path)
            found = table.column_names
        elif name.endswith(".json"):
            from xbert.tasks.matminer import read_values

            table = read_values(path, name_of_rows)
            found = table.column_names
        else:
            raise TaskError(f"{path}: give Parquet, CSV or matminer JSON")
    except pa.ArrowException as error:
        raise TaskError(f"{path} cannot be read: {error}") from None
    for column in columns:
        if column not in found:
            raise TaskError(f"{path} has no column {column!r}; it has {', '.join(found)}")
    return table.select(columns)


def missing_file(path: Path, task: Task) -> str:
    """Say which file is missing, and how to get it."""
    if task.download and path.name == Path(task.structures.file).name:
        return f"no file {path}; run: xbert tasks --download {task.name} --data DIR"
    return f"no file {path}, which the task {task.name} names; give --data the directory that holds it"


def _is_in(column: pa.ChunkedArray, wanted: object, path: Path, name: str) -> pa.Array:
    values = wanted if isinstance(wanted, list) else [wanted]
    try:
        return pc.is_in(column, value_set=pa.array(values, column.type))
    except (pa.ArrowException, TypeError) as error:
        raise TaskError(f"{path}: where.{name}: {column.type} is never {wanted!r} ({error})") from None


def _numbers(task: Task, table: pa.Table, path: Path) -> tuple[np.ndarray, np.ndarray]:
    values = np.full(table.num_rows, np.nan)
    for name in task.target.columns:
        try:
            column = table[name].cast(pa.float64()).to_numpy()
        except pa.ArrowException as error:
            raise TaskError(f"{path}: column {name} does not hold numbers ({error})") from None
        values = np.where(np.isfinite(values), values, column)
    known = np.isfinite(values)
    if task.target.transform == "log10" and (values[known] <= 0).any():
        row = int(np.flatnonzero(known & ~(values > 0))[0])
        id_ = table[task.target.id][row].as_py()
        raise TaskError(f"{path}: {id_} has {values[row]:g}, which has no logarithm; use transform: none")
    return values, known


def _classes(task: Task, table: pa.Table, path: Path) -> tuple[np.ndarray, np.ndarray]:
    classes = task.target.classes
    if task.target.cuts:
        numbers, known = _numbers(task, table, path)
        which = (numbers[:, None] > np.array(task.target.cuts)).sum(1)
        return np.eye(len(classes))[which], known
    labels = task.target.labels or {name: {c: c for c in classes} for name in task.target.columns}
    total = np.zeros((table.num_rows, len(classes)))
    for name, meaning in labels.items():
        words = table[name].cast(pa.string()).combine_chunks().dictionary_encode()
        shares = np.array([_shares(w, meaning, classes, path, name) for w in words.dictionary.to_pylist()])
        codes = words.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        total[codes >= 0] += shares.reshape(-1, len(classes))[codes[codes >= 0]]
    votes = total.sum(1, keepdims=True)
    return total / np.maximum(votes, 1e-12), votes[:, 0] > 0


def _shares(
    text: str, meaning: dict[str, str | None], classes: tuple[str, ...], path: Path, column: str
) -> list[float]:
    named = np.zeros(len(classes))
    for word in text.split("|"):
        if word not in meaning:
            known = ", ".join(meaning)
            raise TaskError(f"{path}: column {column} holds {word!r}, which is none of {known}")
        if (class_ := meaning[word]) is not None:
            named[classes.index(class_)] = 1.0
    return list(named / max(named.sum(), 1.0))
