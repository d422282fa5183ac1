"""From scored rows to candidate records, and from records to a table."""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from candidates.known import find
from candidates.records import Candidate, Literature, candidate_id, tokens_seen
from discovery.databases.info import LABELS
from discovery.screening.options import MAGNETIC_ELEMENTS
from xbert.crystals import GEOMETRY, Crystal, CrystalTable
from xbert.features import Features
from xbert.predict import Predictor
from xbert.spacegroups import space_group
from xbert.tokens import MASK_WORD, describe

RADIOACTIVE = frozenset(
    ("Tc", "Pm", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Pa", "Np", "Pu", "Am", "Cm", "Bk", "Cf", "Es")
)
TOXIC = frozenset(("Be", "As", "Cd", "Hg", "Tl", "Pb"))


def to_candidates(
    rows: pa.Table,
    features: Features,
    p_benchmark: np.ndarray,
    run_id: str,
    database: str,
    predictor: Predictor,
) -> list[Candidate]:
    """Build the records of ranked rows, rank 1 first.

    Args:
        rows: as the screen leaves them: geometry, symmetry, facts, scores.
        features: what the models saw of the same rows.
        p_benchmark: (n,) topological probability by the benchmark model.
        run_id: of the run.
        database: name of the database.
        predictor: the model that ranked.
    """
    crystals = CrystalTable(rows.select(GEOMETRY.names))
    told = predictor.description.config["known_words"]
    facts = rows.drop_columns(GEOMETRY.names[1:]).to_pylist()
    found = []
    for index, (row, crystal) in enumerate(zip(facts, crystals, strict=True)):
        group = space_group(row["spacegroup"])
        distances = features.distances[features.offsets[index] : features.offsets[index + 1]]
        found.append(
            Candidate(
                id=candidate_id(run_id, crystal.id),
                run_id=run_id,
                rank=index + 1,
                database=database,
                crystal_id=crystal.id,
                formula=row["formula"],
                spacegroup=group.number,
                spacegroup_symbol=group.symbol,
                spacegroup_tight=row["spacegroup_tight"],
                point_group=group.point_group,
                crystal_system=group.crystal_system,
                inversion=group.inversion,
                undiagnosable=group.undiagnosable,
                indicator_group=group.indicator_group,
                n_atoms=row["n_atoms"],
                n_electrons=row["n_electrons"],
                **_scores(row),
                model=predictor.name,
                p_benchmark=_digits(float(p_benchmark[index])),
                band_gap=row.get("band_gap"),
                e_above_hull=row.get("e_above_hull"),
                labels={name.removeprefix("label_"): row[name] for name in LABELS if row.get(name)},
                icsd_ids=row.get("icsd_ids"),
                known=tuple(_literature(row)),
                hazards=tuple(_hazards(row, crystal)),
                notes=tuple(_notes(row)),
                tokens=_tokens(row, crystal, distances, told),
                lattice=tuple(crystal.lattice.reshape(-1).tolist()),
                atomic_numbers=tuple(crystal.numbers.tolist()),
                frac_coords=tuple(crystal.frac_coords.reshape(-1).tolist()),
            )
        )
    return found


def _scores(row: dict[str, Any]) -> dict[str, Any]:
    """Return what the model says; not every one knows kinds of insulator, gaps, or when to make a call."""
    found: dict[str, Any] = {name: row[name] for name in ("call", "error_rate", "covered")}
    for name in ("p_topological", "p_ti", "p_tsm", "p_trivial", "uncertainty"):
        found[name] = _digits(row[name])
    for name in ("p_strong_ti", "p_tci", "p_metal"):
        found[name] = None if row[name] is None else _digits(row[name])
    for name in ("predicted_gap", "predicted_gap_uncertainty"):
        found[name] = None if row[name] is None else round(float(row[name]), 4)
    return found | {"doubts": tuple(part for part in (row["doubts"] or "").split("; ") if part)}


def to_parquet(candidates: list[Candidate]) -> pa.Table:
    """Return candidates as a crystal table: geometry under the crystal's id, records as columns."""
    crystals = [
        Crystal(
            c.crystal_id,
            np.array(c.lattice).reshape(3, 3),
            np.array(c.atomic_numbers, dtype=np.uint8),
            np.array(c.frac_coords).reshape(-1, 3),
        )
        for c in candidates
    ]
    columns: dict[str, Any] = {"candidate_id": pa.array([c.id for c in candidates], pa.string())}
    geometry = {"id", "crystal_id", "lattice", "atomic_numbers", "frac_coords"}
    for name, field in Candidate.model_fields.items():
        if name in geometry:
            continue
        values = [getattr(c, name) for c in candidates]
        if field.annotation in (int, bool):
            columns[name] = pa.array(values, pa.bool_() if field.annotation is bool else pa.int64())
        elif field.annotation == (bool | None):
            columns[name] = pa.array(values, pa.bool_())
        elif all(value is None or isinstance(value, float) for value in values) and "float" in str(field):
            columns[name] = pa.array(values, pa.float64())
        elif all(value is None or isinstance(value, str) for value in values):
            columns[name] = pa.array(values, pa.string())
        else:
            dumped = [c.model_dump(mode="json", include={name})[name] for c in candidates]
            columns[name] = pa.array([json.dumps(value, ensure_ascii=False) for value in dumped], pa.string())
    return CrystalTable.from_crystals(crystals, columns).arrow


def _digits(value: float) -> float:
    # Single-precision predictions mean nothing beyond this, and a range of exactly 0 to 1 is promised.
    return min(max(round(float(value), 6), 0.0), 1.0)


def _literature(row: dict[str, Any]) -> list[Literature]:
    entries = find(row["formula"], row["spacegroup"], include_paper=True)
    return [Literature(topology=e.topology, source=e.source, note=e.note) for e in entries]


def _hazards(row: dict[str, Any], crystal: Crystal) -> list[str]:
    from xbert.elements import symbols

    elements = {symbols()[int(z)] for z in set(crystal.numbers.tolist())}
    hazards = []
    if row["n_electrons"] % 2:
        hazards.append("odd electron count: a metal by band filling unless magnetic")
    if row.get("band_gap") == 0.0:
        hazards.append(
            "no band gap in the database: a metal, or an inverted gap that spin–orbit coupling opens"
        )
    if row["spacegroup_tight"] != row["spacegroup"]:
        hazards.append(
            f"space group {row['spacegroup_tight'] or 'unknown'} at 0.01 Å: the symmetry is approximate"
        )
    for title, members in (
        ("magnetic-prone", set(MAGNETIC_ELEMENTS)),
        ("radioactive", RADIOACTIVE),
        ("toxic", TOXIC),
    ):
        if found := sorted(elements & members):
            hazards.append(f"{title}: {', '.join(found)}")
    return hazards


def _notes(row: dict[str, Any]) -> list[str]:
    notes = []
    if row.get("band_gap") is None:
        notes.append("no band gap in the database")
    if row.get("source"):
        notes.append(str(row["source"]))
    if any(e.reported_by_paper for e in find(row["formula"], row["spacegroup"], include_paper=True)):
        notes.append("reported by the XBERT paper")
    return notes


def _tokens(
    row: dict[str, Any], crystal: Crystal, distances: np.ndarray, told: list[bool]
) -> dict[str, str | float]:
    summary = describe(row["spacegroup"], row["n_electrons"], crystal.numbers)
    words = [word if known else MASK_WORD for word, known in zip(summary.words, told, strict=True)]
    graph: dict[str, str | float] = {
        "neighbours per atom": distances.shape[1],
        "shortest distance (Å)": round(float(distances.min()), 3),
        "mean distance (Å)": round(float(distances.mean()), 3),
    }
    return tokens_seen(words, summary.n_electrons, summary.bits, summary.elements, graph)
