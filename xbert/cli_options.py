"""Options that the commands over tasks share, and what they make of them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xbert.terminal import Show, refuse

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
        refuse(f"no network {kind!r}; there are {', '.join(KINDS)}", 2)
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


def load_task(
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
    """Read a task, how it is held out, the directory of its data and its crystals.

    Raises:
        TaskError: naming the file and what is wrong in it.
    """
    from xbert.model import KINDS, XBERTConfig
    from xbert.tasks.data import load
    from xbert.tasks.record import choose_protocol, read_task

    record = read_task(name)
    protocol = choose_protocol(record, by, folds)
    directory = data_directory(name, data)
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


def data_directory(name: str, data: Path | None) -> Path:
    """Return where the files of a task are: ``data``, else the directory of its YAML file.

    Raises:
        TaskError: for a task of the package without ``data``.
    """
    from xbert.tasks.record import TaskError, task_names

    if data is not None:
        return data
    if name in task_names():
        raise TaskError(f"the task {name} needs --data, the directory of its files (xbert tasks {name})")
    return Path(name).parent


def tell_refused(crystals: "TaskData") -> None:
    """Say on standard error how many crystals were left out, and why the first of them."""
    if not crystals.refused:
        return
    id_, why = next(iter(crystals.refused.items()))
    typer.secho(f"{len(crystals.refused):,} crystals with a target left out, {id_} first: {why}", err=True)
