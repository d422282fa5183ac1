"""The commands of ``discover`` under one roof; modules here import nothing heavy at the top."""

from typing import Annotated

import typer

from discovery.cli import (
    cancel,
    candidates,
    cluster,
    collect,
    data,
    doctor,
    logs,
    predict,
    pseudos,
    report,
    retry,
    review,
    screen,
    status,
    topology,
    verdict,
    verify,
    work,
)

app = typer.Typer(
    name="discover",
    help="Find topological materials: screen crystals, judge candidates, verify them from first principles.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("xbert-discovery"))
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Find topological materials: screen crystals, judge candidates, verify them from first principles."""


app.command()(screen.screen)
app.command()(predict.predict)
app.add_typer(data.app, name="data")
app.command()(candidates.runs)
app.command("candidates")(candidates.candidates)
app.command()(candidates.show)
app.command("report")(report.report)
app.add_typer(review.app, name="review")
app.command()(topology.topology)
app.command()(verify.verify)
app.command()(status.status)
app.command()(logs.logs)
app.command()(retry.retry)
app.command()(cancel.cancel)
app.command()(collect.collect)
app.command()(verdict.verdict)
app.command()(work.work)
app.add_typer(cluster.app, name="cluster")
app.add_typer(pseudos.app, name="pseudos")
app.command()(doctor.doctor)


def main() -> None:
    """Entry point of ``discover``."""
    app()
