"""``xbert ablate`` and ``xbert curves``."""

from typing import Annotated

import typer

from xbert.cli_options import (
    BatchSize,
    By,
    Cache,
    Data,
    Device,
    Encoder,
    Epochs,
    Folds,
    Heads,
    Init,
    Layers,
    LearningRate,
    Limit,
    OnlyFold,
    Output,
    Seed,
    TaskName,
    Threads,
    Width,
    Workers,
    load_task,
    make_settings,
    tell_refused,
)
from xbert.terminal import bars, choose_device, command_line, refuse


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (ablate, curves):
        app.command()(command)


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
            record, protocol, directory, crystals = load_task(
                task, data, by, folds, limit, cache or output / "cache", settings, workers, show
            )
            work(
                record, crystals, protocol, settings, output, directory, command_line(), names, only_fold,
                chosen, show,
            )  # fmt: skip
    except (TaskError, ValueError) as error:
        refuse(str(error))
    tell_refused(crystals)
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
            record, protocol, directory, crystals = load_task(
                task, data, by, folds, limit, cache or output / "cache", settings, workers, show
            )
            work(record, crystals, protocol, settings, output, directory, command_line(), fold, chosen, show)
    except (TaskError, ValueError) as error:
        refuse(str(error))
    tell_refused(crystals)
    typer.echo(str(output / f"{CURVES}.png"))
