"""``xbert tasks``, ``finetune --task``, ``evaluate`` and ``predict``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xbert.cli_models import Model
from xbert.cli_options import Cache, Data, Device, Threads, Workers, data_directory, load_task, tell_refused
from xbert.terminal import bars, choose_device, command_line, refuse

if TYPE_CHECKING:
    import pyarrow as pa

    from xbert.tasks.learn import Settings
    from xbert.tasks.record import Protocol, Task


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (tasks, evaluate, predict):
        app.command()(command)


def tasks(
    task: Annotated[str | None, typer.Argument(help="Show the record of this task.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="Say which tasks have their files in this directory.")
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the dataset of a Matbench task into --data.")
    ] = False,
    plain: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List the tasks that come with XBERT, or show the record of one.

    Examples:

        $ xbert tasks

        $ xbert tasks topoA > mine.yaml

        $ xbert tasks matbench_jdft2d --data data --download
    """
    from rich.console import Console
    from rich.table import Table

    from xbert.tasks.record import RECORDS, TaskError, read_task, task_names

    try:
        if task is not None and download:
            from xbert.tasks.matminer import download as fetch

            if data is None:
                refuse("--download needs --data, the directory to put the dataset in", 2)
            typer.echo(str(fetch(read_task(task), data)))
            return
        if task is not None:
            record = read_task(task)
            path = RECORDS / f"{task}.yaml" if task in task_names() else Path(task)
            text = json.dumps(record.model_dump(mode="json"), indent=1) if plain else path.read_text("utf-8")
            typer.echo(text.rstrip())
            return
    except TaskError as error:
        refuse(str(error))
    records = [read_task(name) for name in task_names()]
    if plain:
        typer.echo(json.dumps([record.model_dump(mode="json") for record in records], indent=1))
        return
    table = Table(box=None)
    table.add_column("task", no_wrap=True)
    for heading in ("what", "target", "held out", *(["files"] if data else [])):
        table.add_column(heading)
    for record in records:
        target = ", ".join(record.target.classes) or record.target.unit or "–"
        by = record.protocol.by
        held_out = "as given" if by == "given" else f"{record.protocol.folds} folds, {by}"
        files = (record.structures.file, record.target.file)
        there = [] if data is None else ["yes" if all((data / name).exists() for name in files) else "no"]
        table.add_row(record.name, record.title, target, held_out, *there)
    Console().print(table)


def finetune_task(
    task: str,
    data: Path | None,
    output: Path,
    *,
    by: str | None,
    folds: int | None,
    only_fold: int | None,
    limit: int | None,
    cache: Path | None,
    settings: "Settings",
    device: str,
    workers: int,
    threads: int | None,
) -> None:
    """Train and score a task (``xbert finetune --task``)."""
    from xbert.tasks.record import TaskError
    from xbert.tasks.run import run

    chosen = choose_device(device, threads)
    try:
        with bars() as show:
            record, protocol, directory, crystals = load_task(
                task, data, by, folds, limit, cache or output / "cache", settings, workers, show
            )
            result = run(
                record,
                crystals,
                protocol,
                settings,
                output,
                directory,
                command_line(),
                only_fold,
                chosen,
                show,
            )
    except (TaskError, ValueError) as error:
        refuse(str(error))
    tell_refused(crystals)
    _print_scores(record, protocol, result)
    typer.echo(str(output / "scores.json"))


def evaluate(
    model: Model,
    task: Annotated[
        str | None, typer.Option(help="The task it was trained for; its own record if not given.")
    ] = None,
    data: Data = None,
    cache: Cache = None,
    device: Device = "auto",
    workers: Workers = 2,
    threads: Threads = None,
) -> None:
    """Score a model again on the crystals that were held out when it was trained.

    Example:

        $ xbert evaluate --model models/topoA/random/fold-0 --task topoA --data data
    """
    from xbert.models import require
    from xbert.tasks import model as models
    from xbert.tasks.data import load
    from xbert.tasks.files import to_json
    from xbert.tasks.record import Protocol, TaskError, read_task
    from xbert.tasks.run import score_again

    chosen = choose_device(device, threads)
    try:
        place = require(model, "property")
        network, description, record = models.load(place)
        if task is not None and read_task(task).name != record.name:
            refuse(f"{model} was trained for {record.name}, not for {read_task(task).name}")
        directory = data_directory(task or record.name, data)
        with bars() as show:
            protocol = Protocol.model_validate(description.protocol)
            vectors = getattr(getattr(network, "graph", None), "needs_vectors", False)
            kept = cache or _cache_beside(place)
            crystals = load(
                record, protocol, directory, kept, description.limit, vectors, workers,
                lambda done, total: show("features", done, total, ""),
            )  # fmt: skip
        scores = score_again(place, crystals, directory, chosen)
    except (TaskError, ValueError) as error:
        refuse(str(error))
    typer.echo(to_json(scores))


def predict(
    paths: Annotated[list[str], typer.Argument(help="Files, folders or globs of crystals.")],
    model: Model,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="File ending in .parquet, .csv or .jsonl.")
    ] = None,
    device: Device = "auto",
    workers: Workers = 2,
    threads: Threads = None,
) -> None:
    """Predict a property of any crystals with models of finetune --task.

    The model is a fold, or a protocol: then its folds are averaged, and their spread is the uncertainty. A
    crystal that cannot be read keeps its row, with the reason in ``error``.

    Example:

        $ xbert predict 'structures/*.cif' --model models/gap/formula -o gaps.csv
    """
    from xbert.models import require
    from xbert.tasks.apply import SUFFIXES, Ensemble, predict_files, write
    from xbert.tasks.record import TaskError

    if output and output.suffix not in SUFFIXES:
        refuse(f"cannot write {output}: the name must end in {', '.join(SUFFIXES)}", 2)
    chosen = choose_device(device, threads)
    try:
        ensemble = Ensemble.read(require(model, "property"), chosen)
        with bars() as show:
            table = predict_files(ensemble, paths, workers, lambda done: show("crystals", done, done, ""))
    except (TaskError, FileNotFoundError) as error:
        refuse(str(error))
    if output:
        write(table, output)
        typer.echo(str(output))
        return
    _print_table(table)


def _cache_beside(model: Path) -> Path:
    """Return where ``finetune -o DIR`` left features for ``DIR/PROTOCOL/fold-K``."""
    given = model.resolve().parents[1] / "cache"
    return given if given.is_dir() else model / "cache"


def _print_scores(task: "Task", protocol: "Protocol", result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    from xbert.tasks import card

    unit = f" ({task.target.unit})" if task.target.unit and task.kind == "regression" else ""
    table = Table(
        f"{task.name}, held out by {protocol.by}",
        *(f"fold {k}" for k in result["folds"]),
        "mean ± std",
        box=None,
    )
    for name in result["mean"]:
        values = [f"{fold[name]:.4g}" for fold in result["folds"].values()]
        table.add_row(card.label(name, unit), *values, card.number(result, name))
    Console().print(table)


def _print_table(table: "pa.Table") -> None:
    from rich.console import Console
    from rich.table import Table

    shown = Table(*table.column_names, box=None)
    for row in table.slice(0, 50).to_pylist():
        shown.add_row(
            *("–" if v is None else f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values())
        )
    Console().print(shown)
    if table.num_rows > 50:
        typer.echo(f"… and {table.num_rows - 50:,} more; -o FILE writes all")
