"""The screen: standardise, filter, predict, rank. Every stage is resumable and repeatable."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from candidates.records import Candidate, FunnelStep, RefusedCrystal, RunRecord
from discovery.databases.info import LABELS, Database
from discovery.screening.doubts import predicts_metals, score_standardised, with_calls
from discovery.screening.duplicates import drop_matching_structures
from discovery.screening.filters import (
    Step,
    apply_filters,
    filters_after_prediction,
    filters_before_prediction,
)
from discovery.screening.options import ScreenOptions
from discovery.screening.parts import Parts
from discovery.screening.rows import to_candidates, to_parquet
from xbert.crystals import GEOMETRY, CrystalTable
from xbert.parallel import in_parallel
from xbert.predict import Predictor
from xbert.scoring import CHUNK, features_of_rows, score_features, standardise_rows
from xbert.symmetry import SYMPREC, TIGHT_SYMPREC

Progress = Callable[[str, int, int], None]
"""(stage, done, all)."""

FACTS = ("icsd_ids", *LABELS, "band_gap", "e_above_hull", "topology", "phase", "source")
"""Columns of a database that filters and candidates use, where it has them."""

PACKAGES = ("xbert-discovery", "torch", "numpy", "pyarrow", "moyopy", "vesin")


@dataclass(frozen=True)
class Result:
    """A finished screen: its record and its candidates, best first."""

    run: RunRecord
    candidates: list[Candidate]


def screen(
    database: Database,
    predictor: Predictor,
    benchmark: Predictor,
    options: ScreenOptions,
    directory: Path,
    command: list[str],
    workers: int = 1,
    on_progress: Progress | None = None,
) -> Result:
    """Screen a database and write ``candidates.parquet`` and ``run.json`` to ``directory``.

    Killed and started again with the same arguments it goes on; finished and started again it writes the
    same bytes to ``candidates.parquet``.

    Args:
        database: where the crystals come from.
        predictor: the model that ranks.
        benchmark: the model that says what the databases would say.
        options: filters.
        directory: of the run; former results there are replaced.
        command: command line, for the record.
        workers: processes for symmetry and graphs.
        on_progress: called as stages advance.

    Raises:
        ValueError: metals are to be filtered by a model that does not predict them.
    """
    if options.max_metal < 1 and not predicts_metals(predictor):
        raise ValueError(
            f"model {predictor.name!r} does not predict metals, so --max-metal {options.max_metal:g} "
            "cannot be held; leave it out or choose another model"
        )
    started = datetime.now(UTC).isoformat(timespec="seconds")
    identity: dict[str, Any] = {
        "database": database.info.name,
        "database_sha256": database.fingerprint(),
        "model_sha256": predictor.sha256,
        "benchmark_sha256": benchmark.sha256,
        "options": options.model_dump(mode="json"),
        "version": version("xbert-discovery"),
    }
    run_id = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:12]
    parts = Parts(directory / ".parts", identity)
    table = database.open()
    n_input = len(table) + len(database.refused)
    rows = _standardise(table, parts, workers, on_progress)
    del table  # the rows hold all that is needed; a large database is not kept twice
    failed = rows.filter(pc.is_valid(rows.column("error")))
    rows = rows.filter(pc.is_null(rows.column("error")))
    refused = [*_refused_on_reading(database), *_refused(failed)]
    steps = [Step("usable", "crystals that cannot be used", True, len(refused), rows.num_rows)]
    rows, more = apply_filters(rows, filters_before_prediction(options))
    steps += more
    rows = _predict(rows, predictor, parts, workers, on_progress)
    rows, more = apply_filters(rows, filters_after_prediction(options, rows))
    steps += more
    rows, more = _rank(with_calls(rows, predictor, options.error_rate), options)
    steps += more
    features = features_of_rows(rows, predictor.needs_vectors or benchmark.needs_vectors)
    p_benchmark = score_features(benchmark, features).column("p_topological").to_numpy()
    candidates = to_candidates(rows, features, p_benchmark, run_id, database.info.name, predictor)
    run = RunRecord(
        id=run_id,
        created=started,
        database=database.info.name,
        database_sha256=identity["database_sha256"],
        model=predictor.name,
        model_sha256=predictor.sha256,
        command=tuple(command),
        funnel=tuple(FunnelStep(**vars(step)) for step in steps),
        refused=tuple(refused),
        versions={name: version(name) for name in PACKAGES},
        seeds={},
        n_input=n_input,
        directory=str(directory.resolve()),
    )
    pq.write_table(to_parquet(candidates), directory / "candidates.parquet", compression="zstd")
    record = run.model_dump(mode="json") | {
        "options": identity["options"],
        "symprec": SYMPREC,
        "symprec_tight": TIGHT_SYMPREC,
        "benchmark_sha256": benchmark.sha256,
    }
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (directory / "run.json").write_text(text + "\n", encoding="utf-8")
    parts.remove()
    return Result(run, candidates)


def _standardise(table: CrystalTable, parts: Parts, workers: int, on_progress: Progress | None) -> pa.Table:
    """Standardise all crystals, keeping the facts of the database beside them."""
    numbers = range(-(-len(table) // CHUNK))
    missing = [number for number in numbers if not parts.has("standard", number)]
    geometry = table.keep([])
    chunks = (geometry.slice(number * CHUNK, CHUNK) for number in missing)
    done = (len(numbers) - len(missing)) * CHUNK
    for number, rows in zip(missing, in_parallel(standardise_rows, chunks, workers), strict=True):
        parts.put("standard", number, rows)
        done += rows.num_rows
        if on_progress:
            on_progress("symmetry", min(done, len(table)), len(table))
    rows = parts.read("standard", numbers) if len(table) else standardise_rows(table.keep([]))
    for name in FACTS:
        if name in table.property_names:
            rows = rows.append_column(name, table.arrow.column(name))
    return rows


def _predict(
    rows: pa.Table, predictor: Predictor, parts: Parts, workers: int, on_progress: Progress | None
) -> pa.Table:
    numbers = range(-(-rows.num_rows // CHUNK))
    missing = [number for number in numbers if not parts.has("score", number)]
    needed = [*GEOMETRY.names, "spacegroup", "n_electrons"]
    chunks: Iterator[Any] = (rows.select(needed).slice(number * CHUNK, CHUNK) for number in missing)
    done = (len(numbers) - len(missing)) * CHUNK
    score = partial(score_standardised, predictor=predictor)
    for number, scores in zip(missing, in_parallel(score, chunks, workers), strict=True):
        parts.put("score", number, scores)
        done += scores.num_rows
        if on_progress:
            on_progress("prediction", min(done, rows.num_rows), rows.num_rows)
    scores = parts.read("score", numbers) if rows.num_rows else score_standardised(rows, predictor)
    for name in scores.column_names:
        rows = rows.append_column(name, scores.column(name))
    return rows


def _rank(rows: pa.Table, options: ScreenOptions) -> tuple[pa.Table, list[Step]]:
    """Order by probability and cut: best first, ties by id."""
    p = rows.column("p_topological").to_numpy()
    ids = np.array(rows.column("id").to_pylist(), dtype=object)
    rows = rows.take(pa.array(sorted(range(len(p)), key=lambda i: (-p[i], ids[i])), pa.int64()))
    likely = rows.filter(pc.greater_equal(rows.column("p_topological"), options.min_probability))
    steps = [
        Step(
            "probability",
            f"topological probability below {options.min_probability:g}",
            options.min_probability > 0,
            rows.num_rows - likely.num_rows,
            likely.num_rows,
        )
    ]
    distinct = drop_matching_structures(likely) if options.match_structures else likely
    steps.append(
        Step(
            "matching structures",
            "structures that match a better-ranked one of the same formula",
            options.match_structures,
            likely.num_rows - distinct.num_rows,
            distinct.num_rows,
        )
    )
    best = distinct.slice(0, options.top) if options.top else distinct
    what = f"all but the best {options.top:,}" if options.top else "all but the best"
    steps.append(Step("top", what, options.top > 0, distinct.num_rows - best.num_rows, best.num_rows))
    return best, steps


def _refused_on_reading(database: Database) -> Iterator[RefusedCrystal]:
    for refusal in database.refused:
        yield RefusedCrystal(file=refusal.file, id=refusal.id, reason=refusal.reason, remedy=refusal.remedy)


def _refused(failed: pa.Table) -> Iterator[RefusedCrystal]:
    columns = (failed.column(name).to_pylist() for name in ("id", "error", "remedy"))
    for id_, reason, remedy in zip(*columns, strict=True):
        yield RefusedCrystal(file="", id=id_ or "", reason=reason, remedy=remedy or "")
