"""``discover cluster``: the file that says what a cluster is like."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import FAILED, USAGE, refuse

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster

app = typer.Typer(help="Say what a cluster is like, and check it.", no_args_is_help=True)


class BackendName(StrEnum):
    """Who keeps the queue."""

    slurm = "slurm"
    jobflow_remote = "jobflow-remote"


@app.command()
def init(
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            metavar="FILE",
            help="Where to write, - prints it; cluster.yaml, or ~/.jfremote/discover.yaml.",
            show_default=False,
        ),
    ] = None,
    backend: Annotated[BackendName, typer.Option(help="Who keeps the queue.")] = BackendName.slurm,
    cluster: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Cluster file from which a project of jobflow-remote is made.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a cluster file in which every key is explained, to be filled in.

    With --backend jobflow-remote, its project file, from the cluster file that is filled in already.

    Examples:

        discover cluster init

        discover cluster init -o ~/clusters/meggie.yaml

        discover cluster init --backend jobflow-remote
    """
    from importlib.resources import files

    if backend is BackendName.jobflow_remote:
        from discovery.submission.jobflow_remote_project import PROJECT, project_file

        output = output or Path.home() / ".jfremote" / f"{PROJECT}.yaml"
        text = project_file(_load(cluster)[0], name=PROJECT if str(output) == "-" else output.stem)
        then = "look at it, then `jf project check`"
    else:
        output = output or Path("cluster.yaml")
        text = (files("discovery.submission") / "templates" / "cluster.yaml").read_text(encoding="utf-8")
        then = "fill it in, then `discover cluster check`"
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        refuse(f"{output} exists", "Name another file with -o, or remove that one.", USAGE)
    except OSError as error:
        refuse(f"{output}: {error.strerror}", "Name another file with -o.", USAGE)
    typer.echo(f"{output}: {then}", err=True)


def _load(file: Path | None) -> "tuple[Cluster, Path, str]":
    from discovery.submission import SubmissionError
    from discovery.submission.cluster import load_cluster

    try:
        return load_cluster(file)
    except SubmissionError as error:
        refuse(error.reason, error.remedy, USAGE)


@app.command()
def check(
    cluster: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Cluster file; without it the one that is found.", show_default=False
        ),
    ] = None,
    ask: Annotated[bool, typer.Option("--ask/--no-ask", help="Ask SLURM about every kind of job.")] = True,
) -> None:
    """Read the cluster file, show what each step gets, and ask SLURM whether it would take such jobs.

    Nothing is submitted (sbatch --test-only). Exit status 1 where SLURM would refuse one or is not there.

    Examples:

        discover cluster check

        discover cluster check --cluster meggie.yaml --no-ask
    """
    found, path, _ = _load(cluster)
    typer.echo(f"{path}: {found.scheduler}, at most {found.max_jobs} jobs, MPI by {found.launcher!r}")
    if not _show(found, ask):
        raise typer.Exit(FAILED)


def _show(cluster: "Cluster", ask: bool) -> bool:
    """Print a table of resources and return whether SLURM would take them all."""
    from itertools import groupby

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from candidates.verification import STEPS
    from discovery.submission.check import ask_slurm

    table = Table(title="what steps get", title_justify="left")
    for heading in ("engine", "steps", "nodes", "ranks", "threads", "walltime", "else"):
        table.add_column(heading, overflow="fold")
    if ask:
        table.add_column("SLURM", overflow="fold")
    fine = True
    answers: dict[str, str] = {}
    for engine in ("espresso", "vasp"):
        for asked, members in groupby(STEPS, key=lambda step, e=engine: cluster.resources_of(step, e)):  # type: ignore[misc]
            named = {"partition": asked.partition, "account": asked.account, "qos": asked.qos}
            other = [f"{key} {value}" for key, value in named.items() if value]
            other += [f"memory {asked.memory}"] if asked.memory else []
            other += [*asked.modules, *asked.options]
            steps = [*members]
            span = steps[0] if len(steps) == 1 else f"{steps[0]} … {steps[-1]}"
            row = [engine, span, *map(str, (asked.nodes, asked.ranks, asked.threads))]
            row += [asked.walltime, ", ".join(other)]
            if ask:
                key = asked.model_dump_json()
                if key not in answers:
                    answers[key] = ask_slurm(asked, cluster)
                row.append(answers[key] or "would take it")
                fine &= not answers[key]
            table.add_row(*map(Text, row))
    Console().print(table)
    return fine
