"""Labelled crystals ready for training: features in one file, labels beside them, both in one order."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features
from xbert.parallel import in_parallel
from xbert.scoring import CHUNK, prepare
from xbert.spacegroups import group_flags
from xbert.training.labels import TopologyLabels, read_topology_labels
from xbert.training.splits import formula_keys
from xbert.training.targets import read_properties

PROPERTY_TEST = ("megnet",)
"""The split on which the property heads of topology models are scored, and which they never learn from."""

_FEATURES_VERSION = 1  # raise it when features of the same crystal change


@dataclass(frozen=True)
class LabelledCrystals:
    """Features and labels of n crystals.

    Attributes:
        features: model inputs.
        labels: soft targets of the three sources.
        hashes: SHA-256 of the files they came from.
        refused: crystal id → why it is not among them.
        properties: head → (n, 1) of what else is known of them, see ``xbert.training.targets``; NaN where
            one is not.
    """

    features: Features
    labels: TopologyLabels
    hashes: dict[str, str]
    refused: dict[str, str]
    properties: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def keys(self) -> list[str]:
        """Formula keys."""
        return formula_keys(self.features.composition)

    @cached_property
    def undiagnosable(self) -> np.ndarray:
        """(n,) bool: no symmetry eigenvalue can reveal topology."""
        return group_flags(self.features.spacegroup)[1]

    @cached_property
    def centrosymmetric(self) -> np.ndarray:
        """(n,) bool: the group has inversion."""
        return group_flags(self.features.spacegroup)[0]

    @cached_property
    def even(self) -> np.ndarray:
        """(n,) bool: even number of electrons in the primitive cell."""
        return self.features.n_electrons % 2 == 0

    def take(self, rows: np.ndarray) -> "LabelledCrystals":
        """Return the crystals at ``rows``."""
        known = {name: value[rows] for name, value in self.properties.items()}
        return replace(
            self, features=self.features.take(rows), labels=self.labels.take(rows), properties=known
        )


def load_labelled(
    structures: Path,
    labels: Path,
    cache: Path,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    vectors: bool = False,
    properties: Path | None = None,
) -> LabelledCrystals:
    """Join labels to structures by id and compute features, or take them from ``cache``.

    Args:
        structures: crystal table (Parquet).
        labels: label table (Parquet), see ``read_topology_labels``.
        cache: directory for the computed features.
        workers: processes.
        on_progress: called with (done, all) crystals.
        vectors: with displacements, for encoders that know angles.
        properties: table of band gaps and formation energies (Parquet), see ``read_properties``.
    """
    hashes = {path.name: _sha256(path) for path in (structures, labels)}
    digest = hashlib.sha256(f"{_FEATURES_VERSION}{hashes}".encode()).hexdigest()[:16]
    stored = cache / f"features-{digest}{'-vectors' * vectors}.safetensors"
    index = stored.with_suffix(".json")
    wanted = read_topology_labels(labels)
    if not (stored.exists() and index.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        features, ids, refused = _compute(structures, wanted.ids, workers, on_progress, vectors)
        partial = stored.with_suffix(".part")
        features.save(partial)
        index.write_text(json.dumps({"ids": ids, "refused": refused}), encoding="utf-8")
        partial.replace(stored)
    known = json.loads(index.read_text(encoding="utf-8"))
    place = {id_: row for row, id_ in enumerate(wanted.ids)}
    rows = np.array([place[id_] for id_ in known["ids"]], dtype=np.int64)
    also = {}
    if properties:
        hashes[properties.name] = _sha256(properties)
        read = read_properties(properties, known["ids"], PROPERTY_TEST)
        also = {name: value[:, None] for name, value in read.items()}
    return LabelledCrystals(Features.load(stored), wanted.take(rows), hashes, known["refused"], also)


def _compute(
    structures: Path,
    wanted: list[str],
    workers: int,
    on_progress: Callable[[int, int], None] | None,
    vectors: bool,
) -> tuple[Features, list[str], dict[str, str]]:
    table = pq.read_table(structures, columns=GEOMETRY.names)
    table = table.filter(pc.is_in(table["id"], pa.array(wanted, table["id"].type)))
    parts, ids, refused = prepared(
        CrystalTable(table), partial(prepare, vectors=vectors), workers, on_progress
    )
    return Features.concatenate(parts), ids, refused


def prepared(
    table: CrystalTable,
    work: Callable[[CrystalTable], tuple[pa.Table, Features]],
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[list[Features], list[str], dict[str, str]]:
    """Compute features chunk by chunk.

    Args:
        table: crystals.
        work: chunk → rows with `id` and `error`, and the features of those without an error.
        workers: processes.
        on_progress: called with (done, all) crystals.

    Returns:
        Features of each chunk, ids in their order, and id → why it was refused.
    """
    parts: list[Features] = []
    ids: list[str] = []
    refused: dict[str, str] = {}
    done = 0
    for rows, features in in_parallel(work, table.batches(CHUNK), workers):
        for id_, error in zip(rows["id"].to_pylist(), rows["error"].to_pylist(), strict=True):
            if error is None:
                ids.append(id_)
            else:
                refused[id_] = error
        parts.append(features)
        done += rows.num_rows
        if on_progress:
            on_progress(done, len(table))
    return parts, ids, refused


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
