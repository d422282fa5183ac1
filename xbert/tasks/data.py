"""Crystals and targets of a task in one order, features computed once, and the folds that score them."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features, features_of
from xbert.scoring import standardise_rows
from xbert.spacegroups import group_flags
from xbert.tasks import matminer
from xbert.tasks.files import write_json
from xbert.tasks.record import Protocol, Task, TaskError
from xbert.tasks.structures import read_structures
from xbert.tasks.targets import Targets, read_targets
from xbert.training.data import prepared
from xbert.training.splits import formula_fold, formula_keys, random_fold

_VERSION = 1  # raise it when features of the same crystal change

OnProgress = Callable[[int, int], None]
"""(crystals done, all)."""


@dataclass(frozen=True)
class TaskData:
    """Features and targets of n crystals.

    Attributes:
        features: model inputs.
        targets: for the same crystals, in the same order.
        refused: id → why a crystal with a target is not among them.
        hashes: file → SHA-256.
    """

    features: Features
    targets: Targets
    refused: dict[str, str]
    hashes: dict[str, str]

    def __len__(self) -> int:
        return len(self.targets)

    @cached_property
    def keys(self) -> list[str]:
        """Formula keys."""
        return formula_keys(self.features.composition)


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, and rows held out."""

    train: np.ndarray
    test: np.ndarray


def load(
    task: Task,
    protocol: Protocol,
    data: Path,
    cache: Path,
    limit: int | None = None,
    vectors: bool = False,
    workers: int = 1,
    on_progress: OnProgress | None = None,
) -> TaskData:
    """Join targets to structures by id and compute features, or take them from ``cache``.

    Args:
        task: record.
        protocol: rows of parts that it does not use are left out.
        data: directory that its paths start from.
        cache: directory for computed features; tasks over the same structures share it.
        limit: keep this many crystals, drawn at random with a fixed seed.
        vectors: with displacements, for encoders that know angles.
        workers: processes.
        on_progress: called while features are computed.

    Raises:
        TaskError: naming the file and what is wrong in it.
    """
    targets = _drawn(read_targets(task, data), protocol, limit)
    hashes = {name: _sha256(data / name) for name in {task.structures.file, task.target.file}}
    features, ids, refused = _features(task, data, cache, targets.ids, vectors, workers, on_progress, hashes)
    matminer.forget()
    if not ids:
        why = next(iter(refused.values()), "none of the ids stands there")
        raise TaskError(f"{data / task.structures.file} gives no crystal of {task.target.file}: {why}")
    place = {id_: row for row, id_ in enumerate(targets.ids)}
    rows = np.array([place[id_] for id_ in ids], dtype=np.int64)
    order = np.argsort(rows, kind="stable")
    found = TaskData(features.take(order), targets.take(rows[order]), refused, hashes)
    if task.only == "diagnosable":
        kept = np.flatnonzero(~group_flags(found.features.spacegroup)[1])
        found = TaskData(found.features.take(kept), found.targets.take(kept), refused, hashes)
    return found


