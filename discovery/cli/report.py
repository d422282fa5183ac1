"""``discover report``: write the pages of a stored run, or of one candidate."""

from pathlib import Path
from typing import Annotated

import typer

from discovery.cli.candidates import fail, newest_run, opened_store

LONGEST = 200
"""Characters of an id that are looked at; databases limit the length of what they compare."""


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
    candidate: Annotated[
        str | None,
        typer.Option(help="Only the page of this candidate; its id or the beginning of it."),
    ] = None,
    pages: Annotated[int, typer.Option(min=0, help="So many of the best get a page of their own.")] = 50,
    explain: Annotated[
        bool, typer.Option(help="Ask the model what each token is worth, where that is not known yet.")
    ] = True,
) -> None:
    """Write the pages of a stored run: the ranking, and one page for each of the best candidates.

    Verifications and decisions that the store holds are shown; candidates that were verified always get a
    page.

    \b
    Examples:
      discover report
      discover report 5f3a -o for-my-colleague --pages 200
      discover report --candidate 9d3bd41f
    """
    from candidates.store import NotFoundError, StoreError
    from discovery.screening.reporting import report_run

    with opened_store() as store:
        chosen = store.candidate(candidate[:LONGEST]) if candidate is not None else None
        record = newest_run(store) if run is None else store.run(run[:LONGEST])
        if chosen is not None and run is None:
            record = store.run(chosen.run_id)
        elif chosen is not None and chosen.run_id != record.id:
            raise NotFoundError(
                f"candidate {chosen.id} belongs to run {chosen.run_id}, not to {record.id}",
                f"`discover report {chosen.run_id} --candidate {chosen.id}` writes its page.",
            )
        found = store.candidates(record.id)
    if output is None and not Path(record.directory).is_dir():
        fail(
            f"the directory of run {record.id} is gone or lies elsewhere: {record.directory}",
            "Say where the report goes with -o DIRECTORY.",
        )
    try:
        path = report_run(
            record,
            found,
            output or Path(record.directory) / "report",
            store,
            pages=pages,
            explain=explain,
            only=chosen.id if chosen else None,
        )
    except StoreError as error:
        fail(str(error), error.remedy)
    except OSError as error:
        fail(f"the report cannot be written: {error}", "Name another place with -o DIRECTORY.")
    typer.echo(path)
