"""``discover cancel``: take verifications back."""

from typing import Annotated

import typer

from discovery.cli.console import USAGE, refuse
from discovery.cli.status import Root, folder


def cancel(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Candidate ids, their beginnings, or folders.", show_default=False),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All that wait or run.")] = False,
    root: Root = None,
) -> None:
    """Take jobs out of the queue and end those that run; finished steps stay.

    `discover retry ID` goes on from there.

    \b
    Examples:
      discover cancel 9d3bd41f 5e0c
      discover cancel --all
    """
    from discovery.submission import SubmissionError
    from discovery.submission.cancel import cancel as take_back
    from discovery.submission.status import find_directories

    if bool(ids) == all_:
        refuse("say what to take back", "Give ids, or --all for all that wait or run.", USAGE)
    try:
        found = take_back(find_directories(folder(root), ids or []))
    except SubmissionError as error:
        refuse(error.reason, error.remedy)
    for one in found:
        jobs = (
            f" ({'process' if one.backend == 'local' else 'job'} {', '.join(one.jobs)})" if one.jobs else ""
        )
        typer.echo(f"{one.candidate}  taken back{jobs}")
    if not found:
        typer.echo("nothing waits or runs", err=True)
