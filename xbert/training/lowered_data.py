"""Training data of distorted crystals with the labels that survive, in one file beside the cache."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.features import Features
from xbert.parallel import in_parallel
from xbert.scoring import standardise_rows
from xbert.spacegroups import group_flags
from xbert.training.augment import Distortion, features_of_lowered, lowered_table
from xbert.training.carried import NOT_CARRIED, STRONG, known_gaps, read_label_words, which_labels_survive
from xbert.training.data import LabelledCrystals
from xbert.training.labels import KINDS, TopologyLabels, hide_blind_trivials, read_topology_labels

CHUNK = 256

_VERSION = 1  # raise it when the same settings give other crystals


@dataclass(frozen=True)
class Lowering:
    """Which distorted crystals to make.

    Attributes:
        seed: of all random choices.
        copies: of each crystal.
        distortion: how far.
        weights: (231) of target space groups, see ``xbert.training.augment.lowered``; None: by their order.
        vectors: keep displacements for encoders that know angles.
        limit: crystals to start from, drawn at random once and for all; None for all.
    """

    seed: int = 0
    copies: int = 1
    distortion: Distortion = field(default_factory=Distortion)
    weights: tuple[float, ...] | None = None
    vectors: bool = False
    limit: int | None = None


def load_lowered(
    structures: Path,
    labels: Path,
    properties: Path,
    cache: Path,
    lowering: Lowering | None = None,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> LabelledCrystals:
    """Distort every crystal whose strong index is known, or take them from ``cache``.

    Ids are those of the parents and formulas are unchanged, so that a split by formula keeps a crystal and
    its distortions on one side. Every source that labelled the parent labels the distorted crystal: TI or
    trivial, in the sense of the strong index.

    Args:
        structures: crystal table (Parquet).
        labels: label table (Parquet).
        properties: table of PBE gaps (Parquet), see ``known_gaps``.
        cache: directory of the computed features.
        lowering: what to make.
        workers: processes.
        on_progress: called with (done, all) parents.
    """
    how = lowering or Lowering()
    hashes = {path.name: _sha256(path) for path in (structures, labels, properties)}
    kind = hashlib.sha256(f"{_VERSION} {hashes} {json.dumps(asdict(how))}".encode()).hexdigest()[:16]
    stored = cache / f"lowered-{kind}.safetensors"
    index = stored.with_suffix(".json")
    if not (stored.exists() and index.exists()):
        cache.mkdir(parents=True, exist_ok=True)
        features, ids, strong = _compute(structures, labels, properties, how, workers, on_progress)
        unfinished = stored.with_suffix(".part")
        features.save(unfinished)
        index.write_text(json.dumps({"ids": ids, "strong": strong}), encoding="utf-8")
        unfinished.replace(stored)
    known = json.loads(index.read_text(encoding="utf-8"))
    parents = read_topology_labels(labels)
    place = {id_: row for row, id_ in enumerate(parents.ids)}
    rows = np.array([place[id_] for id_ in known["ids"]], dtype=np.int64)
    kinds = np.zeros((len(rows), *parents.kinds.shape[1:]), dtype=np.float32)
    ti = np.array(known["strong"], dtype=bool)
    kinds[:, :, KINDS.index("ti")] = parents.known[rows] & ti[:, None]
    kinds[:, :, KINDS.index("trivial")] = parents.known[rows] & ~ti[:, None]
    return LabelledCrystals(Features.load(stored), TopologyLabels(known["ids"], kinds), hashes, {})


def group_frequencies(structures: Path, column: str = "spacegroup_symprec_0.1") -> tuple[float, ...]:
    """Count the space groups of a database: (231,) weights for ``Lowering``, so that targets are what occurs.

    Args:
        structures: crystal table (Parquet) with a column of space-group numbers.
        column: its name.
    """
    numbers = pq.read_table(structures, columns=[column])[column].drop_null().to_numpy().astype(np.int64)
    return tuple(np.bincount(numbers, minlength=231)[:231].astype(float).tolist())


def with_lowered(data: LabelledCrystals, more: LabelledCrystals) -> LabelledCrystals:
    """Append distorted crystals to labelled ones, whose blind labels are dropped.

    "Trivial" in a group without indicator is silence in ``data`` and knowledge in ``more``. Train on the
    result with ``hide_blind=False``: hiding again would drop what was won.
    """
    seen = hide_blind_trivials(data.labels, data.undiagnosable)
    return replace(
        data,
        features=Features.concatenate([data.features, more.features]),
        labels=TopologyLabels([*seen.ids, *more.labels.ids], np.concatenate([seen.kinds, more.labels.kinds])),
        hashes=data.hashes | more.hashes,
    )


_Chunk = tuple[CrystalTable, pa.Table, np.ndarray]
_Done = tuple[int, Features | None, list[str], list[bool]]


def _compute(
    structures: Path,
    labels: Path,
    properties: Path,
    how: Lowering,
    workers: int,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[Features, list[str], list[bool]]:
    words = read_label_words(labels)
    gaps = known_gaps(properties, words["mp_id"].to_pylist())
    # Inversion and electrons are known after standardisation, which costs time: ask the labels first.
    perhaps = np.ones(words.num_rows, dtype=bool)
    wanted = which_labels_survive(words, gaps, perhaps, perhaps) != NOT_CARRIED
    place = {id_: row for row, id_ in enumerate(words["mp_id"].to_pylist()) if wanted[row]}
    table = pq.read_table(structures, columns=GEOMETRY.names)
    table = table.filter(pc.is_in(table["id"], pa.array(list(place), table["id"].type)))
    if how.limit is not None and how.limit < table.num_rows:
        table = table.take(np.sort(np.random.default_rng(0).permutation(table.num_rows)[: how.limit]))
    crystals = CrystalTable(table)

    def chunks() -> list[_Chunk]:
        rows = np.array([place[id_] for id_ in crystals.ids], dtype=np.int64)
        parts = (slice(start, start + CHUNK) for start in range(0, len(rows), CHUNK))
        return [
            (crystals.slice(part.start, CHUNK), words.take(pa.array(rows[part])), gaps[rows[part]])
            for part in parts
        ]

    features: list[Features] = []
    ids: list[str] = []
    strong: list[bool] = []
    done = 0
    for size, made, parents, known in in_parallel(partial(_lower, how), chunks(), workers):
        if made is not None:
            features.append(made)
        ids += parents
        strong += known
        done += size
        if on_progress:
            on_progress(done, len(crystals))
    if not features:
        raise ValueError(f"no crystal of {structures} has a label in {labels} that outlives its inversion")
    return Features.concatenate(features), ids, strong


def _lower(how: Lowering, chunk: _Chunk) -> _Done:
    """Standardise and distort a few crystals (a worker's task)."""
    table, words, gaps = chunk
    rows = standardise_rows(table)
    good = np.flatnonzero(pc.is_null(rows["error"]).to_numpy())
    rows = rows.take(pa.array(good))
    inversion = group_flags(rows["spacegroup"].to_numpy())[0]
    even = rows["n_electrons"].to_numpy() % 2 == 0
    kept = which_labels_survive(words.take(pa.array(good)), gaps[good], inversion, even)
    chosen = np.flatnonzero(kept != NOT_CARRIED)
    cells = CrystalTable(rows.select(GEOMETRY.names)).take(chosen)
    weights = None if how.weights is None else np.array(how.weights)
    made, parents = lowered_table(cells, how.seed, how.copies, how.distortion, weights)
    features = features_of_lowered(made, how.vectors) if made else None
    strong = (kept[chosen][parents] == STRONG).tolist()
    return len(table), features, [one.crystal.id for one in made], strong


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
