"""Records in, one HTML file out: the page's static parts, its data blocks and its content policy."""

import hashlib
import os
import shlex
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from candidates.records import Candidate, RunRecord
from candidates.report import facts, typeset

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


@dataclass(frozen=True)
class Bar:
    """One row of the funnel picture; lengths are in thousandths of the crystals read."""

    name: str
    description: str
    removed: int
    left: int
    enabled: bool
    kept_length: float
    removed_length: float


@dataclass(frozen=True)
class Point:
    """A candidate in the picture of the two models, in the picture's units."""

    id: str
    x: float
    y: float
    known: bool


@dataclass(frozen=True)
class Scatter:
    """Topological probability of this run's model (upwards) against the benchmark model's."""

    points: list[Point]
    floor: float
    x_ticks: list[tuple[str, float]]
    y_ticks: list[tuple[str, float]]
    radius: float


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
            unlabelled=sum(1 for c in ranked if not is_known(c)),
            undiagnosable=sum(1 for c in ranked if c.undiagnosable),
            mixed=len({c.inversion for c in ranked}) > 1,
            bars=funnel_bars(run),
            columns=COLUMNS,
            scatter=scatter(ranked),
            index=_json([_index(c) for c in ranked]),
            details=[(c.id, _json(facts.details(c))) for c in ranked],
            page_size=PAGE_SIZE,
            refused_shown=REFUSED_SHOWN,
        )
    )


def is_known(candidate: Candidate) -> bool:
    """Whether any label source or the literature list calls the candidate topological."""
    labels = (facts.label_kind(label) for label in candidate.labels.values())
    return bool(candidate.known) or any(kind in {"topological", "conflict"} for kind in labels)


def funnel_bars(run: RunRecord) -> list[Bar]:
    """Return the rows of the funnel: what was read, what was refused, then every filter."""
    whole = max(run.n_input, 1)

    def bar(name: str, description: str, removed: int, left: int, enabled: bool = True) -> Bar:
        return Bar(
            name, description, removed, left, enabled,
            round(min(1000 * left / whole, 1000), 2),
            round(min(1000 * removed / whole, 1000), 2),
        )  # fmt: skip

    bars = [bar("read", f"crystals of {run.database}", 0, run.n_input)]
    entering = run.funnel[0].removed + run.funnel[0].left if run.funnel else run.n_input - len(run.refused)
    if entering < run.n_input:
        bars.append(bar("refused", "could not be judged; listed below", run.n_input - entering, entering))
    bars += [bar(s.name, s.description, s.removed, s.left, s.enabled) for s in run.funnel]
    return bars


def scatter(candidates: Sequence[Candidate]) -> Scatter:
    """Place the candidates that both models have judged; empty where the benchmark model did not run."""
    both = [(c, c.p_benchmark) for c in candidates if c.p_benchmark is not None]
    floor = min((int(c.p_topological * 10) / 10 for c, _ in both), default=0.0)
    floor = min(floor, 0.9)

    def across(value: float) -> float:
        return round(40 + 270 * value, 1)

    def up(value: float) -> float:
        return round(250 - 240 * (value - floor) / (1 - floor), 1)

    step = 0.2 if floor < 0.5 else 0.1 if floor < 0.8 else 0.05
    heights = [round(1 - n * step, 2) for n in range(int((1 - floor) / step + 1e-9) + 1)]
    return Scatter(
        [Point(c.id, across(benchmark), up(c.p_topological), is_known(c)) for c, benchmark in both],
        floor,
        [(f"{n / 5:g}", across(n / 5)) for n in range(6)],
        [(f"{height:g}", up(height)) for height in heights],
        3.2 if len(both) <= 200 else 2.2 if len(both) <= 1000 else 1.6,
    )


def _index(c: Candidate) -> list[Any]:
    """Return id, text that the search looks in, whether known, and the sort value of each column."""
    words = [c.formula, c.spacegroup_symbol, f"{c.spacegroup}", c.crystal_id, c.id, c.crystal_system]
    words += [*c.labels.values(), *(entry.topology for entry in c.known), c.point_group]
    labels = " ".join(sorted(c.labels.values()))
    return [
        c.id,
        " ".join(typeset.plain(word, typeset.ROW_LIMIT) for word in words).lower(),
        int(is_known(c)),
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
