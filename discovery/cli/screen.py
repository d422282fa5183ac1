"""``discover screen``: from a database to a ranked list of candidates and a report."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from discovery.cli.console import INTERRUPTED, USAGE, default_workers, progress, refuse
from discovery.cli.error_rate import ERROR_RATE, ErrorRate
from xbert.cli_models import Model

if TYPE_CHECKING:
    from discovery.screening.screen import Result

SHOWN = 15
"""Candidates printed to the terminal; all are in the report."""


def screen(
    output: Annotated[Path, typer.Option("-o", "--output", help="Directory of the run.")],
    db: Annotated[
        str,
        typer.Option(help="starter, topoA, topoB, materiae, mp, optimade:URL, an imported name, or a path."),
    ] = "starter",
    no_inversion: Annotated[bool, typer.Option(help="Only groups without inversion.")] = False,
    undiagnosable: Annotated[
        bool, typer.Option(help="Only the 113 groups where no symmetry eigenvalue can show topology.")
    ] = False,
    model: Model = "discovery",
    keep_odd: Annotated[bool, typer.Option(help="Keep odd electron counts.")] = False,
    keep_metals: Annotated[bool, typer.Option(help="Keep metals by the database.")] = False,
    max_metal: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            help="Where the database has no gap: drop what the model gives a P(metal) above this, if its "
            "valences do not balance either; 1 for none.",
        ),
    ] = 1.0,
    drop_gapless: Annotated[bool, typer.Option(help="Drop crystals with a database gap of zero.")] = False,
    keep_labelled: Annotated[bool, typer.Option(help="Keep what a label source calls topological.")] = False,
    keep_known: Annotated[bool, typer.Option(help="Keep what the literature knows.")] = False,
    keep_magnetic: Annotated[bool, typer.Option(help="Keep magnetic-prone elements.")] = False,
    keep_duplicates: Annotated[bool, typer.Option(help="Keep all of one formula and space group.")] = False,
    match_structures: Annotated[
        bool, typer.Option(help="Also drop structures that match a better-ranked one.")
    ] = False,
    with_elements: Annotated[
        str, typer.Option(help="Only crystals that hold all of these, e.g. Ag,Se.")
    ] = "",
    without_elements: Annotated[
        str, typer.Option(help="No crystals that hold any of these, e.g. Hg,Tl.")
    ] = "",
    magnetic_elements: Annotated[
        str, typer.Option(help="Replace the list of magnetic-prone elements.", show_default=False)
    ] = "",
    max_atoms: Annotated[int, typer.Option(min=0, help="Largest primitive cell; 0 for any.")] = 100,
    max_hull: Annotated[
        float, typer.Option(min=0.0, help="Largest energy above hull in eV/atom; inf for any.")
    ] = 0.1,
    min_probability: Annotated[float, typer.Option(min=0.0, max=1.0, help="Least P(topological).")] = 0.0,
    error_rate: ErrorRate = ERROR_RATE,
    top: Annotated[int, typer.Option(min=0, help="Keep so many of the best; 0 for all.")] = 500,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.", show_default=False)
    ] = None,
) -> None:
    """Screen a database: standardise, filter, predict, rank, report.

    Writes candidates.parquet, run.json and report/index.html to the run's directory and records the run in
    the store. A run that was killed goes on when started again with the same command.

    Examples:

        discover screen -o run

        discover screen --db topoB --no-inversion -o run

        discover screen --db mp --undiagnosable --top 500 --max-metal 0.9 -o run

        discover screen --db my_structures/ --with-elements Bi --max-atoms 20 -o run
    """
    from pydantic import ValidationError

    from candidates.store import Store, StoreError
    from discovery.databases.catalogue import get
    from discovery.databases.info import DatabaseError
    from discovery.screening.doubts import how_calls_did
    from discovery.screening.options import ScreenOptions
    from discovery.screening.reporting import report_run
    from discovery.screening.screen import screen as run_screen
    from discovery.settings import get_settings
    from xbert.parallel import WorkerError
    from xbert.predict import Predictor

    given: dict[str, Any] = {
        "no_inversion": no_inversion,
        "undiagnosable": undiagnosable,
        "keep_odd": keep_odd,
        "keep_metals": keep_metals,
        "max_metal": max_metal,
        "drop_gapless": drop_gapless,
        "keep_labelled": keep_labelled,
        "keep_known": keep_known,
        "keep_magnetic": keep_magnetic,
        "keep_duplicates": keep_duplicates,
        "match_structures": match_structures,
        "with_elements": _symbols(with_elements),
        "without_elements": _symbols(without_elements),
        "max_atoms": max_atoms,
        "max_hull": max_hull,
        "min_probability": min_probability,
        "error_rate": error_rate,
        "top": top,
    }
    if magnetic_elements:
        given["magnetic_elements"] = _symbols(magnetic_elements)
    try:
        options = ScreenOptions(**given)
        settings = get_settings()
        predictor = Predictor(model)
        benchmark = predictor if predictor.name == "benchmark" else Predictor("benchmark")
        database = get(db, settings)
        for note in database.notes():
            typer.secho(f"note: {note}", dim=True, err=True)
        command = ["discover", *sys.argv[1:]]
        with progress() as show:
            result = run_screen(
                database, predictor, benchmark, options, output, command, workers or default_workers(), show
            )
        store = Store(settings.resolved_store_url)
        store.add_run(result.run, result.candidates)
        report = report_run(
            result.run, result.candidates, output / "report", store, model=str(predictor.directory)
        )
    except ValidationError as error:
        refuse(
            "; ".join(str(e["ctx"]["error"]) if "ctx" in e else e["msg"] for e in error.errors()), code=USAGE
        )
    except ValueError as error:  # of the model: CheckpointError is one
        refuse(str(error), code=USAGE)
    except (DatabaseError, StoreError) as error:
        refuse(error.args[0], error.remedy)
    except FileNotFoundError as error:
        refuse(str(error))
    except WorkerError as error:
        refuse(str(error))
    except KeyboardInterrupt:
        refuse("interrupted", f"run the same command again to go on: {shlex.join(sys.argv)}", INTERRUPTED)
    _print(result, how_calls_did(predictor, error_rate))
    typer.echo(f"report: {report}")


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _print(result: "Result", told: str) -> None:
    from rich.console import Console

    from discovery.cli.screen_tables import best, funnel, gaps

    console = Console()
    console.print(funnel(result.run))
    if not result.candidates:
        return
    console.print(best(result.run, result.candidates[:SHOWN], console.width))
    console.print(gaps(result.candidates), style="dim", markup=False, highlight=False)
    console.print(told, style="dim", markup=False, highlight=False)
    if len(result.candidates) > SHOWN:
        more = len(result.candidates) - SHOWN
        typer.echo(f"and {more:,} more: discover candidates --run {result.run.id}")
