"""``discover retry``: compute steps of a verification again."""

from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import FAILED, refuse
from discovery.cli.status import Root, folder

if TYPE_CHECKING:
    from discovery.submission.retry import Again


def retry(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID...", help="Candidate ids, their beginnings, or folders.", show_default=False
        ),
    ],
    step: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="STEP", help="Compute this step and all that use it again.", show_default=False
        ),
    ] = None,
    root: Root = None,
) -> None:
    """Send what failed, was lost or was taken back again, to where it was submitted before.

    Finished steps are kept. Resources are those that the cluster file gives now, so that a walltime that was
    too short can be raised there first. What ran on this machine runs here again.

    \b
    Examples:
      discover retry 9d3bd41f
      discover retry 9d3bd41f --from wannier
      discover retry 9d3bd41f 5e0c
    """
    from discovery.submission import SubmissionError
    from discovery.submission.retry import prepare
    from discovery.submission.status import find_directories
    from discovery.verification.engines import StepError

    try:
        directories = find_directories(folder(root), ids)
    except SubmissionError as error:
        refuse(error.reason, error.remedy)
    refused = False
    for directory in directories:
        try:
            again = prepare(directory, step)
            _say(again)
            refused |= not _send(again)
        except StepError as error:
            typer.secho(error.reason, fg="red", err=True)
            typer.echo(error.remedy, err=True)
            refused = True
    if refused:
        raise typer.Exit(FAILED)


def _say(again: "Again") -> None:
    from candidates.report.typeset import plain

    removed = f"; again: {', '.join(again.removed)}" if again.removed else ""
    typer.echo(f"{again.directory.name}  {plain(again.name)}  {len(again.kept)} steps kept{removed}")


def _send(again: "Again") -> bool:
    """Hand it over again and return whether it has not failed."""
    from discovery.submission.retry import resend

    if again.backend != "local":
        for _, stage, number in resend(again.directory):
            typer.echo(f"{again.directory.name}  job {number}: {stage}")
        return True
    return _run_here(again)


def _run_here(again: "Again") -> bool:
    from candidates.store import Store, StoreError
    from candidates.verifications import add_verification
    from discovery.cli.verify_tables import print_verification, step_lines
    from discovery.settings import get_settings
    from discovery.verification.collect import read_request
    from discovery.verification.local import run_here

    request = read_request(again.directory)
    request = request.model_copy(update={"directory": str(again.directory.resolve())})
    with step_lines(request) as tell:
        record = run_here(request, tell)
    print_verification(record, request.name)
    try:
        add_verification(Store(get_settings().resolved_store_url), record)
    except StoreError as error:
        refuse(str(error), f"{error.remedy} `discover collect` stores it then.")
    return record.state != "failed"
