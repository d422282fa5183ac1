"""Decisions for others to read: CSV, JSON, BibTeX, Markdown, and labels for the next fine-tuning."""

import csv
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from candidates.records import Candidate
from candidates.report import references, typeset
from candidates.report.facts import crystal_link
from candidates.review import CLASS_TAGS, Review, State, Status
from candidates.reviews import Reviews
from candidates.store import Store

ORDER: tuple[Status, ...] = ("accepted", "held", "open", "rejected")
"""Statuses in the order in which a list of decisions shows them."""

VERDICT_CLASSES: dict[str, str] = {
    "strong TI": "TI", "weak TI": "TI", "TCI": "TCI", "Weyl": "TSM", "Dirac": "TSM", "nodal line": "TSM",
    "trivial": "trivial",
}  # fmt: skip
"""Verdict → class of a label; a metal and an inconclusive verdict make none."""

_COLUMNS = (
    "id", "run_id", "rank", "database", "crystal_id", "formula", "spacegroup", "spacegroup_symbol",
    "p_topological", "uncertainty", "model", "band_gap", "e_above_hull",
)  # fmt: skip
_LATEX = {
    "\\": r"\textbackslash{}", "{": r"\textbraceleft{}", "}": r"\textbraceright{}", "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}", '"': r"\textquotedbl{}",
} | {char: "\\" + char for char in "$&%#_"}  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """A candidate that somebody has judged, what came of it, and how."""

    candidate: Candidate
    state: State
    history: tuple[Review, ...]


def decisions(store: Store, run_id: str | None = None, statuses: Sequence[Status] = ()) -> list[Decision]:
    """Return what was judged, of one run or of all, by rank; with ``statuses`` only those."""
    reviews = Reviews(store)
    states = {
        id: state for id, state in reviews.states(run_id).items() if not statuses or state.status in statuses
    }
    histories = reviews.histories(list(states))
    return [
        Decision(candidate, states[candidate.id], tuple(histories[candidate.id]))
        for candidate in store.candidates(run_id)
        if candidate.id in states
    ]


def to_csv(decided: Sequence[Decision]) -> str:
    """Return one row for each candidate; a text that a spreadsheet would calculate gets a ``'`` in front."""
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*_COLUMNS, "status", "reviewer", "time", "assignee", "tags", "notes"])
    for d in decided:
        notes = "\n".join(f"{n.reviewer}, {n.time}: {n.text}" for n in d.state.notes)
        row = [getattr(d.candidate, name) for name in _COLUMNS]
        row += [
            d.state.status,
            d.state.reviewer,
            d.state.time,
            d.state.assignee,
            "; ".join(d.state.tags),
            notes,
        ]
        table.writerow([_harmless(value) if isinstance(value, str) else value for value in row])
    return text.getvalue()


def _harmless(text: str) -> str:
    # https://owasp.org/www-community/attacks/CSV_Injection
    return "'" + text if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def to_json(decided: Sequence[Decision]) -> str:
    """Return the candidates with their state and whole history as one array."""
    rows = [
        {name: getattr(d.candidate, name) for name in _COLUMNS}
        | {
            "state": d.state.model_dump(mode="json"),
            "history": [r.model_dump(mode="json") for r in d.history],
        }
        for d in decided
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def to_bibtex(decided: Sequence[Decision]) -> str:
    """Return an entry for each candidate, then one for each work that their selection rests on."""
    entries = []
    for d in decided:
        c, state = d.candidate, d.state
        decision = (
            f"{state.status} by {state.reviewer}, {state.time[:10]}" if state.reviewer else state.status
        )
        fields = {
            "title": f"{_typeset(typeset.formula(c.formula))}, space group "
            f"{_typeset(typeset.symmetry_symbol(c.spacegroup_symbol))} ({c.spacegroup})",
            "howpublished": f"{_latex(c.database)}, {_latex(c.crystal_id)}",
            "note": _latex(". ".join([decision, *(note.text for note in state.notes)])),
            "keywords": _latex(", ".join(state.tags)),
        }
        if link := crystal_link(c.crystal_id):
            fields["url"] = link
        body = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items() if value)
        entries.append(f"@misc{{candidate{c.id},\n{body}\n}}\n")
    cited = dict.fromkeys(
        entry.strip() for d in decided for entry in re.split(r"\n(?=@)", references.of_candidate(d.candidate))
    )
    return "\n".join([*entries, *(entry + "\n" for entry in cited)])


