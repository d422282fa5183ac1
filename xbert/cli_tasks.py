"""``xbert tasks``, ``evaluate``, ``ablate``, ``curves``, and ``finetune --task``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xbert.terminal import Show, bars, choose_device, command_line, refuse

if TYPE_CHECKING:
    from xbert.tasks.data import TaskData
    from xbert.tasks.learn import Settings
    from xbert.tasks.record import Protocol, Task

TaskName = Annotated[str, typer.Option("--task", help="Name of a task (xbert tasks), or a YAML file.")]
Data = Annotated[
    Path | None,
    typer.Option(help="Directory of the files that the task names; if not given, that of the YAML file."),
]
Output = Annotated[Path, typer.Option("-o", "--output", help="Directory of the results.")]
By = Annotated[str | None, typer.Option(help="random, formula or given; by the task if not given.")]
Folds = Annotated[int | None, typer.Option(min=2, help="Parts of a cross-validation.")]
OnlyFold = Annotated[int | None, typer.Option(min=0, help="Train this fold alone, counted from 0.")]
Limit = Annotated[int | None, typer.Option(min=4, help="At most so many crystals, drawn at random.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data.")]
BatchSize = Annotated[int | None, typer.Option(min=2, help="Crystals a batch.")]
LearningRate = Annotated[float | None, typer.Option(min=0.0, help="Peak learning rate.")]
Encoder = Annotated[str, typer.Option(help="Graph encoder.")]
Init = Annotated[
    Path | None, typer.Option(help="Start from this pretrained trunk or model.", exists=True, file_okay=False)
]
Ablate = Annotated[
    list[str],
    typer.Option(help="Take away: space group, elements, electrons, graph, token norm or transformer."),
]
Kind = Annotated[str, typer.Option("--model", help="xbert, or 'graph alone' for the encoder without tokens.")]
Width = Annotated[int | None, typer.Option(min=4, help="Length of a token.")]
Layers = Annotated[int | None, typer.Option(min=1, help="Layers of the transformer.")]
Heads = Annotated[int | None, typer.Option(min=1, help="Attention heads.")]
Seed = Annotated[int, typer.Option(help="Of weights and order.")]
Cache = Annotated[
    Path | None,
    typer.Option(help="Directory of computed features, which tasks may share; in -o if not given."),
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Workers = Annotated[int, typer.Option(min=1, help="Processes for graphs.")]
Threads = Annotated[int | None, typer.Option(min=1, help="Threads of torch.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (tasks, evaluate, ablate, curves):
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
            record, protocol, directory, crystals = _load(
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
    _tell_refused(crystals)
    _print_scores(record, protocol, result)
    typer.echo(str(output / "scores.json"))


def evaluate(
    model: Annotated[
        Path, typer.Argument(help="Directory of a model of finetune --task.", exists=True, file_okay=False)
    ],
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

        $ xbert evaluate models/topoA/random/fold-0 --task topoA --data data
    """
    from xbert.tasks import model as models
    from xbert.tasks.data import load
    from xbert.tasks.record import Protocol, TaskError, read_task
    from xbert.tasks.run import score_again

    chosen = choose_device(device, threads)
    try:
        network, description, record = models.load(model)
        if task is not None and read_task(task).name != record.name:
            refuse(f"{model} was trained for {record.name}, not for {read_task(task).name}")
        directory = _directory(task or record.name, data)
        with bars() as show:
            protocol = Protocol.model_validate(description.protocol)
            vectors = getattr(getattr(network, "graph", None), "needs_vectors", False)
            place = cache or _cache_beside(model)
            crystals = load(
                record, protocol, directory, place, description.limit, vectors, workers,
                lambda done, total: show("features", done, total, ""),
            )  # fmt: skip
        scores = score_again(model, crystals, directory, chosen)
    except (TaskError, ValueError) as error:
        refuse(str(error))
    typer.echo(json.dumps(scores, indent=1))


def ablate(
    task: TaskName,
    output: Output,
    data: Data = None,
    only: Annotated[
        list[str], typer.Option(help="Rows whose names hold this word; may be given again.")
    ] = [],  # noqa: B006
    by: By = None,
    folds: Folds = None,
    only_fold: OnlyFold = None,
    limit: Limit = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    encoder: Encoder = "cgcnn",
    init: Init = None,
    width: Width = None,
    layers: Layers = None,
    heads: Heads = None,
    seed: Seed = 0,
    cache: Cache = None,
    device: Device = "auto",
    workers: Workers = 2,
    threads: Threads = None,
) -> None:
    """Learn a task without each part of XBERT in turn, and write the table.

    Killed and started again with the same command, it goes on after the last finished epoch.

    Example:

        $ xbert ablate --task topoB --data data --only-fold 0 -o ablation
    """
    from xbert.tasks.ablation import TABLE, variants
    from xbert.tasks.ablation import ablate as work
    from xbert.tasks.record import TaskError

    settings = make_settings(
        "xbert", encoder, [], init, epochs, batch_size, learning_rate, limit, width, layers, heads, seed
    )
    chosen = choose_device(device, threads)
    try:
        names = variants(only)
        with bars() as show:
            record, protocol, directory, crystals = _load(
                task, data, by, folds, limit, cache or output / "cache", settings, workers, show
            )
            work(
                record, crystals, protocol, settings, output, directory, command_line(), names, only_fold,
                chosen, show,
            )  # fmt: skip
    except (TaskError, ValueError) as error:
        refuse(str(error))
    _tell_refused(crystals)
    typer.echo((output / f"{TABLE}.md").read_text(encoding="utf-8"))


