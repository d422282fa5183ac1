"""What the ``xbert`` commands share at the terminal: progress, the choice of a device, refusals."""

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

import typer

FAILED, USAGE = 1, 2

Show = Callable[[str, int, int, str], None]
"""(what, done, all, note)."""


def refuse(message: str, code: int = FAILED) -> NoReturn:
    """Print an error to standard error and leave."""
    typer.secho(message, fg="red", err=True)
    raise typer.Exit(code)


def command_line() -> str:
    """Return the command as it was typed, for records and cards."""
    return shlex.join(["xbert", *sys.argv[1:]])


def choose_device(device: str, threads: int | None = None) -> str:
    """Return the torch device for ``auto``, ``cpu`` or ``cuda``, and set the threads of torch."""
    import torch

    if threads:
        torch.set_num_threads(threads)
    return ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device


@contextmanager
def bars() -> Iterator[Show]:
    """Show progress bars on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} {task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int, note: str) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total, note="")
            progress.update(tasks[what], completed=done, total=total, note=note)

        yield show
