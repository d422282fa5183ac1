"""How ``discover verify`` and ``discover verdict`` show steps and what they came to."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from candidates.verification import Step, Verification
    from discovery.verification.emit import WrittenStep
    from discovery.verification.local import Event
    from discovery.verification.results import Request

COLOURS = {"done": "green", "stopped": "yellow", "failed": "red", "skipped": "dim", "running": "cyan"}

SHOWN = 3
"""Numbers of a step in the table; `--json` has all."""


@contextmanager
def step_lines(request: "Request") -> Iterator[Callable[["Event"], None]]:
    """Print a line on standard error as each step ends, with a clock while one runs."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True, highlight=False)
    console.print(f"{escape(request.name)}  {request.candidate_id}  {request.engine}", style="bold")
    columns = SpinnerColumn(), TextColumn("{task.description:<14} running"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as running:
        task = running.add_task("", visible=False)

        def tell(event: "Event") -> None:
            if event.state == "running":
                running.reset(task, description=event.step, visible=True)
                return
            running.update(task, visible=False)
            colour = COLOURS.get(event.state, "white")
            time = "kept" if event.kept else _time(event.seconds)
            said = escape(event.reason) or "  ".join(_numbers(event.numbers))
            head = f"{event.step:<14} [{colour}]{event.state:<8}[/{colour}] {time:>8}"
            running.console.print(f"{head}  {said}", soft_wrap=True)

        yield tell


def print_written(request: "Request", written: Sequence["WrittenStep"]) -> None:
    """Print which files were written, and what each step still waits for."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{request.name}: {request.directory}", title_justify="left")
    table.add_column("step", no_wrap=True)
    table.add_column("files", overflow="fold")
    table.add_column("filled in later", overflow="fold")
    for step in written:
        needs = "\n".join(f"{what}: {source}" for what, source in step.needs.items())
        table.add_row(Text(step.directory), Text(", ".join(step.files)), Text(needs))
    Console().print(table)


def print_verification(record: "Verification", name: str) -> None:
    """Print class, gates and steps, and what can be done where something failed."""
    from rich.console import Console
    from rich.markup import escape

    from discovery.cli.topology_tables import print_verdict

    console = Console(highlight=False)
    made = f"{record.engine}, preset {escape(record.preset)}, {escape(record.functional)}"
    console.print(f"[bold]{escape(name)}[/bold]  {record.candidate_id}  {made}  {record.created[:16]}")
    if record.stand_in:
        console.print(f"[yellow]Plumbing, not physics: {escape(record.stand_in)}.[/yellow]")
    if record.verdict is not None:
        print_verdict(record.verdict)
    else:
        decisive = next((s for s in record.steps if s.state in ("stopped", "failed")), None)
        console.print(f"[bold]no verdict[/bold] ({record.state})")
        if decisive is not None:
            console.print(f"  {decisive.name}: {escape(decisive.reason)}")
    console.print(_steps(record.steps))
    for step in record.steps:
        if step.state in ("failed", "stopped") and step.remedy:
            console.print(f"[bold]{step.name}[/bold]: {escape(step.remedy)}")


def _steps(steps: Sequence["Step"]):  # type: ignore[no-untyped-def]
    from rich.table import Table
    from rich.text import Text

    table = Table(title="steps", title_justify="left")
    table.add_column("step", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("time", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    for step in steps:
        said = step.reason or "\n".join([*_numbers(step.numbers), *step.notes])
        colour = COLOURS.get(step.state, "")
        table.add_row(step.name, Text(step.state, style=colour), _time(step.seconds), Text(said))
    return table


def _numbers(numbers: dict[str, float]) -> list[str]:
    return [f"{name} {value:.5g}" for name, value in list(numbers.items())[:SHOWN]]


def _time(seconds: float | None) -> str:
    if seconds is None:
        return ""
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
