"""``xbert pretrain`` and ``xbert embed``."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xbert.cli_models import Model
from xbert.terminal import bars, choose_device, command_line, refuse

if TYPE_CHECKING:
    from xbert.model import XBERT
    from xbert.training.corpus import Corpus


class Encoder(StrEnum):
    """Graph encoders."""

    cgcnn = "cgcnn"
    alignn = "alignn"


class PublishedSplit(StrEnum):
    """Splits that a table of properties names."""

    megnet = "megnet"
    mp20 = "mp20"
    mpts52 = "mpts52"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(pretrain)
    app.command()(embed)


def pretrain(
    structures: Annotated[Path, typer.Option(help="Crystal table (Parquet).", exists=True, dir_okay=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="Directory of the trunk.")],
    properties: Annotated[
        Path | None,
        typer.Option(
            help="Table of band gaps and formation energies by id (Parquet).", exists=True, dir_okay=False
        ),
    ] = None,
    exclude_formulas_of: Annotated[
        Path | None,
        typer.Option(
            help="Table of topology labels (Parquet): their formulas give no properties.",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    keep_apart: Annotated[
        list[PublishedSplit],
        typer.Option(help="Validation and test crystals of this published split give no properties."),
    ] = list(PublishedSplit),  # noqa: B006
    epochs: Annotated[int, typer.Option(min=1, help="Epochs.")] = 10,
    epoch_size: Annotated[
        int | None, typer.Option(min=1, help="Crystals of an epoch, drawn anew for each; all if not given.")
    ] = None,
    largest: Annotated[
        int | None, typer.Option(min=1, help="Learn from primitive cells of at most so many atoms.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=2, help="Crystals a batch.")] = 64,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 4e-4,
    width: Annotated[int, typer.Option(min=8, help="Length of a token.")] = 256,
    layers: Annotated[int, typer.Option(min=1, help="Layers of the transformer.")] = 5,
    heads: Annotated[int, typer.Option(min=1, help="Attention heads.")] = 4,
    graph_width: Annotated[int, typer.Option(min=4, help="Length of an atom's vector.")] = 64,
    graph_layers: Annotated[int, typer.Option(min=1, help="Graph convolutions.")] = 3,
    encoder: Annotated[Encoder, typer.Option(help="Graph encoder.")] = Encoder.cgcnn,
    word_dropout: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of crystals whose space-group words are masked.")
    ] = 0.0,
    true_share: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Share that keeps true distances and learns properties alone, half if there are properties; "
            "at 1 there is no lattice task, and crystals without a property are left out.",
        ),
    ] = None,
    wider: Annotated[
        bool,
        typer.Option(
            "--wider", help="For topology models: ninth token, two poolings, a share of words dropped."
        ),
    ] = False,
    limit: Annotated[int | None, typer.Option(min=2, help="So many crystals, drawn at random.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Directory of computed features; in -o if not given.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="Draw crystal vectors by t-SNE into this PNG or SVG at the end.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes for graphs.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch.")] = None,
    seed: Annotated[int, typer.Option(help="Of weights, order and dropout.")] = 0,
) -> None:
    """Pretrain a trunk on crystals without labels: it predicts the six lattice parameters of each.

    The encoder sees crystals without their length scale. Killed and started again with the same command,
    it goes on after the last finished epoch; features that were computed are kept.

    Examples:

        $ xbert pretrain --structures mp_structures.parquet -o trunk

        $ xbert pretrain --structures mp_structures.parquet --properties mp_properties.parquet \\
              --exclude-formulas-of topology_labels.parquet --epochs 20 -o trunk --picture tsne.png

        $ xbert pretrain --structures mp_structures.parquet --properties mp_properties.parquet \\
              --exclude-formulas-of topology_labels.parquet --true-share 1 --wider --epochs 8 -o trunk
    """
    from xbert.training.pretrain import PretrainingPlan
    from xbert.training.pretrain_run import run
    from xbert.training.recipes import TRUNK

    if true_share == 1.0 and not properties:
        refuse("--true-share 1 learns properties alone, but there are none: give --properties FILE too", 2)
    if exclude_formulas_of and not properties:
        refuse("--exclude-formulas-of hides properties, but there are none: give --properties FILE too", 2)
    if width % heads:
        refuse(f"--width {width} is not a multiple of --heads {heads}: change one of them", 2)
    chosen = choose_device(device, threads)
    plan = PretrainingPlan(
        architecture={
            "width": width,
            "layers": layers,
            "heads": heads,
            "graph_width": graph_width,
            "graph_layers": graph_layers,
            "word_dropout": word_dropout,
        }
        | ({} if encoder == Encoder.cgcnn else {"encoder": encoder.value})
        | (TRUNK if wider else {}),
        schedule={"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate, "seed": seed},
        true_share=(0.5 if properties else 0.0) if true_share is None else true_share,
        epoch_size=epoch_size,
        largest=largest,
    )
    command = command_line()
    try:
        with bars() as show:
            model, corpus, result = run(
                plan,
                structures,
                output,
                command,
                properties,
                exclude_formulas_of,
                [split.value for split in keep_apart],
                cache,
                limit,
                workers,
                chosen,
                show,
            )
        if picture:
            result["picture"] = _map(model, corpus, picture, "pretrained", chosen, seed)
    except ValueError as error:
        refuse(str(error))
    typer.echo(json.dumps({"trunk": str(output), **result}, indent=1))


def embed(
    model: Model,
    structures: Annotated[Path, typer.Option(help="Crystal table (Parquet).", exists=True, dir_okay=False)],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="Vectors by id (Parquet).", dir_okay=False),
    ] = None,
    tsne: Annotated[
        Path | None, typer.Option(help="Draw them by t-SNE, coloured by crystal system (PNG, SVG or PDF).")
    ] = None,
    without_words: Annotated[
        bool, typer.Option("--without-words", help="Mask the space-group words.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=4, help="So many crystals, drawn at random.")] = 5_000,
    cache: Annotated[Path | None, typer.Option(help="Directory of computed features.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, help="Processes for graphs.")] = 2,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of torch.")] = None,
    seed: Annotated[int, typer.Option(help="Of t-SNE.")] = 0,
) -> None:
    """Write the crystal feature vectors of a model, and draw which crystals lie together.

    Of an ensemble the first network is taken. A trunk sees crystals without their length scale, as in
    pretraining.

    Example:

        $ xbert embed --model trunk --structures mp_structures.parquet -o vectors.parquet --tsne map.png
    """
    from tempfile import TemporaryDirectory

    from xbert.checkpoint import CheckpointError
    from xbert.training.corpus import read_corpus

    if not (output or tsne):
        refuse("nothing to write: give -o FILE for the vectors, --tsne FILE for the picture", 2)
    chosen = choose_device(device, threads)
    try:
        network, is_trunk = _network(model, chosen)
        vectors = getattr(network.graph, "needs_vectors", False)
        with TemporaryDirectory() as scratch, bars() as show:
            corpus = read_corpus(
                structures,
                cache or Path(scratch),
                workers,
                limit,
                vectors,
                lambda done, total: show("features", done, total, ""),
            )
        result: dict[str, Any] = {"crystals": len(corpus), "refused": len(corpus.refused)}
        if output:
            _write_vectors(network, corpus, output, is_trunk, not without_words, chosen)
            result["vectors"] = str(output)
        if tsne:
            result["picture"] = _map(network, corpus, tsne, model, chosen, seed, is_trunk, not without_words)
    except (ValueError, CheckpointError) as error:
        refuse(str(error))
    typer.echo(json.dumps(result, indent=1))


def _network(model: str, device: str) -> "tuple[XBERT, bool]":
    from xbert.checkpoint import load_model, locate
    from xbert.models import directory_of, kind_of
    from xbert.trunk import read_trunk

    directory = directory_of(model)
    if kind_of(directory) == "trunk":
        return read_trunk(directory)[0].to(device), True
    return load_model(locate(model))[0][0].to(device), False


def _write_vectors(
    model: "XBERT", corpus: "Corpus", path: Path, scaled: bool, words: bool, device: str
) -> None:
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from xbert.maps import crystal_vectors

    vectors = crystal_vectors(model, corpus.features, scaled, words, device)
    flat = pa.array(np.ascontiguousarray(vectors).reshape(-1))
    table = {
        "id": corpus.ids,
        "formula": corpus.formulas,
        "spacegroup": corpus.features.spacegroup,
        "vector": pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), path, compression="zstd")


def _map(
    model: "XBERT",
    corpus: "Corpus",
    path: Path,
    title: str,
    device: str,
    seed: int,
    scaled: bool = True,
    words: bool = True,
) -> dict[str, Any]:
    import numpy as np

    from xbert.maps import NEAREST, crystal_systems, crystal_vectors, draw_map, purity, tsne

    rows = np.random.default_rng(seed).permutation(len(corpus))[:5_000]
    features = corpus.features.take(np.sort(rows))
    vectors = {told: crystal_vectors(model, features, scaled, told, device) for told in (True, False)}
    systems = crystal_systems(features.spacegroup)
    shares = {told: purity(each, systems) for told, each in vectors.items()}
    title += "" if words else ", without space-group words"
    draw_map(tsne(vectors[words], seed), systems, path, f"{len(rows):,} crystals, {title}")
    return {
        "file": str(path),
        f"same_system_among_{NEAREST}_nearest": round(shares[True][0], 3),
        "without_words": round(shares[False][0], 3),
        "by_chance": round(shares[True][1], 3),
    }
