"""Candidates as CSV, JSON and JSON Lines."""

import csv
import json
from collections.abc import Sequence
from io import StringIO
from typing import Any

from candidates.records import Candidate

_LEFT_OUT_OF_CSV = {"tokens", "lattice", "atomic_numbers", "frac_coords"}


def export(candidates: Sequence[Candidate], form: str) -> str:
    """Return candidates as text.

    Args:
        candidates: what to write, in this order.
        form: ``json`` (one array) and ``jsonl`` (one object a line) hold every field; ``csv`` leaves out
            tokens and structure, and writes ``labels`` as ``source=class`` and lists with ``; `` between.

    Raises:
        ValueError: for another form.
    """
    if form == "json":
        return (
            json.dumps([c.model_dump(mode="json") for c in candidates], indent=2, ensure_ascii=False) + "\n"
        )
    if form == "jsonl":
        return "".join(c.model_dump_json() + "\n" for c in candidates)
    if form != "csv":
        raise ValueError(f"cannot write candidates as {form!r}; choose csv, json or jsonl")
    text = StringIO(newline="")
    table = csv.DictWriter(
        text, [f for f in Candidate.model_fields if f not in _LEFT_OUT_OF_CSV], lineterminator="\n"
    )
    table.writeheader()
    for candidate in candidates:
        table.writerow({name: _cell(getattr(candidate, name), name) for name in table.fieldnames})
    return text.getvalue()


def _cell(value: Any, name: str) -> Any:
    if name == "labels":
        return "; ".join(f"{source}={label}" for source, label in sorted(value.items()))
    if name == "known":
        return "; ".join(f"{entry.topology} ({entry.source})" for entry in value)
    return "; ".join(value) if isinstance(value, tuple) else value
