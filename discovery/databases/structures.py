"""The structure file, built from CIF files in chunks that survive a kill."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from discovery.databases.cifs import Cif, Refused, parse_cifs
from discovery.databases.info import DatabaseError
from discovery.databases.labels import id_order
from xbert.parallel import WorkerError, in_parallel

CHUNK = 1024


def build_structures(
    source: Iterable[Cif | Refused],
    chunks: Path,
    target: Path,
    *,
    workers: int | None = None,
    report: Callable[[int, int], None] = lambda read, refused: None,
) -> tuple[int, list[Refused]]:
    """Read CIF files in parallel and write them, in order of their ids, as one Parquet file.

    Each chunk is written under the hash of what it is made from; after a kill, the chunks that are there are
    not made again, whatever source they came from. They are removed when the target is written.

    Args:
        source: CIF files, and what the source itself refused.
        chunks: folder of the unfinished work.
        target: the Parquet file; replaced in one step.
        workers: processes; all cores when omitted, none beside this one for 1.
        report: told how many CIF files are done and how many of them were refused.

    Returns:
        The number of crystals written, and what was refused.
    """
    chunks.mkdir(parents=True, exist_ok=True)
    refused: list[Refused] = []
    finished: list[Path] = []
    done = 0

    def take(result: tuple[Path, int]) -> None:
        nonlocal done
        path, count = result
        finished.append(path)
        refused.extend(Refused(**entry) for entry in json.loads(path.with_suffix(".json").read_text("utf-8")))
        done += count
        report(done, len(refused))

    pieces = _pieces(source, refused)
    workers = workers or os.cpu_count() or 1
    try:
        for result in in_parallel(partial(_chunk, chunks=chunks), pieces, workers):
            take(result)
    except WorkerError as error:
        raise DatabaseError(
            "A process that reads structures was ended from outside, perhaps for want of memory.",
            "Run the same command again, it goes on where it stopped; with less memory: --workers 1",
        ) from error
    tables = [pq.read_table(path) for path in finished]
    crystals = 0
    if tables:
        table = pa.concat_tables(tables)
        ids = table["id"].to_pylist()
        table = table.take(sorted(range(len(ids)), key=lambda row: id_order(ids[row])))
        crystals = len(table)
        part = target.with_name(f".{target.name}.part")
        pq.write_table(table, part, compression="zstd")
        part.replace(target)
    for path in finished:
        path.unlink(missing_ok=True)
        path.with_suffix(".json").unlink(missing_ok=True)
    return crystals, sorted(refused)


def _pieces(source: Iterable[Cif | Refused], refused: list[Refused]) -> Iterator[list[Cif]]:
    def only_cifs() -> Iterator[Cif]:
        for entry in source:
            if isinstance(entry, Refused):
                refused.append(entry)
            else:
                yield entry

    cifs = only_cifs()
    while piece := list(islice(cifs, CHUNK)):
        yield piece


def _chunk(piece: list[Cif], chunks: Path) -> tuple[Path, int]:
    digest = hashlib.sha256()
    for cif in piece:
        digest.update(f"{cif.id} {len(cif.content)}\n".encode() + cif.content)
    path = chunks / f"{digest.hexdigest()[:32]}.parquet"
    record = path.with_suffix(".json")
    if not (path.is_file() and record.is_file()):
        table, refused = parse_cifs(piece)
        parts = [file.with_name(f"{file.name}.{os.getpid()}.part") for file in (path, record)]
        pq.write_table(table, parts[0])
        parts[1].write_text(json.dumps([entry._asdict() for entry in refused]), encoding="utf-8")
        parts[0].replace(path)
        parts[1].replace(record)  # last: its presence says that the chunk is whole
    return path, len(piece)
