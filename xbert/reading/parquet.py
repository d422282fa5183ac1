"""Crystals of a Parquet file in the form of CrystalTable, streamed."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.reading.records import UnreadableError

COLUMNS = "id (text), lattice (9 numbers), atomic_numbers (list) and frac_coords (list, 3 per atom)"


def read(source: Any, batch_size: int) -> Iterator[CrystalTable | UnreadableError]:
    """Yield the crystals of a Parquet file in tables of at most ``batch_size``, property columns kept.

    Args:
        source: a path or an open binary file.
        batch_size: crystals held at once.

    Raises:
        UnreadableError: the file is not Parquet, or lacks a column of the geometry.
    """
    try:
        file = pq.ParquetFile(source)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableError(f"it is not a Parquet file ({error})", "check the file") from None
    missing = [name for name in GEOMETRY.names if name not in file.schema_arrow.names]
    if missing:
        raise UnreadableError(f"it has no column {', '.join(missing)}", f"give the columns {COLUMNS}")
    for batch in file.iter_batches(batch_size=batch_size):
        arrow = pa.Table.from_batches([batch])
        if not _is_whole(arrow):
            broken = dict(_broken_rows(arrow))
            yield from broken.values()
            arrow = arrow.take(pa.array([row for row in range(len(arrow)) if row not in broken], pa.int64()))
        yield CrystalTable(arrow)


def _is_whole(arrow: pa.Table) -> bool:
    """Whether no row lacks a part of its geometry, so that the columns are what CrystalTable needs."""
    lattice, numbers, frac = (arrow.column(name) for name in ("lattice", "atomic_numbers", "frac_coords"))
    if any(not pa.types.is_nested(column.type) for column in (lattice, numbers, frac)):
        raise UnreadableError("its geometry columns are not lists", f"give the columns {COLUMNS}")
    for column in (lattice, numbers, frac):
        if column.null_count or pc.list_flatten(column).null_count:
            return False
    nine = pc.equal(pc.list_value_length(lattice), 9)
    three = pc.equal(pc.list_value_length(frac), pc.multiply(pc.list_value_length(numbers), 3))
    if not (pc.all(nine, min_count=0).as_py() and pc.all(three, min_count=0).as_py()):
        return False
    if numbers.type.value_type == pa.uint8():
        return True
    span = pc.min_max(pc.list_flatten(numbers)).as_py()
    return span["min"] is None or (span["min"] >= 0 and span["max"] <= 255)


def _broken_rows(arrow: pa.Table) -> Iterator[tuple[int, UnreadableError]]:
    for row, (name, lattice, numbers, frac) in enumerate(
        zip(*(arrow.column(part).to_pylist() for part in GEOMETRY.names), strict=True)
    ):
        reason = _missing_part(lattice, numbers, frac)
        if reason:
            yield row, UnreadableError(reason, f"give {COLUMNS}", None if name is None else str(name))


def _missing_part(lattice: Any, numbers: Any, frac: Any) -> str | None:
    for what, values in (("lattice", lattice), ("atomic_numbers", numbers), ("frac_coords", frac)):
        if values is None:
            return f"its {what} is null"
        if None in values:
            return f"its {what} holds a null"
    if len(lattice) != 9:
        return f"its lattice has {len(lattice)} numbers, not 9"
    if len(frac) != 3 * len(numbers):
        return f"it has {len(frac)} coordinates for {len(numbers)} atoms"
    odd = [number for number in numbers if not 0 <= number <= 255 or number != int(number)]
    return f"it has the atomic number {odd[0]}" if odd else None
