"""How ``discover data`` shows facts and progress."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from discovery.databases.info import DatabaseInfo


def describe(
    console: Console, info: DatabaseInfo, ready: bool, counts: dict[str, dict[str, int]], notes: list[str]
) -> None:
    """Print the facts of a database, its class counts and what is unusual about it."""
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    facts.add_column(overflow="fold")
    rows = [
        ("name", info.name),
        ("title", info.title),
        ("ready", "yes" if ready else f"no; get it with: discover data fetch {info.name}"),
        ("what", info.description),
        ("licence", info.licence),
        *(("cite" if i == 0 else "", citation) for i, citation in enumerate(info.citation)),
        ("labels", info.label_meaning),
        *(("origins" if i == 0 else "", str(origin)) for i, origin in enumerate(info.origins)),
        *(("note" if i == 0 else "", note) for i, note in enumerate(notes)),
    ]
    for name, value in rows:
        facts.add_row(name, Text(value))
    console.print(facts)
    for label, classes in counts.items():
        table = Table(box=None, pad_edge=False, header_style="bold")
        table.add_column(label)
        table.add_column("crystals", justify="right")
        for name, count in classes.items():
            table.add_row(Text(name), f"{count:,}")
        console.print()
        console.print(table)


class _Amount(TextColumn):
    """Bytes of a download, or crystals of a table."""

    def __init__(self) -> None:
        super().__init__("")
        self.sizes, self.counts = DownloadColumn(), MofNCompleteColumn()

    def render(self, task: Task) -> Text:
        return (self.counts if task.fields["counted"] else self.sizes).render(task)


@contextmanager
def progress(console: Console) -> Iterator[Callable[[str, int, int | None], None]]:
    """Show a bar for each file; yields the function that is told of progress.

    Nothing is drawn where the console is no terminal.
    """
    columns = (
        TextColumn("{task.description}", table_column=Column(overflow="fold")),
        BarColumn(),
        _Amount(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def report(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(escape(name), total=total, counted=name.endswith(".parquet"))
            bars.update(tasks[name], completed=done, total=total)

        yield report
