"""The ``xbert`` command: train and score models."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xbert import cli_pretrain

app = typer.Typer(
    name="xbert",
    help="Train, score and describe XBERT models.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)


class Question(StrEnum):
    """Which of the two questions the model is to answer."""

    benchmark = "benchmark"
    discovery = "discovery"


class SplitBy(StrEnum):
    """What is held out."""

    formula = "formula"
    random = "random"
    folds = "folds"
    transfer = "transfer"


class Words(StrEnum):
    """Which space-group words the model is told."""

    all = "all"
    shared = "shared"
    none = "none"


@app.callback()
def _main() -> None:
    """Train, score and describe XBERT models."""


@app.command()
def finetune(
    structures: Annotated[Path, typer.Option(help="Crystal table (Parquet).", exists=True, dir_okay=False)],
    labels: Annotated[Path, typer.Option(help="Topology labels (Parquet).", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Directory of the model.")],
    question: Annotated[Question, typer.Option(help="What the model is asked.")] = Question.discovery,
    split: Annotated[SplitBy, typer.Option(help="What is held out for scoring.")] = SplitBy.formula,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Crystals a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Peak learning rate.")] = None,
    members: Annotated[int | None, typer.Option(min=1, help="Networks in the ensemble.")] = None,
    words: Annotated[
        Words | None, typer.Option(help="Space-group words the model is told; by the question if not given.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes for graphs.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch.")] = None,
) -> None:
    """Train a topology model, score it on what it never saw, and write it with its model card.

    Killed and started again with the same command, it goes on after the last finished epoch.

    Example:

        $ xbert finetune --structures mp_structures.parquet --labels topology_labels.parquet \\
              --question benchmark --split formula -o models/benchmark
    """
    import json
    from dataclasses import replace

    import torch
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    from xbert.training.data import load_labelled
    from xbert.training.recipes import RECIPES, WORDS
    from xbert.training.run import run

    if threads:
        torch.set_num_threads(threads)
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    recipe = RECIPES[question.value].with_schedule(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
    )
    if members:
        recipe = replace(recipe, members=members)
    if words:
        recipe = replace(recipe, architecture=recipe.architecture | {"known_words": WORDS[words.value]})
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int, note: str) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total, note="")
            progress.update(tasks[what], completed=done, total=total, note=note)

        data = load_labelled(
            structures, labels, output / "cache", workers, lambda done, total: show("graphs", done, total, "")
        )
        for id_, reason in data.refused.items():
            console.print(f"left out {id_}: {reason}", markup=False)
        scores = run(
            recipe,
            data,
            split.value,
            output,
            shlex.join(["xbert", *sys.argv[1:]]),
            chosen,
            lambda what, step, total, loss: show(what, step, total, f"loss {loss:.3f}"),
        )
    typer.echo(json.dumps(scores, indent=1))


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="Directory of a model.", exists=True, file_okay=False)],
    add: Annotated[
        list[str], typer.Option(help="NAME=FILE: scores.json of another split, under a heading.")
    ] = [],  # noqa: B006
) -> None:
    """Write a model's card again, with the scores of further splits.

    Example:

        $ xbert card models/discovery --add 'Transfer=models/discovery-transfer/scores.json'
    """
    import json

    from xbert.training.run import add_scores

    for entry in add:
        name, found, file = entry.partition("=")
        if not found or not Path(file).is_file():
            raise typer.BadParameter(f"{entry!r} is not NAME=FILE of an existing file")
        add_scores(model, name, json.loads(Path(file).read_text(encoding="utf-8")))
    typer.echo(str(model / "README.md"))


cli_pretrain.add_to(app)


def main() -> None:
    """Entry point."""
    app()
