"""What the list of candidates holds: a few facts of each, small enough to send ten thousand at once."""

import re
from typing import Any

from candidates.records import RunRecord
from candidates.report.facts import label_kind
from candidates.report.typeset import ROW_LIMIT, formula, plain, symmetry_symbol
from candidates.review import State
from candidates.store import Store

ROWS_LIMIT = 20_000
"""Most candidates that the list holds; the best of a longer run."""

_FIELDS = (
    "id", "run_id", "rank", "crystal_id", "formula", "spacegroup", "spacegroup_symbol", "undiagnosable",
    "p_topological", "p_ti", "p_tsm", "uncertainty", "labels", "known", "hazards",
)  # fmt: skip


def rows(store: Store, run_id: str | None) -> list[dict[str, Any]]:
    """Return what the list shows of the candidates of one run or of all, by rank."""
    return [_row(facts) for facts in store.table(_FIELDS, run_id, ROWS_LIMIT)]


def _row(facts: dict[str, Any]) -> dict[str, Any]:
    text = plain(facts["formula"], ROW_LIMIT)
    kinds = {label_kind(label) for label in facts["labels"].values()}
    return {
        "id": facts["id"],
        "rank": facts["rank"],
        "crystal": plain(facts["crystal_id"], ROW_LIMIT),
        "formula": text,
        "typeset": formula(facts["formula"]),
        "elements": sorted(set(re.findall(r"[A-Z][a-z]?", text))),
        "group": facts["spacegroup"],
        "symbol": symmetry_symbol(facts["spacegroup_symbol"]),
        "p": round(facts["p_topological"], 4),
        "ti": round(facts["p_ti"], 4),
        "tsm": round(facts["p_tsm"], 4),
        "spread": round(facts["uncertainty"], 4),
        "undiagnosable": facts["undiagnosable"],
        "known": bool(facts["known"]) or not kinds.isdisjoint({"topological", "conflict"}),
        "hazards": len(facts["hazards"]),
    }


def run_summary(run: RunRecord, count: int) -> dict[str, Any]:
    """Return what the choice of runs shows of one."""
    return {
        "id": plain(run.id, ROW_LIMIT),
        "key": run.id,
        "database": plain(run.database, ROW_LIMIT),
        "model": plain(run.model, ROW_LIMIT),
        "created": run.created,
        "count": count,
    }


def state_summary(state: State) -> dict[str, Any]:
    """Return what the list shows of a state: all but the words of the notes."""
    return {
        "version": state.version,
        "status": state.status,
        "reviewer": plain(state.reviewer),
        "time": state.time,
        "assignee": plain(state.assignee),
        "tags": [plain(tag) for tag in state.tags],
        "notes": len(state.notes),
    }