def curves(
    task: TaskName,
    output: Output,
    data: Data = None,
    by: By = None,
    folds: Folds = None,
    fold: Annotated[int, typer.Option(min=0, help="The fold that is held out.")] = 0,
    limit: Limit = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    learning_rate: LearningRate = None,
    encoder: Encoder = "cgcnn",
    init: Init = None,
    width: Width = None,
    layers: Layers = None,
    heads: Heads = None,
    seed: Seed = 0,
    cache: Cache = None,
    device: Device = "auto",
    workers: Workers = 2,
    threads: Threads = None,
) -> None:
    """Draw how fast pretrained XBERT (--init), XBERT from scratch and the graph encoder alone learn a task.

    Example:

        $ xbert curves --task megnet-e-form --data data --init trunk -o curves
    """
    from xbert.tasks.curves import CURVES
    from xbert.tasks.curves import curves as work
    from xbert.tasks.record import TaskError

    settings = make_settings(
        "xbert", encoder, [], init, epochs, batch_size, learning_rate, limit, width, layers, heads, seed
    )
    chosen = choose_device(device, threads)
    try:
        with bars() as show:
            record, protocol, directory, crystals = _load(
                task, data, by, folds, limit, cache or output / "cache", settings, workers, show
            )
            work(record, crystals, protocol, settings, output, directory, command_line(), fold, chosen, show)
    except (TaskError, ValueError) as error:
        refuse(str(error))
    _tell_refused(crystals)
    typer.echo(str(output / f"{CURVES}.png"))


def make_settings(
    kind: str,
    encoder: str,
    ablated: list[str],
    init: Path | None,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    limit: int | None,
    width: int | None,
    layers: int | None,
    heads: int | None,
    seed: int,
) -> "Settings":
    """Gather what the options say; leaves the command where they do not fit each other."""
    from xbert.gnn import ENCODERS
    from xbert.model import KINDS, XBERTConfig
    from xbert.tasks.learn import Settings

    if kind not in KINDS:
        refuse(f"no model {kind!r}; there are {', '.join(KINDS)}", 2)
    if encoder not in ENCODERS:
        refuse(f"no graph encoder {encoder!r}; there are {', '.join(ENCODERS)}", 2)
    architecture: dict[str, Any] = {"encoder": encoder, "ablated": tuple(ablated)}
    given = {"width": width, "layers": layers, "heads": heads}
    architecture |= {name: value for name, value in given.items() if value is not None}
    try:
        config = XBERTConfig(**architecture)
    except ValueError as error:
        refuse(str(error), 2)
    if config.width % config.heads:
        refuse(f"--width {config.width} is not a multiple of --heads {config.heads}", 2)
    return Settings(kind, architecture, init, epochs, batch_size, learning_rate, seed, limit)


def _load(
    name: str,
    data: Path | None,
    by: str | None,
    folds: int | None,
    limit: int | None,
    cache: Path,
    settings: "Settings",
    workers: int,
    show: Show,
) -> "tuple[Task, Protocol, Path, TaskData]":
    from xbert.model import KINDS, XBERTConfig
    from xbert.tasks.data import load
    from xbert.tasks.record import choose_protocol, read_task

    record = read_task(name)
    protocol = choose_protocol(record, by, folds)
    directory = _directory(name, data)
    sample = KINDS[settings.kind](XBERTConfig(**settings.architecture))
    vectors = getattr(getattr(sample, "graph", None), "needs_vectors", False)
    crystals = load(
        record,
        protocol,
        directory,
        cache,
        limit,
        vectors,
        workers,
        lambda done, total: show("features", done, total, ""),
    )
    return record, protocol, directory, crystals


def _directory(name: str, data: Path | None) -> Path:
    from xbert.tasks.record import TaskError, task_names

    if data is not None:
        return data
    if name in task_names():
        raise TaskError(f"the task {name} needs --data, the directory of its files (xbert tasks {name})")
    return Path(name).parent


def _cache_beside(model: Path) -> Path:
    """Return where ``finetune -o DIR`` left features for ``DIR/PROTOCOL/fold-K``."""
    given = model.resolve().parents[1] / "cache"
    return given if given.is_dir() else model / "cache"


def _tell_refused(crystals: "TaskData") -> None:
    if not crystals.refused:
        return
    id_, why = next(iter(crystals.refused.items()))
    typer.secho(f"{len(crystals.refused):,} crystals with a target left out, {id_} first: {why}", err=True)


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
