"""``discover retry``: compute steps of a verification again."""

from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import refuse
from discovery.cli.status import Root, folder

if TYPE_CHECKING:
    from discovery.submission.retry import Again


def retry(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID", help="Candidate ids, their beginnings, or folders.", show_default=False),
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
    from discovery.cli.verify_runs import Refusals, run_here
    from discovery.submission import SubmissionError
    from discovery.submission.retry import prepare, resend
    from discovery.submission.status import find_directories
    from discovery.verification.engines import StepError
    from discovery.verification.results import read_request

    try:
        directories = find_directories(folder(root), ids)
    except SubmissionError as error:
        refuse(error.reason, error.remedy)
    with Refusals() as refusals:
        here = []
        for directory in directories:
            try:
                again = prepare(directory, step)
                _say(again)
                if again.backend == "local":
                    here.append(
                        read_request(directory).model_copy(update={"directory": str(directory.resolve())})
                    )
                    continue
                for _, stage, number in resend(directory):
                    typer.echo(f"{directory.name}  {stage}: {number}")
            except StepError as error:
                refusals.add(error.reason, error.remedy)
        run_here(here, refusals)


def _say(again: "Again") -> None:
    from candidates.report.typeset import plain

    removed = f"; again: {', '.join(again.removed)}" if again.removed else ""
    typer.echo(f"{again.directory.name}  {plain(again.name)}  {len(again.kept)} steps kept{removed}")
