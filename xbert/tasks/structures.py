"""The crystals of a task, from whichever form its record names."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.tasks.record import Task, TaskError

Found = tuple[CrystalTable, dict[str, str]]
"""Crystals, and id → why one is not among them."""


def read_structures(task: Task, data: Path, wanted: Sequence[str]) -> Found:
    """Read the crystals named in ``wanted``.

    Args:
        task: record.
        data: directory that its paths start from.
        wanted: names.

    Raises:
        TaskError: naming the file and the column that is missing.
    """
    spec, path = task.structures, data / task.structures.file
    if spec.form != "files" and not path.is_file():
        from xbert.tasks.targets import missing_file

        raise TaskError(missing_file(path, task))
    match spec.form:
        case "table":
            return _from_table(path, spec.id, wanted), {}
        case "cif":
            return _from_cif_text(path, spec.id, spec.column, wanted)
        case "matminer":
            from xbert.tasks import matminer

            table, refused = matminer.read_structures(path, spec.column, task.name)
            return _rows(table, wanted), {id_: refused[id_] for id_ in wanted if id_ in refused}
        case _:
            return _from_files(path, wanted)


def _from_table(path: Path, id_column: str, wanted: Sequence[str]) -> CrystalTable:
    names = [id_column, *GEOMETRY.names[1:]]
    try:
        found = pq.read_schema(path).names
        if missing := [name for name in names if name not in found]:
            raise TaskError(f"{path} has no column {', '.join(missing)}; it has {', '.join(found)}")
        table = pq.read_table(path, columns=names).rename_columns(GEOMETRY.names)
        ids = table["id"].cast(pa.string())
        table = table.set_column(0, "id", ids).filter(pc.is_in(ids, pa.array(wanted, pa.string())))
        return CrystalTable(table)
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, TaskError):
            raise
        raise TaskError(f"{path}: {error}") from None


def _from_cif_text(path: Path, id_column: str, column: str, wanted: Sequence[str]) -> Found:
    from xbert.readers import stack
    from xbert.reading import cif
    from xbert.reading.records import Record, UnreadableError
    from xbert.tasks.targets import read_columns_of

    table = read_columns_of(path, [id_column, column])
    ids = table[id_column].cast(pa.string())
    table = table.filter(pc.is_in(ids, pa.array(wanted, pa.string())))
    records: list[tuple[str, Record]] = []
    refused: dict[str, str] = {}
    names = table[id_column].cast(pa.string()).to_pylist()
    for name, text in zip(names, table[column].to_pylist(), strict=True):
        try:
            record = next(iter(cif.read(text or "")), None)
        except UnreadableError as error:
            record = error
        if isinstance(record, Record):
            records.append((name, record))
        else:
            refused[name] = "it holds no structure" if record is None else record.reason
    return stack(records), refused


def _from_files(path: Path, wanted: Sequence[str]) -> Found:
    from xbert.readers import iter_crystals

    refused: dict[str, str] = {}
    parts: list[pa.Table] = []
    try:
        for table, refusals in iter_crystals([path]):
            parts.append(table.arrow.select(GEOMETRY.names))
            refused |= {refusal.id: refusal.reason for refusal in refusals if refusal.id}
    except FileNotFoundError as error:
        raise TaskError(str(error)) from None
    return _rows(CrystalTable(pa.concat_tables(parts)), wanted), refused


def _rows(table: CrystalTable, wanted: Sequence[str]) -> CrystalTable:
    return CrystalTable(table.arrow.filter(pc.is_in(table.arrow["id"], pa.array(wanted, pa.string()))))
