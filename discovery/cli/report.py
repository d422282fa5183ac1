"""``discover report``: write the report of a stored run again."""

from pathlib import Path
from typing import Annotated

import typer

from discovery.cli.candidates import fail, newest_run, opened_store


def report(
    run: Annotated[
        str | None,
        typer.Argument(help="Id of a run or its beginning. Without it: the newest run.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Directory for index.html. Without it: `report` in the run's own."
        ),
    ] = None,
) -> None:
    """Write the HTML report of a stored run again.

    \b
    Examples:
      discover report
      discover report 5f3a -o for-my-colleague
    """
    from candidates.report import write_report

    with opened_store() as store:
        record = newest_run(store) if run is None else store.run(run)
        found = store.candidates(record.id)
    if output is None and not Path(record.directory).is_dir():
        fail(
            f"the directory of run {record.id} is gone or lies elsewhere: {record.directory}",
            "Say where the report goes with -o DIRECTORY.",
        )
    try:
        typer.echo(write_report(record, found, output or Path(record.directory) / "report"))
    except OSError as error:
        fail(f"the report cannot be written: {error}", "Name another place with -o DIRECTORY.")
