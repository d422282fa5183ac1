"""Pieces of a long computation on disk, so that a killed run goes on where it stopped."""

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq


class Parts:
    """Finished pieces of one run, by stage and number.

    Args:
        directory: for the pieces; those of another run found there are removed.
        run: what decides the results; plain data.
    """

    def __init__(self, directory: Path, run: dict[str, Any]) -> None:
        self.directory = directory
        text = json.dumps(run, sort_keys=True, default=str)
        stamp = directory / "run.sha256"
        digest = hashlib.sha256(text.encode()).hexdigest()
        if directory.exists() and (not stamp.exists() or stamp.read_text() != digest):
            shutil.rmtree(directory)
        directory.mkdir(parents=True, exist_ok=True)
        stamp.write_text(digest)

    def path(self, stage: str, number: int) -> Path:
        """Return where a piece lies."""
        return self.directory / f"{stage}-{number:06d}.parquet"

    def has(self, stage: str, number: int) -> bool:
        """Whether a piece is finished."""
        return self.path(stage, number).exists()

    def put(self, stage: str, number: int, table: pa.Table) -> None:
        """Write a piece; it appears whole or not at all."""
        partial = self.path(stage, number).with_suffix(".partial")
        pq.write_table(table, partial)
        partial.replace(self.path(stage, number))

    def read(self, stage: str, numbers: Iterable[int]) -> pa.Table:
        """Return the pieces one below the other."""
        return pa.concat_tables([pq.read_table(self.path(stage, number)) for number in numbers])

    def remove(self) -> None:
        """Delete all pieces; the run is complete."""
        shutil.rmtree(self.directory, ignore_errors=True)
