"""The ``xbert`` command: train and score models."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xbert import cli_explain, cli_models, cli_pretrain, cli_tables, cli_tasks

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
    crystal_system = "crystal-system"


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
    output: Annotated[Path, typer.Option("-o", "--output", help="Directory of the model.")],
    task: Annotated[
        str | None, typer.Option(help="Name of a task (xbert tasks), or a YAML file; else a topology model.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="With --task: directory of the files that the task names.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(help="With --task: random, formula or given; by the task if not given.")
    ] = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="With --task: parts of a cross-validation.")
    ] = None,
    only_fold: Annotated[
        int | None, typer.Option(min=0, help="With --task: this fold alone, from 0.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=4, help="With --task: at most so many crystals, drawn at random.")
    ] = None,
    encoder: Annotated[str, typer.Option(help="With --task: graph encoder.")] = "cgcnn",
    init: Annotated[
        Path | None,
        typer.Option(help="Start from this trunk or model.", exists=True, file_okay=False),
    ] = None,
    ablate: Annotated[
        list[str],
        typer.Option(
            help="With --task: take away space group, elements, electrons, graph, token norm or transformer."
        ),
    ] = [],  # noqa: B006
    network: Annotated[
        str, typer.Option(help="With --task: xbert, or 'graph alone' for the encoder without tokens.")
    ] = "xbert",
    width: Annotated[int | None, typer.Option(min=4, help="With --task: length of a token.")] = None,
    layers: Annotated[int | None, typer.Option(min=1, help="With --task: layers of the transformer.")] = None,
    heads: Annotated[int | None, typer.Option(min=1, help="With --task: attention heads.")] = None,
    seed: Annotated[int, typer.Option(help="With --task: of weights and order.")] = 0,
    cache: Annotated[
        Path | None, typer.Option(help="Directory of computed features; in -o if not given.")
    ] = None,
    structures: Annotated[
        Path | None,
        typer.Option(help="Topology model: crystal table (Parquet).", exists=True, dir_okay=False),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="Topology model: its labels (Parquet).", exists=True, dir_okay=False),
    ] = None,
    properties: Annotated[
        Path | None,
        typer.Option(
            help="Topology model: band gaps and formation energies, learned beside (Parquet).",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    scaling: Annotated[
        Path | None,
        typer.Option(
            help="Topology model: scaling.json that --split crystal-system wrote, for groups without labels.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    question: Annotated[
        Question, typer.Option(help="Topology model: what it is asked.")
    ] = Question.discovery,
    split: Annotated[
        SplitBy, typer.Option(help="Topology model: what is held out for scoring.")
    ] = SplitBy.formula,
    members: Annotated[
        int | None, typer.Option(min=1, help="Topology model: networks in the ensemble.")
    ] = None,
    words: Annotated[
        Words | None,
        typer.Option(help="Topology model: space-group words it is told; by the question if not given."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the data.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Crystals a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Peak learning rate.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes for graphs.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch.")] = None,
) -> None:
    """Learn a task (--task), or train a topology model (--structures, --labels), and score it.

    A task is a property to learn: one of ``xbert tasks``, or a YAML file of your own. The topology models are
    the ensembles that ``discover`` uses. Both are written with a card. Killed and started again with the same
    command, the training goes on after the last finished epoch.

    Examples:

        $ xbert finetune --task megnet-gap --data data -o models/gap

        $ xbert finetune --task topoA --data data --by formula --only-fold 0 -o models/topoA

        $ xbert finetune --structures mp_structures.parquet --labels topology_labels.parquet \\
              --properties mp_properties.parquet --init trunk --split folds -o models/mine
    """
    from xbert.cli_options import make_settings
    from xbert.terminal import refuse

    if task is not None:
        if structures or labels:
            refuse("--task names its own files: leave out --structures and --labels", 2)
        cli_tasks.finetune_task(
            task,
            data,
            output,
            by=by,
            folds=folds,
            only_fold=only_fold,
            limit=limit,
            cache=cache,
            settings=make_settings(
                network,
                encoder,
                ablate,
                init,
                epochs,
                batch_size,
                learning_rate,
                limit,
                width,
                layers,
                heads,
                seed,
            ),
            device=device,
            workers=workers,
            threads=threads,
        )
        return
    if structures is None or labels is None:
        refuse("give --task NAME, or --structures and --labels for a topology model", 2)
    _finetune_topology(
        structures,
        labels,
        output,
        question,
        split,
        epochs,
        batch_size,
        learning_rate,
        members,
        words,
        properties,
        init,
        scaling,
        cache,
        device,
        workers,
        threads,
    )


def _finetune_topology(
    structures: Path,
    labels: Path,
    output: Path,
    question: Question,
    split: SplitBy,
    epochs: int | None,
    batch_size: int | None,
    learning_rate: float | None,
    members: int | None,
    words: Words | None,
    properties: Path | None,
    init: Path | None,
    scaling: Path | None,
    cache: Path | None,
    device: str,
    workers: int,
    threads: int | None,
) -> None:
    import json
    from dataclasses import replace

    from xbert.terminal import bars, choose_device, command_line
    from xbert.training.data import load_labelled
    from xbert.training.recipes import RECIPES, WORDS
    from xbert.training.run import run

    chosen = choose_device(device, threads)
    recipe = RECIPES[question.value].with_schedule(
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
    )
    if members:
        recipe = replace(recipe, members=members)
    if words:
        recipe = replace(recipe, architecture=recipe.architecture | {"known_words": WORDS[words.value]})
    with bars() as show:
        data = load_labelled(
            structures,
            labels,
            cache or output / "cache",
            workers,
            lambda done, total: show("graphs", done, total, ""),
            properties=properties,
        )
        for id_, reason in data.refused.items():
            typer.echo(f"left out {id_}: {reason}", err=True)
        scores = run(
            recipe,
            data,
            split.value,
            output,
            command_line(),
            chosen,
            lambda what, step, total, loss: show(what, step, total, f"loss {loss:.3f}"),
            init,
            json.loads(scaling.read_text(encoding="utf-8")) if scaling else None,
        )
    typer.echo(json.dumps(scores, indent=1))


@app.command()
def card(
    model: Annotated[Path, typer.Argument(help="Directory of a model.", exists=True, file_okay=False)],
    add: Annotated[
        list[str], typer.Option(help="NAME=FILE: scores.json of another split, under a heading.")
    ] = [],  # noqa: B006
) -> None:
    """Write a model's card and its calibration plot again, with the scores of further splits.

    Example:

        $ xbert card models/discovery --add 'Transfer=models/discovery-transfer/scores.json'
    """
    import json

    from xbert.checkpoint import CheckpointError, read_description
    from xbert.terminal import refuse
    from xbert.training.report import revise
    from xbert.training.run import add_scores

    try:
        revise(model, read_description(model))
    except CheckpointError as error:
        refuse(str(error))
    for entry in add:
        name, found, file = entry.partition("=")
        if not found or not Path(file).is_file():
            raise typer.BadParameter(f"{entry!r} is not NAME=FILE of an existing file")
        add_scores(model, name, json.loads(Path(file).read_text(encoding="utf-8")))
    typer.echo(str(model / "README.md"))


cli_tasks.add_to(app)
cli_tables.add_to(app)
cli_pretrain.add_to(app)
cli_explain.add_to(app)
cli_models.add_to(app)


def main() -> None:
    """Entry point."""
    app()
