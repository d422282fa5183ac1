"""``discover status``: where verifications stand."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import FAILED, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from discovery.submission.standing import Standing

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID",
        help="Candidate ids, their beginnings, or folders; all without any.",
        show_default=False,
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--root",
        metavar="DIR",
        help="Folder of all verifications; DISCOVER_VERIFICATIONS, or verifications.",
        show_default=False,
    ),
]


def status(
    ids: Ids = None,
    root: Root = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again until nothing waits or runs; Ctrl-C ends it.")
    ] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks of --watch.")] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> None:
    """Show where verifications stand: step, state, job, time, what is wrong.

    Jobs that wait here for room in SLURM's queue are sent if there is some by now. Exit status 1 where a
    candidate is lost or damaged; a failed one has been verified as far as it goes.

    \b
    Examples:
      discover status
      discover status 9d3bd41f 5e0c
      discover status --watch
      discover status --json | jq -r '.[] | select(.state == "lost") | .candidate'
    """
    place = folder(root)
    rows = look(place, ids or [])
    if send_held(place, rows):
        rows = look(place, ids or [])
    if as_json:
        import json
        from dataclasses import asdict

        typer.echo(json.dumps([asdict(row) for row in rows], indent=2, ensure_ascii=False))
    elif not rows:
        refuse(
            f"no verification in {place}",
            "`discover verify ID --submit …` begins one.",
        )
    else:
        from discovery.cli.status_tables import print_standings, watch_standings

        if watch:
            rows = watch_standings(rows, lambda: look(place, ids or []), every)
        else:
            print_standings(rows)
    if any(row.state in ("lost", "damaged") for row in rows):
        raise typer.Exit(FAILED)


def folder(root: Path | None) -> Path:
    """Return the folder of all verifications."""
    from discovery.settings import get_settings

    return root or get_settings().verifications


def look(root: Path, ids: list[str]) -> list["Standing"]:
    """Return where verifications stand, with the queue asked once, or leave with a refusal."""
    from discovery.submission import SubmissionError
    from discovery.submission.queues import ask_queues
    from discovery.submission.status import find_directories, standings

    try:
        directories = find_directories(root, ids)
    except SubmissionError as error:
        refuse(error.reason, error.remedy)
    asked = ask_queues(directories)
    for line in asked.silent:
        typer.secho(line, fg="yellow", err=True)
    return standings(directories, asked)


def send_held(root: Path, rows: "Sequence[Standing]") -> bool:
    """Send jobs that were held for want of room, should there be any, and return whether some were sent."""
    from discovery.submission import SubmissionError
    from discovery.submission.sending import top_up

    if not any(row.state == "held" and row.backend == "slurm" for row in rows):
        return False
    try:
        report = top_up(root)
    except SubmissionError:  # the queue is silent, which has been said, or the folder is another one's
        return False
    if report.refused:
        typer.secho(report.refused, fg="yellow", err=True)
    if report.sent:
        typer.echo(f"sent {len(report.sent)} that waited for room in the queue", err=True)
    return bool(report.sent)
