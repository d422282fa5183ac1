"""How ``discover verify`` runs verifications on this machine, one after the other or side by side."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import typer

from discovery.cli.console import FAILED, INTERRUPTED, default_workers, refuse

if TYPE_CHECKING:
    from candidates.verification import Verification
    from discovery.verification.local import Event
    from discovery.verification.results import Request


class Refusals:
    """Candidates with which nothing could be done: told when the others are through, with exit status 1."""

    def __init__(self) -> None:
        self._found: list[tuple[str, str]] = []
        self.failed = False

    def add(self, reason: str, remedy: str) -> None:
        """Note one."""
        self._found.append((reason, remedy))

    @contextmanager
    def of(self, request: "Request") -> Iterator[None]:
        """Note what is refused within, and go on."""
        from discovery.verification.engines import StepError

        try:
            yield
        except StepError as error:
            self.add(f"{request.name}: {error.reason}", error.remedy)
        except OSError as error:
            self.add(f"{request.name}: {error.filename}: {error.strerror}", "Name another directory with -o.")

    def __enter__(self) -> "Refusals":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for reason, remedy in self._found:
            typer.secho(reason, fg="red", err=True)
            if remedy:
                typer.echo(remedy, err=True)
        if kind is None and (self._found or self.failed):
            raise typer.Exit(FAILED)


def run_here(requests: Sequence["Request"], refusals: Refusals) -> None:
    """Run verifications one after the other in this process, and show each step and each verdict."""
    from discovery.cli.verify_tables import print_verification, step_lines
    from discovery.verification.collect import collect
    from discovery.verification.local import run_here as run

    for request in requests:
        with refusals.of(request):
            try:
                with step_lines(request) as tell:
                    record = run(request, tell)
            except KeyboardInterrupt:
                record = collect(Path(request.directory))
                ended = sum(step.state in ("done", "stopped") for step in record.steps)
                refuse(
                    f"interrupted; {ended} steps of {request.name} are kept",
                    "The same command goes on from there.",
                    INTERRUPTED,
                )
            print_verification(record, request.name)
            _store(record, request, refusals)
            typer.echo(
                f"`discover verdict {record.candidate_id}` shows this again; files: {request.directory}",
                err=True,
            )


def run_side_by_side(requests: Sequence["Request"], jobs: int, refusals: Refusals) -> None:
    """Run verifications in processes of their own, so many at once, and show how far they are."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from discovery.submission.side_by_side import run
    from discovery.verification.collect import collect

    _warn_of_cores(requests, jobs)
    console = Console(stderr=True, highlight=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[of]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as bars:
        whole = bars.add_task("candidates", total=len(requests), of=f"0 of {len(requests)}")
        tasks: dict[str, TaskID] = {}

        def told(request: "Request", event: "Event") -> None:
            if request.candidate_id not in tasks:
                tasks[request.candidate_id] = bars.add_task("", total=None, of="")
            bars.update(tasks[request.candidate_id], description=f"{escape(request.name)}  {event.step}")

        try:
            for number, ended in enumerate(run(requests, jobs, told), 1):
                bars.update(whole, completed=number, of=f"{number} of {len(requests)}")
                if ended.request.candidate_id in tasks:
                    bars.remove_task(tasks.pop(ended.request.candidate_id))
                if ended.error is not None:
                    refusals.add(f"{ended.request.name}: {ended.error.reason}", ended.error.remedy)
                    continue
                with refusals.of(ended.request):
                    record = collect(Path(ended.request.directory))
                    console.print(_line(record, ended.request.name), soft_wrap=True)
                    _store(record, ended.request, refusals)
        except KeyboardInterrupt:
            refuse(
                "interrupted; finished steps are kept", "The same command goes on from there.", INTERRUPTED
            )
    typer.echo("`discover status` lists them, `discover verdict ID` explains one.", err=True)


def _warn_of_cores(requests: Sequence["Request"], jobs: int) -> None:
    used = max((one.options.ranks * one.options.threads for one in requests), default=1)
    wanted, here = min(jobs, len(requests)) * used, default_workers()
    if wanted > here:
        typer.secho(
            f"{min(jobs, len(requests))} candidates with {used} cores each, and {here} cores are there: "
            "they will slow each other down"
            if used > 1
            else f"{min(jobs, len(requests))} candidates at once on {here} cores will slow each other down",
            fg="yellow",
            err=True,
        )


def _line(record: "Verification", name: str) -> str:
    from rich.markup import escape

    from discovery.cli.verify_tables import COLOURS

    if record.verdict is not None:
        said, colour = str(record.verdict.topology), "green"
    else:
        decisive = next((step for step in record.steps if step.state in ("stopped", "failed")), None)
        said = f"{decisive.name}: {decisive.reason}" if decisive else ""
        colour = COLOURS.get(record.state, "white")
    state = "verified" if record.verdict is not None else record.state
    return f"{record.candidate_id}  {escape(name)}  [{colour}]{state}[/{colour}]  {escape(said)}"


def _store(record: "Verification", request: "Request", refusals: Refusals) -> None:
    """Bring a record into the store; a store that cannot be written to costs nothing of the calculation."""
    from candidates.store import Store, StoreError
    from candidates.verifications import add_verification
    from discovery.settings import get_settings

    try:
        add_verification(Store(get_settings().resolved_store_url), record)
    except StoreError as error:
        refusals.add(f"{request.directory} is complete, but {error}", error.remedy)
    refusals.failed |= record.state == "failed"
