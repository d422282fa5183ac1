"""The candidates of a run as columns that the page's script sorts, filters and shows."""

import json
import zlib
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from candidates.records import Candidate
from candidates.report import facts
from candidates.report.elements import symbols_of
from candidates.report.typeset import ROW_LIMIT, Runs, indicator_group, plain, symmetry_symbol
from candidates.verification import Verification

BLOCK = 40
"""Candidates whose details are packed together; a row that opens unpacks one block."""


@dataclass(frozen=True)
class Column:
    """A column of the ranking.

    Attributes:
        key: as in the page's address and in the CSV file.
        title: above the column.
        first: direction of the first sorting.
        shown: whether it is shown until one asks otherwise; a column without a single value is not.
        unit: of the numbers, for the CSV file.
    """

    key: str
    title: str
    first: str = "asc"
    shown: bool = True
    unit: str = ""


COLUMNS = (
    Column("rank", "Rank"),
    Column("formula", "Formula"),
    Column("spacegroup", "Space group"),
    Column("probability", "P(topological)", "desc"),
    Column("ti", "P(TI)", "desc", False),
    Column("tsm", "P(TSM)", "desc", False),
    Column("uncertainty", "±"),
    Column("call", "Call"),
    Column("benchmark", "Benchmark", "desc"),
    Column("gap", "Gap", unit="eV"),
    Column("predicted", "Predicted gap", unit="eV"),
    Column("metal", "P(metal)", shown=False),
    Column("hull", "Above hull", unit="eV/atom"),
    Column("system", "Crystal system", shown=False),
    Column("pointgroup", "Point group", shown=False),
    Column("indicator", "Indicators", shown=False),
    Column("atoms", "Atoms", shown=False),
    Column("electrons", "Electrons", shown=False),
    Column("status", "Status"),
    Column("known", "Known"),
    Column("labels", "Labels"),
    Column("hazards", "Hazards"),
    Column("icsd", "ICSD", shown=False),
    Column("id", "Candidate", shown=False),
)


def status_of(verification: Verification | None, review: str | None) -> str:
    """Say in a few words how far a candidate is: what verification found, else what people decided."""
    if verification is not None:
        if verification.verdict is not None:
            return ("stand-in: " if verification.stand_in else "") + verification.verdict.topology
        return f"verification {verification.state}"
    return review or ""


def index(
    candidates: Sequence[Candidate],
    pages: Collection[str] = (),
    verifications: Mapping[str, Verification] | None = None,
    reviews: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return one list for each column, all texts made harmless and cut to what a cell shows.

    A column of few distinct values is a pair of lists: the values, and for each candidate the number of its
    own.

    Args:
        candidates: by rank.
        pages: ids that have a page of their own.
        verifications: candidate id → its verification.
        reviews: candidate id → what people decided.
    """

    def text(value: str) -> str:
        return plain(value, ROW_LIMIT)

    def coded(values: Sequence[Any], show: Callable[[Any], Any] = text) -> dict[str, Any]:
        distinct = {value: n for n, value in enumerate(dict.fromkeys(values))}
        return {"values": [show(value) for value in distinct], "codes": [distinct[value] for value in values]}

    def symbol(value: str) -> tuple[str, Runs]:
        return text(value), symmetry_symbol(value)

    def indicator(value: str) -> tuple[str, Runs]:
        return text(value), indicator_group(value)

    verifications, reviews = verifications or {}, reviews or {}
    statuses = [status_of(verifications.get(c.id), reviews.get(c.id)) for c in candidates]
    return {
        "id": [c.id for c in candidates],
        "page": [int(c.id in pages) for c in candidates],
        "rank": [c.rank for c in candidates],
        "formula": [text(c.formula) for c in candidates],
        "crystal": [text(c.crystal_id) for c in candidates],
        "elements": coded([tuple(symbols_of(c.atomic_numbers)) for c in candidates], list),
        "spacegroup": [c.spacegroup for c in candidates],
        "symbol": coded([c.spacegroup_symbol for c in candidates], symbol),
        "system": coded([c.crystal_system for c in candidates]),
        "pointgroup": coded([c.point_group for c in candidates], symbol),
        "indicator": coded([c.indicator_group for c in candidates], indicator),
        "undiagnosable": [int(c.undiagnosable) for c in candidates],
        "inversion": [int(c.inversion) for c in candidates],
        "atoms": [c.n_atoms for c in candidates],
        "electrons": [c.n_electrons for c in candidates],
        "probability": [_digits(c.p_topological) for c in candidates],
        "ti": [_digits(c.p_ti) for c in candidates],
        "tsm": [_digits(c.p_tsm) for c in candidates],
        "uncertainty": [_digits(c.uncertainty) for c in candidates],
        "call": coded(
            [(c.call or "", bool(c.covered), c.doubts) for c in candidates],
            lambda said: [said[0], int(said[1]), [text(doubt) for doubt in said[2]]] if said[0] else [],
        ),
        "predicted": [_digits(c.predicted_gap) for c in candidates],
        "predictedspread": [_digits(c.predicted_gap_uncertainty) for c in candidates],
        "metal": [_digits(c.p_metal) for c in candidates],
        "benchmark": [_digits(c.p_benchmark) for c in candidates],
        "gap": [_digits(c.band_gap) for c in candidates],
        "hull": [_digits(c.e_above_hull) for c in candidates],
        "isknown": [int(facts.is_known(c)) for c in candidates],
        "known": coded([c.known[0].topology if c.known else "" for c in candidates]),
        "labels": coded(
            [tuple(sorted(c.labels.items())) for c in candidates],
            lambda labels: [
                (text(source), text(facts.SOURCES.get(source, source)), text(label), facts.label_kind(label))
                for source, label in labels
            ],
        ),
        "hazards": coded([c.hazards for c in candidates], lambda found: [text(hazard) for hazard in found]),
        "status": coded(statuses),
        "icsd": [text(c.icsd_ids or "") for c in candidates],
    }


def shown(candidates: Sequence[Candidate], data: dict[str, Any]) -> list[Column]:
    """Return the columns with those hidden that say the same, or nothing, about every candidate."""

    def speaks(key: str) -> bool:
        values = data.get(key)
        if isinstance(values, dict):
            return any(values["values"])
        return any(value is not None for value in values or ())

    optional = {"call", "benchmark", "gap", "predicted", "hull", "status", "known", "labels", "hazards"}
    return [
        Column(c.key, c.title, c.first, c.shown and (c.key not in optional or speaks(c.key)), c.unit)
        for c in COLUMNS
    ]


def packed_details(candidates: Sequence[Candidate]) -> list[Markup]:
    """Return the details of all candidates, `BLOCK` at a time, as base64 of deflated JSON."""
    blocks = [candidates[start : start + BLOCK] for start in range(0, len(candidates), BLOCK)]
    return [_packed([facts.details(c) for c in block]) for block in blocks]


def _packed(value: Any) -> Markup:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return Markup(b64encode(zlib.compress(text.encode(), 6)).decode())


def _digits(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
