"""``xbert explain``."""

import json
from pathlib import Path
from typing import Annotated

import typer

from xbert.cli_models import Model
from xbert.cli_options import Cache, Data, Device, Threads, Workers
from xbert.terminal import bars, choose_device, command_line, refuse


def add_to(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(explain)


def explain(
    model: Model,
    output: Annotated[Path, typer.Option("-o", "--output", help="Directory of the results.")],
    data: Data = None,
    structures: Annotated[
        Path | None,
        typer.Option(help="Topology model: crystal table (Parquet).", exists=True, dir_okay=False),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Topology model: its labels (Parquet).", exists=True, dir_okay=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=4, help="At most so many crystals, drawn at random.")
    ] = None,
    sample: Annotated[
        int, typer.Option(min=2, help="Crystals of which each token is blotted out in turn.")
    ] = 200,
    cache: Cache = None,
    device: Device = "auto",
    workers: Workers = 2,
    threads: Threads = None,
) -> None:
    """Say what a model reads from which token.

    Writes explain.json, attributions.csv and three pictures: the value of the space group beside what the
    labels say of each group, the same as a table of the 230 groups, and the share of each token. Of an
    ensemble the first network is taken. A model of one layer with one head says it most plainly:

    Examples:

        $ xbert finetune --task topoA --data data --layers 1 --heads 1 --only-fold 0 -o models/plain

        $ xbert explain --model models/plain/random/fold-0 --data data -o explained

        $ xbert explain --model benchmark --structures mp_structures.parquet \\
              --labels topology_labels.parquet -o explained
    """
    from xbert.checkpoint import CheckpointError
    from xbert.explain_run import of_task, of_topology_model, run
    from xbert.models import require
    from xbert.tasks.record import TaskError

    if (structures is None) != (labels is None) or (structures is None) == (data is None):
        refuse(
            "give --data DIR for a model of finetune --task, --structures and --labels for a topology model",
            2,
        )
    chosen = choose_device(device, threads)
    place = cache or output / "cache"
    try:
        with bars() as show:
            if structures is not None and labels is not None:
                subject = of_topology_model(model, structures, labels, place, limit, workers, chosen, show)
            else:
                assert data is not None  # refused above
                subject = of_task(require(model, "property"), data, place, limit, workers, chosen, show)
        result = run(subject, output, sample, command_line(), chosen)
    except (TaskError, CheckpointError, ValueError) as error:
        refuse(str(error))
    told = {
        name: result.get(name)
        for name in ("model", "crystals", "rank_correlation", "weight_mass", "occlusion")
    }
    typer.echo(json.dumps({"output": str(output), **told}, indent=1))
