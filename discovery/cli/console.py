"""What every command shares at the terminal: messages, progress, exit codes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def refuse(message: str, remedy: str = "", code: int = FAILED) -> NoReturn:
    """Print an error and its remedy to standard error and leave."""
    typer.secho(message, fg="red", err=True)
    if remedy:
        typer.echo(remedy, err=True)
    raise typer.Exit(code)


@contextmanager
def progress(unit: str = "crystals") -> Iterator[Callable[[str, int, int | None], None]]:
    """Show bars on standard error that count ``unit``; yields a function of (stage, done, all or None)."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:<11}"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.fields[whole]} " + unit),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            whole = "?" if total is None else f"{total:,}"
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, whole=whole)
            bars.update(tasks[stage], completed=done, total=total, whole=whole)

        yield show


def default_workers() -> int:
    """Return the number of processes to use: the cores this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
