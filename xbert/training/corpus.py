"""Features of a whole database, computed once on all cores and kept in parts."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xbert.cells import conventional_lattices, lattice_parameters
from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features
from xbert.parallel import in_parallel
from xbert.scoring import prepare
from xbert.training.splits import formula_keys

PART = 2048
"""Crystals in one part: half a minute of one core."""

_VERSION = 1  # raise it when features of the same crystal change

_HALVED = ("distances", "vectors")


@dataclass(frozen=True)
class Corpus:
    """Crystals without labels, ready for pretraining.

    Attributes:
        ids: names of the n crystals.
        formulas: their reduced formulas.
        features: model inputs.
        lattice: (n, 6) float32 a, b, c in Å and α, β, γ in degrees of the conventional standard cell.
        refused: crystal id → why it is not among them.
        sha256: of the file they came from.
    """

    ids: list[str]
    formulas: list[str]
    features: Features
    lattice: np.ndarray
    refused: dict[str, str]
    sha256: str

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def keys(self) -> list[str]:
        """Formula keys."""
        return formula_keys(self.features.composition)


@dataclass(frozen=True)
class _Part:
    """One slice of the table and where its features are kept."""

    path: Path
    table: CrystalTable
    vectors: bool


def read_corpus(
    structures: Path,
    cache: Path,
    workers: int = 1,
    limit: int | None = None,
    vectors: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> Corpus:
    """Read a crystal table and compute its features, or take them from ``cache``.

    Parts are written as they are finished, so a killed run goes on where it stopped. Distances are kept in
    half precision: at 8 Å that is 0.004 Å, a fiftieth of the step between two Gaussians of the encoders.

    Args:
        structures: crystal table (Parquet).
        cache: directory of the parts.
        workers: processes.
        limit: so many crystals, drawn at random once and for all; all without it.
        vectors: keep displacements too, for encoders that know angles.
        on_progress: called with (done, all) crystals.

    Raises:
        ValueError: the file is not a crystal table, or none of its crystals can be used.
    """
    with structures.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        table = CrystalTable(pq.read_table(structures, columns=GEOMETRY.names))
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{structures} is not a crystal table: {error}") from error
    if limit is not None and limit < len(table):
        table = table.take(np.sort(np.random.default_rng(0).permutation(len(table))[:limit]))
    kind = hashlib.sha256(f"{_VERSION} {sha256} {limit} {vectors} {PART}".encode()).hexdigest()[:16]
    where = cache / f"corpus-{kind}"
    where.mkdir(parents=True, exist_ok=True)
    parts = [
        _Part(where / f"{number:05d}.safetensors", part, vectors)
        for number, part in enumerate(table.batches(PART))
    ]
    missing = [part for part in parts if not part.path.exists()]
    done = len(table) - sum(len(part.table) for part in missing)
    if on_progress:
        on_progress(done, len(table))
    for size in in_parallel(_compute, missing, workers):
        done += size
        if on_progress:
            on_progress(done, len(table))
    read = [_read(part.path) for part in parts]
    if not any(len(ids) for ids, *_ in read):
        raise ValueError(f"{structures} holds no crystal that can be used")
    return Corpus(
        [id_ for ids, *_ in read for id_ in ids],
        [formula for _, formulas, *_ in read for formula in formulas],
        Features.concatenate([features for *_, features, _, _ in read]),
        np.concatenate([lattice for *_, lattice, _ in read]),
        {id_: reason for *_, refused in read for id_, reason in refused.items()},
        sha256,
    )


def _compute(part: _Part) -> int:
    """Write the features of one part at once, and return how many crystals it had (a worker's task)."""
    from safetensors.numpy import save_file

    rows, features = prepare(part.table, vectors=part.vectors)
    good = rows.filter(pc.is_null(rows["error"]))
    cells = CrystalTable(good.select(GEOMETRY.names))
    refused = rows.filter(pc.is_valid(rows["error"]))
    arrays = {f"features.{name}": array for name, array in vars(features).items() if array is not None}
    for name in _HALVED:
        if f"features.{name}" in arrays:
            arrays[f"features.{name}"] = arrays[f"features.{name}"].astype(np.float16)
    lattices = conventional_lattices(cells.lattices, features.spacegroup)
    arrays["lattice"] = lattice_parameters(lattices).astype(np.float32)
    told = {
        "ids": good["id"].to_pylist(),
        "formulas": good["formula"].to_pylist(),
        "refused": dict(zip(refused["id"].to_pylist(), refused["error"].to_pylist(), strict=True)),
    }
    partial_file = part.path.with_suffix(".part")
    save_file(arrays, partial_file, {"told": json.dumps(told)})
    partial_file.replace(part.path)
    return len(part.table)


def _read(path: Path) -> tuple[list[str], list[str], Features, np.ndarray, dict[str, str]]:
    from safetensors import safe_open

    with safe_open(path, "numpy") as file:
        told = json.loads(file.metadata()["told"])
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    inputs = {
        key.removeprefix("features."): array for key, array in arrays.items() if key.startswith("features.")
    }
    for name in _HALVED:
        if name in inputs:
            inputs[name] = inputs[name].astype(np.float32)
    return told["ids"], told["formulas"], Features(**inputs), arrays["lattice"], told["refused"]
