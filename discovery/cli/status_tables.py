"""How ``discover status`` shows where verifications stand."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from discovery.submission.standing import ACTIVE, Standing, counted

if TYPE_CHECKING:
    from rich.text import Text

COLOURS = {
    "done": "green",
    "stopped": "yellow",
    "failed": "red",
    "lost": "red",
    "damaged": "red",
    "running": "cyan",
    "queued": "blue",
}


def print_standings(rows: Sequence[Standing]) -> None:
    """Print the table and, on standard error, how many stand how and what to do about the rest."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(width=140, highlight=False)
    console.print(table(rows), no_wrap=True, overflow="ellipsis")
    print_rest(rows)


def print_rest(rows: Sequence[Standing]) -> None:
    """Print how many stand how, and each remedy once."""
    import typer

    from candidates.report.typeset import plain

    typer.echo(counted(rows), err=True)
    remedies = dict.fromkeys(
        row.remedy for row in rows if row.remedy and row.state not in ("done", "stopped")
    )
    for remedy in list(remedies)[:5]:
        typer.echo(plain(remedy), err=True)


def watch_standings(rows: list[Standing], look: Callable[[], list[Standing]], every: float) -> list[Standing]:
    """Show the table again and again until nothing changes by itself, and return the last rows.

    Args:
        rows: where they stand now.
        look: returns where they stand.
        every: seconds between two looks.
    """
    from rich.console import Console
    from rich.live import Live

    console = Console(highlight=False)
    if not console.is_terminal:  # a file gets the last table only
        while any(row.state in ACTIVE for row in rows):
            time.sleep(every)
            rows = look()
        print_standings(rows)
        return rows
    try:
        with Live(table(rows), console=console, auto_refresh=False, vertical_overflow="crop") as live:
            while any(row.state in ACTIVE for row in rows):
                time.sleep(every)
                rows = look()
                live.update(table(rows), refresh=True)
    except KeyboardInterrupt:
        pass
    print_rest(rows)
    return rows


HEADINGS = ("candidate", "formula", "state", "step", "ended", "time", "job", "what")
RIGHT = ("ended", "time")


def table(rows: Sequence[Standing]) -> "Text":
    """Return a line for each candidate, under headings; rich's own tables take a second for a thousand."""
    from rich.cells import cell_len
    from rich.text import Text

    from candidates.report.typeset import plain

    cells = [HEADINGS]
    for row in rows:
        ended = f"{row.done}/{row.planned}" if row.planned else ""
        facts = (row.state, row.step, ended, duration(row.seconds), plain(row.queue, 20))
        cells.append((row.candidate, plain(row.name, 40), *facts, plain(row.verdict or row.error, 200)))
    widths = [max(map(cell_len, column)) for column in zip(*cells, strict=True)][:-1]
    text = Text(no_wrap=True, overflow="ellipsis", end="")
    for number, line in enumerate(cells):
        for heading, cell, width in zip(HEADINGS, line, [*widths, 0], strict=True):
            space = " " * max(0, width - cell_len(cell))
            style = "bold" if not number else COLOURS.get(cell, "") if heading == "state" else ""
            text.append(space + cell if heading in RIGHT else cell, style)
            if heading != HEADINGS[-1]:
                text.append("  " if heading in RIGHT else f"{space}  ")
        text.append("\n")
    return text


def duration(seconds: float | None) -> str:
    """Return a time as ``42 s``, ``3 min 20 s``, ``5 h 04 min`` or ``2 d 03 h``."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours:02d} h"