def folds(data: TaskData, protocol: Protocol, directory: Path) -> list[Fold]:
    """Split the rows as the protocol says.

    Args:
        data: crystals of a task.
        protocol: how.
        directory: of the data, where a protocol names a file of folds.

    Raises:
        TaskError: if a part is empty.
    """
    n = len(data)
    if protocol.by == "given" and protocol.column:
        named = data.targets.part
        assert named is not None  # read_targets reads the column of the protocol
        train, test = (np.flatnonzero(np.isin(named, words)) for words in (protocol.train, protocol.test))
        parts = [Fold(train, test)]
    elif protocol.by == "given":
        parts = _folds_of_matbench(data.targets.ids, protocol, directory)
    else:
        if protocol.by == "random":
            fold = random_fold(n, protocol.folds)
        else:
            fold = formula_fold(data.keys, protocol.folds)
        parts = [Fold(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(protocol.folds)]
    for k, part in enumerate(parts):
        if not len(part.train) or not len(part.test):
            raise TaskError(
                f"fold {k} has {len(part.train)} crystals to learn from and {len(part.test)} held out; "
                "take more crystals or fewer folds"
            )
    return parts


def _drawn(targets: Targets, protocol: Protocol, limit: int | None) -> Targets:
    """Leave out parts that play no role, and draw ``limit`` rows, a fifth of them or more to test on."""
    shuffled = np.random.default_rng(0).permutation(len(targets))
    groups = [shuffled]
    if protocol.by == "given" and targets.part is not None:
        of_row = targets.part[shuffled]
        groups = [shuffled[np.isin(of_row, words)] for words in (protocol.test, protocol.train)]
    total = sum(map(len, groups))
    if limit is None or limit >= total:
        return targets.take(np.sort(np.concatenate(groups)))
    tested = max(limit // 5, round(limit * len(groups[0]) / total))
    first = groups[0][:tested]
    return targets.take(
        np.sort(np.concatenate([first, *(group[: limit - len(first)] for group in groups[1:])]))
    )


def _folds_of_matbench(ids: list[str], protocol: Protocol, directory: Path) -> list[Fold]:
    import gzip

    path = directory / str(protocol.file)
    try:
        content = path.read_bytes()
        text = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        named = json.loads(text)[protocol.key]
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise TaskError(f"{path} gives no folds of {protocol.key}: {type(error).__name__}: {error}") from None
    parts = []
    for key in sorted(named):
        test = np.isin(np.array(ids, dtype=object), named[key])
        parts.append(Fold(np.flatnonzero(~test), np.flatnonzero(test)))
    return parts


def _features(
    task: Task,
    data: Path,
    cache: Path,
    wanted: list[str],
    vectors: bool,
    workers: int,
    on_progress: OnProgress | None,
    hashes: dict[str, str],
) -> tuple[Features, list[str], dict[str, str]]:
    spec = task.structures.model_dump_json()
    key = f"{_VERSION}{hashes[task.structures.file]}{spec}{vectors}"
    source = hashlib.sha256(key.encode()).hexdigest()[:12]
    needed = set(wanted)
    for index in sorted(cache.glob(f"task-{source}-*.json")):
        known = json.loads(index.read_text(encoding="utf-8"))
        if needed <= {*known["ids"], *known["refused"]}:
            rows = np.array([i for i, id_ in enumerate(known["ids"]) if id_ in needed], dtype=np.int64)
            features = Features.load(index.with_suffix(".safetensors"))
            kept = features if len(rows) == len(features) else features.take(rows)
            refused = {id_: why for id_, why in known["refused"].items() if id_ in needed}
            return kept, [known["ids"][i] for i in rows], refused
    table, refused = read_structures(task, data, wanted)
    features, ids, failed = _compute(table, vectors, workers, on_progress)
    refused |= failed
    absent = needed - {*ids, *refused}
    refused |= dict.fromkeys(sorted(absent), f"{task.structures.file} does not hold it")
    if ids:
        cache.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256("\n".join(sorted(needed)).encode()).hexdigest()[:12]
        stored = cache / f"task-{source}-{digest}.safetensors"
        unfinished = stored.with_suffix(".part")
        features.save(unfinished)
        unfinished.replace(stored)
        write_json(stored.with_suffix(".json"), {"ids": ids, "refused": refused})
    return features, ids, refused


def _compute(
    table: CrystalTable, vectors: bool, workers: int, on_progress: OnProgress | None
) -> tuple[Features, list[str], dict[str, str]]:
    parts, ids, refused = prepared(
        CrystalTable(table.arrow), partial(_prepare, vectors=vectors), workers, on_progress
    )
    if not parts:
        parts.append(_prepare(table, vectors)[1])
    return Features.concatenate(parts), ids, refused


def _prepare(table: CrystalTable, vectors: bool) -> tuple[pa.Table, Features]:
    rows = standardise_rows(table)
    good = rows.filter(pc.is_null(rows["error"]))
    features = features_of(
        CrystalTable(good.select(GEOMETRY.names)),
        good["spacegroup"].to_numpy(),
        good["n_electrons"].to_numpy().astype(np.int64),
        vectors=vectors,
    )
    return rows, features


def _sha256(path: Path) -> str:
    if path.is_dir() or not path.exists():  # a folder or a glob of files: their names and sizes
        files = sorted(path.rglob("*")) if path.is_dir() else sorted(path.parent.glob(path.name))
        listing = "\n".join(f"{f.name} {f.stat().st_size} {f.stat().st_mtime_ns}" for f in files)
        return hashlib.sha256(listing.encode()).hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
