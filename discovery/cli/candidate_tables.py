"""Runs and candidates as rich tables; imported only by a command that prints one."""

from io import StringIO
from typing import Any

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from candidates.records import Candidate, RunRecord
from candidates.report import facts
from candidates.report.typeset import formula, plain, symmetry_symbol, text

WIDE = 140
"""Columns of a table that no terminal limits."""

WIDTH = 110
"""Columns of the panel of one candidate."""


def console() -> Console:
    """Return a console that does not squeeze tables when its output is not a terminal."""
    made = Console(highlight=False)
    return made if made.is_terminal else Console(highlight=False, width=WIDE)


def plain_text(table: Table) -> str:
    """Return a table as text without colours."""
    made = Console(file=StringIO(), highlight=False, width=WIDE, color_system=None)
    with made.capture() as captured:
        made.print(table)
    return captured.get()


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, justify in columns:
        table.add_column(title, justify=justify, no_wrap=title == "id")  # type: ignore[arg-type]
    return table


def _cells(*values: Any) -> list[Any]:
    """Return values as texts that no terminal and no rich markup takes for instructions."""
    return [Text("–" if value is None else plain(str(value), 200)) for value in values]


def runs_table(found: list[RunRecord], counts: dict[str, int]) -> Table:
    """Return a row for each run; ``counts`` gives the candidates of a run by its id."""
    table = _table(
        ("id", "left"), ("screened", "left"), ("database", "left"), ("model", "left"),
        ("read", "right"), ("candidates", "right"), ("directory", "left"),
    )  # fmt: skip
    for run in found:
        when = run.created[:16].replace("T", " ")
        numbers = f"{run.n_input:,}", f"{counts.get(run.id, 0):,}"
        table.add_row(*_cells(run.id, when, run.database, run.model, *numbers, run.directory))
    return table


def candidates_table(found: list[Candidate]) -> Table:
    """Return a row for each candidate."""
    table = _table(
        ("#", "right"), ("id", "left"), ("formula", "left"), ("space group", "left"), ("P(top)", "right"),
        ("±", "right"), ("P(TI)", "right"), ("P(TSM)", "right"), ("bench.", "right"), ("gap/eV", "right"),
        ("known", "left"),
    )  # fmt: skip
    for c in found:
        group = f"{text(symmetry_symbol(c.spacegroup_symbol))} ({c.spacegroup})"
        odds = [f"{p:.2f}" for p in (c.p_topological, c.uncertainty, c.p_ti, c.p_tsm)]
        others = [None if p is None else f"{p:.2f}" for p in (c.p_benchmark, c.band_gap)]
        known = c.known[0].topology if c.known else None
        table.add_row(*_cells(c.rank, c.id, text(formula(c.formula)), group, *odds, *others, known))
    return table


def candidate_panel(candidate: Candidate) -> Panel:
    """Return every fact about a candidate as a panel."""

    def grid(rows: list[tuple[str, str]]) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        for row in rows:
            table.add_row(*_cells(*row))
        return table

    parts: list[Any] = [Rule("What the model saw", align="left", style="dim")]
    parts.append(grid([(t["name"], _token(t)) for t in facts.tokens(candidate)]))
    for section in facts.sections(candidate):
        parts += [Text(), Rule(section["title"], align="left", style="dim")]
        parts.append(grid([(name, text(value)) for name, value, _ in section["facts"]]))
        parts += [Text(sentence, style="italic") for sentence in section["text"]]
    doubts = ("Why the call may not hold", candidate.doubts)
    for title, remarks in (doubts, ("Hazards", candidate.hazards), ("Notes", candidate.notes)):
        if remarks:
            parts += [Text(), Rule(title, align="left", style="dim"), *_cells(*(f"• {r}" for r in remarks))]
    heading = Text.assemble(
        (text(formula(candidate.formula)), "bold"), f"  rank {candidate.rank} of run {candidate.run_id}"
    )
    return Panel(Group(*parts), title=heading, subtitle=candidate.id, padding=(1, 2), width=WIDTH)


def _token(token: dict[str, Any]) -> str:
    value = token["value"]
    if token["kind"] == "word":
        return text(value)
    if token["kind"] == "bits":
        return f"{token['text']} = {value}" if value else token["text"]
    if token["kind"] == "fractions":
        return ", ".join(f"{symbol} {share:.3f}" for symbol, share in value)
    return "; ".join(f"{name} {text(runs)}" for name, runs, _ in value) or "not recorded"
