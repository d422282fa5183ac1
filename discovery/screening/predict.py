"""Score the crystals of any files, without filtering; killed and restarted it goes on."""

import csv
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from discovery.screening.doubts import JUDGEMENT, UNUSUAL, score_crystals, with_calls
from discovery.screening.parts import Parts
from xbert.conformal import check_error_rate
from xbert.crystals import CrystalTable
from xbert.parallel import in_parallel
from xbert.predict import Predictor
from xbert.readers import iter_crystals
from xbert.scoring import CHUNK, SCORES
from xbert.trust import ERROR_RATE
from xbert.validation import Refusal

COLUMNS = pa.schema(
    [
        ("id", pa.string()),
        ("source_file", pa.string()),
        ("formula", pa.string()),
        ("spacegroup", pa.int16()),
        ("spacegroup_tight", pa.int16()),
        ("n_atoms", pa.int32()),
        ("n_electrons", pa.int32()),
        *SCORES,
        *JUDGEMENT,
        ("error", pa.string()),
        ("remedy", pa.string()),
    ]
)
"""Of what `predict_files` returns, for a model without further heads."""

_SCORED = pa.schema(
    [*(field for field in COLUMNS if field.name not in JUDGEMENT.names), (UNUSUAL, pa.string())]
)
"""Of the pieces on disk, before a call is made."""

SUFFIXES = (".parquet", ".csv", ".jsonl")


def predict_files(
    paths: list[str],
    predictor: Predictor,
    parts: Parts,
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
    error_rate: float = ERROR_RATE,
) -> pa.Table:
    """Score every crystal of files, folders and globs.

    Args:
        paths: what to read, see ``xbert.readers.iter_crystals``.
        predictor: the model.
        parts: finished pieces, kept from a run that was interrupted.
        workers: processes.
        on_progress: called with the number of crystals done so far.
        error_rate: at which crystals are called, see `xbert.trust`.

    Returns:
        one row per crystal in the order read, with the columns of ``COLUMNS``; one that could not be scored
        has its reason in ``error``.

    Raises:
        FileNotFoundError: a path does not exist or holds no crystals.
        ValueError: an error rate that has no quantile.
    """
    check_error_rate(error_rate)
    done = 0
    numbers: list[int] = []
    todo: list[tuple[int, pa.ChunkedArray, pa.Table]] = []

    def unfinished() -> Iterator[CrystalTable]:
        nonlocal done
        for number, (table, refusals) in enumerate(iter_crystals(paths, batch_size=CHUNK)):
            numbers.append(number)
            if parts.has("score", number):
                done += len(table) + len(refusals)
                continue
            todo.append((number, table.arrow.column("source_file"), _refused_rows(refusals)))
            yield table.keep([])

    score = partial(score_crystals, predictor=predictor)
    for rows in in_parallel(score, unfinished(), workers):
        number, files, refused = todo.pop(0)
        scored = rows.append_column("source_file", files).select(_SCORED.names).cast(_SCORED)
        parts.put("score", number, pa.concat_tables([scored, refused]))
        done += scored.num_rows + refused.num_rows
        if on_progress:
            on_progress(done)
    scored = parts.read("score", numbers) if numbers else _SCORED.empty_table()
    return with_calls(scored, predictor, error_rate).select(COLUMNS.names)


def _refused_rows(refusals: list[Refusal]) -> pa.Table:
    columns = {
        "id": [refusal.id for refusal in refusals],
        "source_file": [refusal.file for refusal in refusals],
        "error": [refusal.reason for refusal in refusals],
        "remedy": [refusal.remedy for refusal in refusals],
    }
    empty = [None] * len(refusals)
    return pa.table({name: columns.get(name, empty) for name in _SCORED.names}, schema=_SCORED)


def write_table(table: pa.Table, path: Path) -> None:
    """Write rows as Parquet, CSV or JSON lines, by the suffix of ``path``.

    Raises:
        ValueError: for another suffix.
    """
    if path.suffix not in SUFFIXES:
        raise ValueError(f"cannot write {path}: the name must end in {', '.join(SUFFIXES)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        if path.suffix == ".csv":
            writer = csv.writer(file)
            writer.writerow(table.column_names)
            for batch in table.to_batches(4096):
                writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        else:
            for batch in table.to_batches(4096):
                file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())


def count_errors(table: pa.Table) -> int:
    """Return how many rows could not be scored."""
    return table.num_rows - int(pc.sum(pc.is_null(table.column("error"))).as_py() or 0)
