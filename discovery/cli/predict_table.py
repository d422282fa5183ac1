"""Predictions as a terminal shows them: probability, call, gap, and what speaks against believing them."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    import pyarrow as pa

NAMED = 5
"""Crystals named beside a doubt; of more the number is told."""

_STYLES = {"topological": "bold", "abstain": "yellow"}


def call_of(call: str | None, covered: bool | None) -> str:
    """Return a call as a cell: with a question mark where no held-out crystal covers it."""
    if call is None:
        return "–"
    text = call if covered else f"{call}?"
    style = _STYLES.get(call)
    return f"[{style}]{text}[/]" if style else text


def gap_of(gap: float | None, uncertainty: float | None) -> str:
    """Return a predicted gap as a cell, in eV."""
    return "–" if gap is None else f"{gap:.2f} ± {uncertainty or 0.0:.2f}"


def predictions(rows: Sequence[dict[str, Any]], width: int) -> Table:
    """Return a row for each crystal.

    Args:
        rows: of ``discovery.screening.predict``, without those that could not be scored.
        width: columns of the terminal; a narrow one goes without the parts of P(topological).
    """
    gaps = any(row.get("predicted_gap") is not None for row in rows)
    caption = "P(topological) = P(TI) + P(TSM), ± spread of the ensemble"
    if any(row["call"] and not row["covered"] for row in rows):
        caption += "; ? error rate not tested for such crystals, see below"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, caption=caption, caption_justify="left")
    for title in ("id", "formula"):
        table.add_column(title, overflow="fold")
    parts = width >= 100
    table.add_column("group", justify="right", no_wrap=True)
    table.add_column("P(topological)", justify="right", no_wrap=True)
    table.add_column("call", no_wrap=True)
    for title in ("P(TI)", "P(TSM)") if parts else ():
        table.add_column(title, justify="right", no_wrap=True)
    for title in ("gap/eV", "P(metal)") if gaps else ():
        table.add_column(title, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(
            escape(row["id"]),
            row["formula"],
            str(row["spacegroup"]),
            f"{row['p_topological']:.3f} ± {row['uncertainty']:.3f}",
            call_of(row["call"], row["covered"]),
            *((f"{row['p_ti']:.3f}", f"{row['p_tsm']:.3f}") if parts else ()),
            *((gap_of(row["predicted_gap"], row["predicted_gap_uncertainty"]),) if gaps else ()),
            *((f"{row['p_metal']:.2f}",) if gaps else ()),
        )
    return table


def doubts_of(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield each doubt once, with the crystals that it is about."""
    about: dict[str, list[str]] = {}
    for row in rows:
        for doubt in (row["doubts"] or "").split("; "):
            if doubt:
                about.setdefault(doubt, []).append(row["id"])
    for doubt, ids in about.items():
        more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
        yield f"[yellow]?[/] {escape(', '.join(ids[:NAMED]))}{more}: {escape(doubt)}"


def summary(table: "pa.Table") -> str:
    """Return how many crystals were called what; an empty text where no call was made."""
    import pyarrow.compute as pc

    calls = table.column("call")
    if calls.null_count == len(calls):
        return ""
    count = {entry["values"]: entry["counts"] for entry in pc.value_counts(calls).to_pylist()}
    covered = pc.sum(pc.invert(table.column("covered"))).as_py() or 0
    said = ", ".join(
        f"{count[word]:,} {word}" for word in ("topological", "trivial", "abstain") if word in count
    )
    return f"called {said}; for {covered:,} of them the error rate is not tested, see the column doubts"
