"""Datasets as matminer stores them: gzipped JSON of a data frame, pymatgen structures among the columns.

The file holds ``index``, ``columns`` and ``data``, row by row. Rows are named as matbench names them
(``mb-dielectric-0001``), so that its folds can be used. A. Dunn et al., npj Comput. Mater. 6, 138 (2020).
"""

import gzip
import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from xbert.crystals import CrystalTable
from xbert.tasks.record import Task, TaskError

ID = "id"


def matbench_ids(name: str, n: int) -> list[str]:
    """Return the names that matbench gives the n rows of the dataset ``matbench_…``."""
    prefix = name.replace("matbench", "mb").replace("_", "-")
    return [f"{prefix}-{i:0{len(str(n))}d}" for i in range(1, n + 1)]


def read_values(path: Path, name: str) -> pa.Table:
    """Read the columns that hold plain values, with the column ``id``."""
    frame = _frame(path, path.stat().st_mtime_ns)
    columns = {}
    for place, column in enumerate(frame["columns"]):
        values = [row[place] for row in frame["data"]]
        if all(value is None or isinstance(value, int | float | str) for value in values):
            columns[column] = pa.array(values)
    return pa.table({ID: matbench_ids(name, len(frame["data"])), **columns})


def read_structures(path: Path, column: str, name: str) -> tuple[CrystalTable, dict[str, str]]:
    """Read the structures of ``column``.

    Returns:
        The crystals, and id → reason for those that cannot be used (disordered ones among them).
    """
    from xbert.readers import stack
    from xbert.reading import pymatgen_json
    from xbert.reading.records import UnreadableError

    frame = _frame(path, path.stat().st_mtime_ns)
    if column not in frame["columns"]:
        raise TaskError(f"{path} has no column {column!r}; it has {', '.join(frame['columns'])}")
    place = frame["columns"].index(column)
    ids = matbench_ids(name, len(frame["data"]))
    found: list[Any] = []
    refused: dict[str, str] = {}
    for id_, row in zip(ids, frame["data"], strict=True):
        try:
            record = next(iter(pymatgen_json.read(row[place])))
        except UnreadableError as error:
            record = error
        if isinstance(record, UnreadableError):
            refused[id_] = record.reason
        else:
            found.append((id_, record))
    return stack(found), refused


def forget() -> None:
    """Give back the memory of the file that was read last: gigabytes for the largest datasets."""
    _frame.cache_clear()


@lru_cache(maxsize=1)  # values and structures are read one after the other from the same large file
def _frame(path: Path, _changed: int) -> dict[str, Any]:
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        frame = json.loads(text)
    except (OSError, EOFError, ValueError) as error:
        raise TaskError(f"{path} is not JSON of matminer: {error}") from None
    if not isinstance(frame, dict) or not {"columns", "data"} <= frame.keys():
        raise TaskError(f"{path} is not JSON of matminer: it must hold columns and data")
    return frame


def download(task: Task, data: Path) -> Path:
    """Fetch the dataset of a task to where its record expects it, and check it.

    Raises:
        TaskError: if the task has no address, or what came is not what was expected.
    """
    import httpx

    if task.download is None:
        raise TaskError(f"the task {task.name} has nothing to download; see its record for its files")
    address, expected = task.download
    path = data / task.structures.file
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    digest = hashlib.sha256()
    try:
        with (
            httpx.stream("GET", address, follow_redirects=True, timeout=60) as answer,
            partial.open("wb") as to,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_bytes():
                digest.update(chunk)
                to.write(chunk)
    except httpx.HTTPError as error:
        raise TaskError(f"{address}: {error}; fetch it elsewhere and put it at {path}") from None
    if digest.hexdigest() != expected:
        partial.unlink()
        raise TaskError(f"{address} gave a file of sha256 {digest.hexdigest()}, not {expected}")
    partial.replace(path)
    return path
