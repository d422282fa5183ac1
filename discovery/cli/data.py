"""``discover data``: which databases there are, what they are, and how to get them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import INTERRUPTED, refuse

if TYPE_CHECKING:
    from rich.console import Console

app = typer.Typer(no_args_is_help=True, help="Databases of crystals: list, describe, fetch, import.")

WIDTH = 120
"""Columns of output that goes to no terminal."""

EXTRA_NAMES = (
    ("optimade:URL", "any provider of the OPTIMADE network; discover data info optimade:URL"),
    ("mp-api", "the Materials Project of today (needs DISCOVER_MP_API_KEY)"),
    ("PATH", "any crystal files: a file, a folder or a glob"),
)


@app.command("list")
def list_databases() -> None:
    """List the databases and say which are ready.

    \b
    Examples:
      discover data list
      DISCOVER_DATA_DIR=/data/crystals discover data list
    """
    from rich.table import Table
    from rich.text import Text

    from discovery.databases import catalogue
    from discovery.settings import get_settings

    settings = get_settings()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("name", "ready", "what", "how to get it"):
        table.add_column(column, overflow="fold")
    with plain_errors():
        for name in catalogue.names(settings):
            database = catalogue.get(name, settings)
            ready = database.is_ready()
            how = "" if ready else f"discover data fetch {name}"
            table.add_row(name, "yes" if ready else "no", Text(database.info.title), how)
    for name, what in EXTRA_NAMES:
        table.add_row(name, "", what, "")
    _console().print(table)
    typer.echo(f"Data directory: {settings.data_dir}", err=True)


@app.command("info")
def info(
    name: Annotated[
        str, typer.Argument(help="A name of `discover data list`, optimade:URL, mp-api or a path.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the facts as JSON.")] = False,
) -> None:
    """Say what a database is: provenance, licence, citation, what its labels mean, class counts.

    \b
    Examples:
      discover data info starter
      discover data info topoB --json
    """
    from discovery.databases import catalogue

    with plain_errors():
        database = catalogue.get(name)
        ready = database.is_ready()
        local = ready and not name.startswith((catalogue.OPTIMADE, catalogue.MP_API))
        counts = database.class_counts() if local else {}
        notes = database.notes() if local else []
    if as_json:
        import json

        facts = database.info.model_dump() | {"ready": ready, "class_counts": counts, "notes": notes}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    from discovery.cli.data_tables import describe

    describe(_console(), database.info, ready, counts, notes)


@app.command("fetch")
def fetch(
    name: Annotated[str, typer.Argument(help="topoA, topoB, materiae or mp; they share their files.")],
    again: Annotated[
        bool, typer.Option("--again", help="Make the files anew even if they are there.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for reading structures. Without it: all cores.")
    ] = None,
) -> None:
    """Download the pinned files of a database, check them and build its tables.

    Interrupted, it goes on where it stopped when run again. Set DISCOVER_MIRROR to a directory or URL laid
    out as OWNER/REPO/PATH where the public origins cannot be reached.

    \b
    Examples:
      discover data fetch topoB
      DISCOVER_MIRROR=/media/stick/mirror discover data fetch mp
    """
    from discovery.databases import build, catalogue
    from discovery.settings import get_settings

    settings = get_settings()
    if name not in catalogue.LABEL_OF:
        with plain_errors():
            title = catalogue.get(name, settings).info.title
        typer.echo(f"{name} ({title}) needs no fetching.")
        return
    from discovery.cli.data_tables import progress

    try:
        with plain_errors(), progress(_console(stderr=True)) as report:
            fetched = build.fetch(settings, again=again, report=report, workers=workers)
            notes = catalogue.get(name, settings).notes()
    except KeyboardInterrupt:
        refuse("Interrupted.", "The same command goes on where it stopped.", INTERRUPTED)
    verb = "Made" if fetched.made else "Already here:"
    typer.echo(f"{verb} {', '.join(fetched.made) or 'everything'} in {settings.data_dir}")
    typer.echo(f"{fetched.structures:,} crystals, {fetched.labels:,} rows of labels.")
    for refused in fetched.refused[:10]:
        typer.echo(f"refused {refused.id}: {refused.reason}", err=True)
    for note in notes:
        typer.echo(note, err=True)


@app.command("import")
def import_files(
    path: Annotated[list[str], typer.Argument(help="Crystal files, folders or globs.")],
    name: Annotated[str, typer.Option("--as", help="Name of the database.")],
    licence: Annotated[str | None, typer.Option(help="Licence of the crystals, kept with them.")] = None,
    citation: Annotated[str | None, typer.Option(help="What to cite, kept with them.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an import of this name.")] = False,
) -> None:
    """Copy crystals into the data directory under a name of their own.

    \b
    Examples:
      discover data import structures/ --as mine
      discover data import 'relaxed/*.cif' extra.extxyz --as relaxed --citation 'doi:10.1000/1'
    """
    from discovery.databases.imported import import_crystals
    from discovery.settings import get_settings

    with plain_errors():
        table, refused = import_crystals(
            path, name, get_settings(), licence=licence, citation=citation, replace=replace
        )
    for refusal in refused:
        typer.echo(f"refused {refusal}", err=True)
    typer.echo(f"Imported {len(table):,} crystals as {name}; {len(refused):,} refused.")
    typer.echo(f"Screen them with: discover screen --db {name} -o run", err=True)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what a database says is wrong into a message, its remedy and exit status 1."""
    from discovery.databases.info import DatabaseError

    try:
        yield
    except DatabaseError as error:
        refuse(error.message, error.remedy)


def _console(stderr: bool = False) -> "Console":
    from rich.console import Console

    made = Console(stderr=stderr)
    return made if made.is_terminal else Console(stderr=stderr, width=WIDTH)
