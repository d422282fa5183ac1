"""What a screen found, as a terminal shows it: the funnel and the best candidates."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from candidates.records import Candidate, RunRecord
from discovery.cli.predict_table import call_of

MARKED = "~"
"""Before a gap that was predicted."""


def funnel(run: RunRecord) -> Table:
    """Return every filter with what it removed."""
    table = Table(title=f"{run.database}: {run.n_input:,} crystals", title_justify="left", box=None)
    table.add_column("filter", no_wrap=True)
    table.add_column("removed", justify="right", no_wrap=True)
    table.add_column("left", justify="right", no_wrap=True)
    table.add_column("what it removes")
    for step in run.funnel:
        removed = f"{step.removed:,}" if step.enabled else "off"
        style = "" if step.enabled else "dim"
        table.add_row(step.name, removed, f"{step.left:,}", escape(step.description), style=style)
    return table


def best(run: RunRecord, candidates: Sequence[Candidate], width: int) -> Table:
    """Return a row for each candidate, best first.

    Args:
        run: the screen.
        candidates: to show.
        width: columns of the terminal; a narrow one goes without the group's symbol and the crystal's id.
    """
    table = Table(title=f"ranked by the {run.model} model", title_justify="left", box=None)
    for name, least in (("#", 2), ("P(topo)", 11)):
        table.add_column(name, justify="right", no_wrap=True, min_width=least)
    table.add_column("call", no_wrap=True, min_width=12)
    for name, least in (("bench", 5), ("gap/eV", 6)):
        table.add_column(name, justify="right", no_wrap=True, min_width=least)
    wide = width >= 100
    for name, least in (("formula", 8), ("space group" if wide else "group", 5), ("candidate", 9)):
        table.add_column(name, no_wrap=True, min_width=least)
    if wide:
        table.add_column("crystal", no_wrap=True)
    for c in candidates:
        table.add_row(
            str(c.rank),
            f"{c.p_topological:.2f} ± {c.uncertainty:.2f}",
            call_of(c.call, c.covered),
            "?" if c.p_benchmark is None else f"{c.p_benchmark:.2f}",
            _gap(c),
            c.formula,
            f"{c.spacegroup_symbol} ({c.spacegroup})" if wide else str(c.spacegroup),
            c.id[:8],
            *((escape(c.crystal_id.removeprefix(f"{run.database}-")),) if wide else ()),
        )
    return table


def gaps(candidates: Sequence[Candidate]) -> str:
    """Say where the gaps of the table come from."""
    own = sum(c.band_gap is not None for c in candidates)
    predicted = sum(c.band_gap is None and c.predicted_gap is not None for c in candidates)
    unknown = len(candidates) - own - predicted
    parts = [f"{own:,} from the database"]
    parts += [f"{predicted:,} predicted ({MARKED}, two of three within ±)"] if predicted else []
    parts += [f"{unknown:,} unknown"] if unknown else []
    asked = any(c.call and not c.covered for c in candidates)
    note = (
        "; ? at a call: the error rate is not tested for such crystals, the report says why" if asked else ""
    )
    return f"gaps: {', '.join(parts)}{note}"


def _gap(c: Candidate) -> str:
    if c.band_gap is not None:
        return f"{c.band_gap:.2f}"
    if c.predicted_gap is None:
        return "?"
    return f"{MARKED}{c.predicted_gap:.2f}±{c.predicted_gap_uncertainty or 0.0:.2f}"
