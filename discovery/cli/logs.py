"""``discover logs``: what the programs of a step and its job have written."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from discovery.cli.console import INTERRUPTED, refuse
from discovery.cli.status import Root, folder


def logs(
    id: Annotated[
        str, typer.Argument(help="Candidate id, its beginning, or its folder.", show_default=False)
    ],
    step: Annotated[
        str | None,
        typer.Option(
            help="Of this step; else the one at work, that failed, or ended last.", show_default=False
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("-f", "--follow", help="Go on as more is written, until nothing is at work.")
    ] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Last lines of each file.")] = 40,
    root: Root = None,
) -> None:
    """Show the end of what a step's program wrote, and of the log of its job.

    \b
    Examples:
      discover logs 9d3bd41f
      discover logs 9d3bd41f --step wannier -n 200
      discover logs 9d3bd41f -f
    """
    from discovery.submission.logs import find_logs, last_lines
    from discovery.submission.status import find_directories
    from discovery.verification.engines import StepError

    try:
        (directory,) = find_directories(folder(root), [id])
        found = find_logs(directory, step)
    except StepError as error:
        refuse(error.reason, error.remedy)
    shown = [path for path in (*found.outputs[:1], found.job) if path is not None]
    if not shown and not follow:
        refuse(
            f"{found.step} of {directory.name} has written nothing",
            "It waits, or it is a step without a program; `discover status` says which.",
        )
    for path in shown:
        _say(path, last_lines(path, lines))
    if found.outputs[1:]:
        typer.echo("more: " + "  ".join(str(path) for path in found.outputs[1:]), err=True)
    if follow:
        try:
            _follow(directory, step)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def _say(path: Path, lines: Sequence[str]) -> None:
    from candidates.report.typeset import plain

    typer.secho(f"==> {path} <==", bold=True)
    for line in lines:
        typer.echo(plain(line, 4000))


def _follow(directory: Path, step: str | None) -> None:
    from candidates.report.typeset import plain
    from discovery.submission.logs import find_logs, follow
    from discovery.submission.queues import ask_queues
    from discovery.submission.standing import ACTIVE
    from discovery.submission.status import standings

    def files() -> list[Path]:
        found = find_logs(directory, step)
        return [path for path in (*found.outputs[:1], found.job) if path is not None]

    def goes_on() -> bool:
        row = standings([directory], ask_queues([directory]))[0]
        return row.state in ACTIVE

    spoken: Path | None = None
    for path, text in follow(files, goes_on):
        if path != spoken:
            typer.secho(f"==> {path} <==", bold=True)
            spoken = path
        for line in text.splitlines():
            typer.echo(plain(line, 4000))
