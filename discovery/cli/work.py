"""``discover work``: what jobs in a queue call."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import FAILED, INTERRUPTED, refuse

if TYPE_CHECKING:
    from discovery.verification.local import Event

UNFINISHED = 3
"""Exit status of a job whose time is over before its steps are."""


def work(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a candidate's verification.")],
    steps: Annotated[
        str | None,
        typer.Option(metavar="A,B,…", help="Steps to run; all of them without it.", show_default=False),
    ] = None,
    until: Annotated[
        float | None,
        typer.Option(help="Seconds since 1970 at which no program may run any more.", show_default=False),
    ] = None,
    ranks: Annotated[
        int | None, typer.Option(min=1, help="MPI ranks instead of those asked for.", show_default=False)
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads instead of those asked for.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
) -> None:
    """Run steps of a verification that `discover verify --submit` has written down.

    This is what jobs in a queue call; it is of use by hand where one of them is to be looked into. Steps
    that are finished are kept. Exit status 0 when every step has ended, well or not; 3 when the time was
    over first: then the same command goes on, and a job in a queue has sent its successor already.

    Examples:

        discover work verifications/9d3bd41f5e0c

        discover work verifications/9d3bd41f5e0c --steps wannier,topology,verdict
    """
    from discovery.submission.work import work as run
    from discovery.verification.collect import read_request
    from discovery.verification.engines import StepError
    from discovery.verification.order import planned_steps

    try:
        wanted = steps.split(",") if steps is not None else planned_steps(read_request(directory))
        tell = _print_json if as_json else _print
        worked = run(directory, wanted, until, ranks, threads, tell, say=_say)
    except StepError as error:
        refuse(error.reason, error.remedy)
    except OSError as error:
        refuse(f"{error.filename or directory}: {error.strerror}", "Look at the disk.", FAILED)
    except KeyboardInterrupt:
        refuse("interrupted; finished steps are kept", "The same command goes on from there.", INTERRUPTED)
    if worked.ending == "idle":
        _say(f"nothing to do: {worked.reason}")
    if worked.ending == "walltime":
        _say(f"the time is over; job {worked.again} goes on" if worked.again else "the time is over")
        raise typer.Exit(UNFINISHED)


def _print(event: "Event") -> None:
    time = "kept" if event.kept else "" if event.seconds is None else f"{event.seconds:.1f} s"
    _say("  ".join(part for part in (f"{event.step:<14}", f"{event.state:<8}", time, event.reason) if part))


def _print_json(event: "Event") -> None:
    import json
    from dataclasses import asdict

    typer.echo(json.dumps(asdict(event)))


def _say(text: str) -> None:
    from datetime import datetime

    typer.echo(f"{datetime.now():%Y-%m-%d %H:%M:%S}  {text}", err=True)
