"""``discover runs``, ``discover candidates`` and ``discover show``: look into the candidate store."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from candidates.records import RunRecord
    from candidates.store import Store


class Sort(StrEnum):
    """Orders that the store knows."""

    rank = "rank"
    probability = "probability"
    uncertainty = "uncertainty"
    gap = "gap"
    formula = "formula"
    spacegroup = "spacegroup"


class Format(StrEnum):
    """Ways to print candidates."""

    table = "table"
    json = "json"
    csv = "csv"
    jsonl = "jsonl"


def runs(
    as_json: Annotated[bool, typer.Option("--json", help="Print the run records as JSON.")] = False,
) -> None:
    """List the screens that the store remembers, the newest first.

    \b
    Examples:
      discover runs
      discover runs --json
    """
    with opened_store() as store:
        found, counts = store.runs(), store.counts()
    if as_json:
        import json

        typer.echo(json.dumps([run.model_dump(mode="json") for run in found], indent=2, ensure_ascii=False))
    elif not found:
        typer.echo(f"No run in {store.name} yet; `discover screen --db starter -o run` makes one.", err=True)
    else:
        from discovery.cli.candidate_tables import console, runs_table

        console().print(runs_table(found, counts))


def candidates(
    run: Annotated[
        str | None,
        typer.Option(help="Id of a run or its beginning; `all` for every run. Without it: the newest run."),
    ] = None,
    sort: Annotated[Sort, typer.Option(help="Order of the rows.")] = Sort.rank,
    limit: Annotated[int, typer.Option(min=0, help="Print at most so many; 0 for all.")] = 30,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="Without it: what the name of the output ends in, or a table."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file instead of the terminal.")
    ] = None,
) -> None:
    """List candidates of a run.

    \b
    Examples:
      discover candidates
      discover candidates --run 5f3a --sort gap --limit 10
      discover candidates --limit 0 -o candidates.csv
    """
    if form is None:
        suffix = output.suffix.removeprefix(".").lower() if output else ""
        form = Format(suffix) if suffix in set(Format) else Format.table
    with opened_store() as store:
        chosen = None if run == "all" else newest_run(store) if run is None else store.run(run)
        found = store.candidates(chosen.id if chosen else None, sort.value, limit or None)
    if form is Format.table:
        from discovery.cli.candidate_tables import candidates_table, console, plain_text

        if output:
            _write(output, plain_text(candidates_table(found)))
            return
        console().print(candidates_table(found))
        total = store.counts()
        of = sum(total.values()) if chosen is None else total.get(chosen.id, 0)
        where = "all runs" if chosen is None else f"run {chosen.id}"
        typer.echo(f"{len(found)} of {of} candidates of {where}; `discover show ID` tells more.", err=True)
        return
    from candidates.export import export

    text = export(found, form.value)
    if output:
        _write(output, text)
    else:
        typer.echo(text, nl=False)


def show(
    id: Annotated[str, typer.Argument(help="Id of a candidate, or the beginning of it.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole record as JSON.")] = False,
) -> None:
    """Show everything about a candidate: what the model saw, symmetry, labels, structure.

    \b
    Examples:
      discover show 9d3bd41f
      discover show 9d3bd41f --json
    """
    with opened_store() as store:
        candidate = store.candidate(id)
    if as_json:
        typer.echo(candidate.model_dump_json(indent=2))
    else:
        from discovery.cli.candidate_tables import candidate_panel, console

        console().print(candidate_panel(candidate))


@contextmanager
def opened_store() -> Iterator["Store"]:
    """Give the candidate store of the settings; what it cannot do ends the command with 1 and a remedy."""
    from candidates.store import Store, StoreError
    from discovery.settings import get_settings

    try:
        yield Store(get_settings().resolved_store_url)
    except StoreError as error:
        fail(str(error), error.remedy)


def newest_run(store: "Store") -> "RunRecord":
    """Return the newest run, or end the command with 1 where there is none."""
    found = store.runs()
    if not found:
        fail(f"no run in {store.name} yet", "`discover screen --db starter -o run` makes one.")
    return found[0]


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        fail(f"{output} cannot be written: {error}", "Name another file with -o.")


def fail(message: str, remedy: str) -> NoReturn:
    """Print what went wrong and what would help to stderr, and end the command with 1."""
    from candidates.report.typeset import plain

    typer.secho(f"Error: {plain(message)}", fg="red", err=True)
    typer.echo(plain(remedy), err=True)
    raise typer.Exit(1)
