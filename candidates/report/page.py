"""Records in, one HTML file out: the page's static parts, its data blocks and its content policy."""

import hashlib
import os
import shlex
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from candidates.records import Candidate, RunRecord
from candidates.report import facts, pictures, typeset

COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("rank", "Rank", "asc"),
    ("formula", "Formula", "asc"),
    ("spacegroup", "Space group", "asc"),
    ("probability", "P(topological)", "desc"),
    ("ti", "P(TI)", "desc"),
    ("tsm", "P(TSM)", "desc"),
    ("uncertainty", "±", "asc"),
    ("benchmark", "Benchmark", "desc"),
    ("gap", "Gap", "asc"),
    ("hull", "Above hull", "asc"),
    ("known", "Known", "asc"),
    ("labels", "Labels", "asc"),
    ("hazards", "Hazards", "asc"),
)
"""Key, title and first sorting direction of the columns."""

REFUSED_SHOWN = 1000
"""Refused crystals that the page lists; run.json has all."""

PAGE_SIZE = 100
"""Rows that the table shows before one asks for more: browsers lay out long tables slowly."""


def write_report(run: RunRecord, candidates: Sequence[Candidate], directory: Path) -> Path:
    """Write ``index.html`` into ``directory``, which is created; the same records give the same bytes.

    Args:
        run: the screen.
        candidates: its candidates; the page lists them by rank.
        directory: where the file goes.

    Returns:
        Path of the file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    target = directory / "index.html"
    unfinished = directory / f".index.{os.getpid()}.html"
    try:
        unfinished.write_text(render(run, candidates), encoding="utf-8", newline="\n")
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def render(run: RunRecord, candidates: Sequence[Candidate]) -> str:
    """Return the page of a screen as HTML."""
    ranked = sorted(candidates, key=lambda c: (c.rank, c.id))
    style, script = _asset("style.css"), _asset("page.js")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return (
        _environment()
        .get_template("page.html.jinja")
        .render(
            policy=policy,
            style=style,
            script=script,
            run=run,
            created=datetime.fromisoformat(run.created).strftime("%Y-%m-%d %H:%M UTC"),
            command=[shlex.quote(argument) for argument in run.command],
            candidates=ranked,
            unlabelled=sum(1 for c in ranked if not facts.is_known(c)),
            undiagnosable=sum(1 for c in ranked if c.undiagnosable),
            mixed=len({c.inversion for c in ranked}) > 1,
            bars=pictures.funnel(run),
            columns=COLUMNS,
            scatter=pictures.scatter(ranked),
            index=_json([_index(c) for c in ranked]),
            details=[(c.id, _json(facts.details(c))) for c in ranked],
            page_size=PAGE_SIZE,
            refused_shown=REFUSED_SHOWN,
        )
    )


def _index(c: Candidate) -> list[Any]:
    """Return id, text that the search looks in, whether known, and the sort value of each column."""
    words = [c.formula, c.spacegroup_symbol, f"{c.spacegroup}", c.crystal_id, c.id, c.crystal_system]
    words += [*sorted(c.labels.values()), *(entry.topology for entry in c.known), c.point_group]
    labels = " ".join(sorted(c.labels.values()))
    return [
        c.id,
        " ".join(typeset.plain(word, typeset.ROW_LIMIT) for word in words).lower(),
        int(facts.is_known(c)),
        [
            c.rank,
            typeset.plain(c.formula, typeset.ROW_LIMIT),
            c.spacegroup,
            c.p_topological,
            c.p_ti,
            c.p_tsm,
            c.uncertainty,
            c.p_benchmark,
            c.band_gap,
            c.e_above_hull,
            typeset.plain(c.known[0].topology, typeset.ROW_LIMIT) if c.known else None,
            typeset.plain(labels, typeset.ROW_LIMIT) or None,
            len(c.hazards),
        ],
    ]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("candidates.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: typeset.plain(value) if type(value) is str else value,
    )
    environment.filters |= {
        "formula": lambda text: typeset.markup(typeset.formula(text)),
        "symbol": lambda text: typeset.markup(typeset.symmetry_symbol(text)),
        "short": lambda text: typeset.plain(text, typeset.ROW_LIMIT),
        "grouped": lambda number: f"{number:,}".replace(",", "\u2009"),
        "kind": facts.label_kind,
        "crystal_link": facts.crystal_link,
    }
    environment.globals["sources"] = facts.SOURCES
    return environment


def _json(value: Any) -> Markup:
    return htmlsafe_json_dumps(value, separators=(",", ":"), ensure_ascii=False)


def _asset(name: str) -> Markup:
    return Markup(files("candidates.report").joinpath("templates", name).read_text(encoding="utf-8"))


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()
