"""``discover report``: write the pages of a stored run, or of one candidate."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.candidates import fail, newest_run, opened_store
from discovery.cli.console import default_workers, progress
from xbert.cli_models import HELP

if TYPE_CHECKING:
    from candidates.records import RunRecord

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
        bool,
        typer.Option(
            help="Ask the model what each token is worth and which labelled crystals are nearest, where that "
            "is not known yet."
        ),
    ] = True,
    model: Annotated[
        str | None,
        typer.Option(help=f"The model that ranked, if it is not found by itself. {HELP}", show_default=False),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.", show_default=False)
    ] = None,
) -> None:
    """Write the pages of a stored run: the ranking, and one page for each of the best candidates.

    Verifications and decisions that the store holds are shown; candidates that were verified always get a
    page. The first explanations after a screen of a large database place its labelled crystals by the model,
    which takes minutes and is kept.

    \b
    Examples:
      discover report
      discover report 5f3a -o for-my-colleague --pages 200
      discover report --candidate 9d3bd41f
      discover report --model models/mine
    """
    from candidates.store import NotFoundError, StoreError
    from discovery.screening.reporting import report_run
    from xbert.parallel import WorkerError

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
    _check_model(record, model)
    try:
        with progress() as show:
            path = report_run(
                record, found, output or Path(record.directory) / "report", store, pages=pages,
                explain=explain, model=model, only=chosen.id if chosen else None, patient=True,
                workers=workers or default_workers(), on_progress=show,
            )  # fmt: skip
    except WorkerError as error:
        fail(str(error), "`discover report --no-explain` does without.")
    except StoreError as error:
        fail(str(error), error.remedy)
    except OSError as error:
        fail(f"the report cannot be written: {error}", "Name another place with -o DIRECTORY.")
    typer.echo(path)


def _check_model(record: "RunRecord", model: str | None) -> None:
    """Refuse a model that is not the one that ranked; say so where that one is not at hand."""
    from xbert.checkpoint import CheckpointError, locate, model_sha256
    from xbert.models import find

    if model is None:
        if find(record.model, record.model_sha256) is None:
            note = f"the model {record.model} that ranked ({record.model_sha256[:12]}) is not here"
            remedy = "--model DIRECTORY says where it lies; without it no card and no new explanations"
            typer.secho(f"note: {note}; {remedy}", dim=True, err=True)
        return
    try:
        sha256 = model_sha256(locate(model))
    except CheckpointError as error:
        fail(str(error), "Run `xbert models` to see which there are.")
    if sha256 != record.model_sha256:
        fail(
            f"{model} ({sha256[:12]}) is not the model that ranked run {record.id}, "
            f"{record.model} ({record.model_sha256[:12]})",
            "Name that one, or screen again with this one: discover screen --model.",
        )
