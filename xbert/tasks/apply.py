"""Predict a property of any crystals with the models of a task."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features
from xbert.parallel import in_parallel
from xbert.scoring import CHUNK, prepare
from xbert.tasks import model as models
from xbert.tasks.model import DESCRIPTION, Scale
from xbert.tasks.record import Task, TaskError

if TYPE_CHECKING:
    from torch import nn

SUFFIXES = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class Ensemble:
    """Networks that learnt the same task on different folds.

    Attributes:
        task: record.
        members: networks in evaluation mode, each with the scale of its targets.
        device: torch device.
    """

    task: Task
    members: "list[tuple[nn.Module, Scale]]"
    device: str = "cpu"

    @classmethod
    def read(cls, directory: Path, device: str = "cpu") -> "Ensemble":
        """Read the model in ``directory``, or those in its ``fold-K``.

        Raises:
            TaskError: if there is none.
        """
        alone = (directory / DESCRIPTION).is_file()
        places = [directory] if alone else sorted(p.parent for p in directory.glob(f"fold-*/{DESCRIPTION}"))
        if not places:
            raise TaskError(
                f"no model in {directory}; give DIR/PROTOCOL of xbert finetune --task, or a fold of it"
            )
        found = [models.load(place, device) for place in places]
        task = found[0][2]
        return cls(task, [(network, Scale(**model.scale)) for network, model, _ in found], device)

    @property
    def needs_vectors(self) -> bool:
        """Whether an encoder knows angles."""
        return any(getattr(getattr(n, "graph", None), "needs_vectors", False) for n, _ in self.members)

    def __call__(self, features: Features) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and standard deviation over the members: (n,) values or (n, classes) probabilities."""
        each = np.stack(
            [models.predict(net, scale, self.task, features, self.device) for net, scale in self.members]
        )
        return each.mean(0), each.std(0)

    def columns(self, features: Features) -> dict[str, np.ndarray]:
        """Return the columns of a prediction: the value or the class probabilities, and the uncertainty."""
        mean, spread = self(features)
        if self.task.kind == "regression":
            return {self.task.name: mean, "uncertainty": spread}
        named = {f"p_{name}": mean[:, i] for i, name in enumerate(self.task.target.classes)}
        return {**named, "uncertainty": spread.max(1)}


def predict_files(
    ensemble: Ensemble,
    paths: Iterable[str],
    workers: int = 1,
    on_progress: Callable[[int], None] | None = None,
) -> pa.Table:
    """Predict for every crystal of the files.

    Args:
        ensemble: models.
        paths: files, folders and globs, see ``xbert.readers.iter_crystals``.
        workers: processes for standard cells and graphs.
        on_progress: called with the crystals that are done.

    Returns:
        ``id``, ``formula``, ``spacegroup``, the columns of ``Ensemble.columns``, and ``error``.

    Raises:
        FileNotFoundError: if a path names no file.
    """
    from xbert.readers import iter_crystals

    refused: list[dict[str, Any]] = []

    def tables() -> Iterable[CrystalTable]:
        for table, refusals in iter_crystals(paths, CHUNK):
            refused.extend({"id": r.id or r.file, "error": r.reason} for r in refusals)
            if len(table):
                yield CrystalTable(table.arrow.select(GEOMETRY.names))

    parts: list[pa.Table] = []
    done = 0
    work = partial(prepare, checked=True, vectors=ensemble.needs_vectors)
    for rows, features in in_parallel(work, tables(), workers):
        parts.append(_scored(ensemble, rows, features))
        done += rows.num_rows
        if on_progress:
            on_progress(done)
    if refused:
        parts.append(pa.Table.from_pylist(refused))
    return pa.concat_tables(parts, promote_options="default") if parts else pa.table({})


def _scored(ensemble: Ensemble, rows: pa.Table, features: Features) -> pa.Table:
    good = pc.is_null(rows["error"]).to_numpy()
    place = np.full(rows.num_rows, -1)
    place[good] = np.arange(good.sum())
    indices = pa.array(place, mask=place < 0)
    table = rows.select(["id", "formula"])
    table = table.append_column("spacegroup", pa.array(features.spacegroup).take(indices))
    for name, values in ensemble.columns(features).items():
        table = table.append_column(name, pa.array(values.astype(np.float32)).take(indices))
    return table.append_column("error", rows["error"])


def write(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, CSV or JSON lines, by the suffix."""
    import pyarrow.csv as csv
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(table, path, compression="zstd")
    elif path.suffix == ".csv":
        csv.write_csv(table, path)
    else:
        lines = (json.dumps(row, ensure_ascii=False) for row in table.to_pylist())
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