def _latex(text: str) -> str:
    return "".join(_LATEX.get(char, char) for char in typeset.plain(text))


def _typeset(runs: Sequence[tuple[str, str]]) -> str:
    shapes: dict[str, Callable[[str], str]] = {
        "sub": "$_{{{}}}$".format, "bar": "$\\bar{{{}}}$".format, "i": "\\textit{{{}}}".format,
    }  # fmt: skip
    return "".join(shapes.get(kind, str)(_latex(text)) for kind, text in runs)


def to_markdown(decided: Sequence[Decision]) -> str:
    """Return a table for each status, and the notes under it."""
    parts = ["# Decisions\n"]
    for status in ORDER:
        of_status = [d for d in decided if d.state.status == status]
        if not of_status:
            continue
        parts.append(f"## {status.capitalize()} ({len(of_status)})\n")
        rows = [["Formula", "Space group", "P(topological)", "Crystal", "By", "When", "Tags"], ["---"] * 7]
        for d in of_status:
            c, state = d.candidate, d.state
            rows.append(
                [
                    _marked(c.formula), _marked(f"{c.spacegroup_symbol} ({c.spacegroup})"),
                    f"{c.p_topological:.2f} ± {c.uncertainty:.2f}", _marked(f"{c.database}, {c.crystal_id}"),
                    _marked(state.reviewer), state.time[:10], _marked(", ".join(state.tags)),
                ]
            )  # fmt: skip
        parts.append("".join(f"| {' | '.join(row)} |\n" for row in rows))
        notes = [
            f"- **{_marked(d.candidate.formula)}** ({d.candidate.id}), {_marked(note.reviewer)}, "
            f"{note.time[:10]}: {_marked(note.text)}\n"
            for d in of_status
            for note in d.state.notes
        ]
        if notes:
            parts.append("".join(notes))
    return "\n".join(parts) if len(parts) > 1 else "# Decisions\n\nNothing has been decided yet.\n"


def _marked(text: str) -> str:
    # Any ASCII punctuation may stand behind a backslash: https://spec.commonmark.org/0.31.2/#backslash-escapes
    shown = " / ".join(line.strip() for line in typeset.lines(text).splitlines() if line.strip())
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", typeset.plain(shown, limit=20_000))


def labels(
    decided: Sequence[Decision], verdicts: Mapping[str, str] | None = None
) -> list[tuple[str, str, str]]:
    """Return crystal id, formula and class of the crystals whose class is known.

    To accept or reject a candidate says whether to look further, not what it is, and makes no label. A
    class comes from a tag such as ``is:TSM``, or without one from the verdict of a verification. Where
    several are stated, their names stand with ``|`` between, which shares the label among them.

    Args:
        decided: what was judged.
        verdicts: candidate id → what its verification found.
    """
    found: dict[str, tuple[str, set[str]]] = {}
    for d in decided:
        classes = {CLASS_TAGS[tag] for tag in d.state.tags if tag in CLASS_TAGS}
        verdict = (verdicts or {}).get(d.candidate.id)
        if not classes and verdict in VERDICT_CLASSES:
            classes = {VERDICT_CLASSES[verdict]}
        if classes:
            found.setdefault(d.candidate.crystal_id, (d.candidate.formula, set()))[1].update(classes)
    return [(id, formula, "|".join(sorted(classes))) for id, (formula, classes) in found.items()]


def labels_csv(rows: Sequence[tuple[str, str, str]]) -> str:
    """Return `labels` as CSV with columns ``id, formula, class``."""
    text = StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerows([("id", "formula", "class"), *rows])
    return text.getvalue()


def write_labels(rows: Sequence[tuple[str, str, str]], file: Path) -> None:
    """Write `labels` as the Parquet that ``xbert finetune --labels`` reads.

    It has a column for each source of labels. These go by the words of the ``arsenal`` column, the only
    source that tells all four classes apart; the others are empty.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    text = pa.string()
    columns = {
        "mp_id": pa.array([row[0] for row in rows], text),
        "materiae_soc": pa.nulls(len(rows), text),
        "tqc_class": pa.nulls(len(rows), text),
        "arsenal": pa.array([row[2] for row in rows], text),
    }
    pq.write_table(pa.table(columns), file)


FORMS: dict[str, Callable[[Sequence[Decision]], str]] = {
    "csv": to_csv,
    "json": to_json,
    "bib": to_bibtex,
    "md": to_markdown,
}
"""Ending of a file → what writes it."""
