"""``discover predict``: score any crystals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import INTERRUPTED, USAGE, default_workers, progress, refuse
from discovery.cli.error_rate import ERROR_RATE, ErrorRate
from xbert.cli_models import Model

if TYPE_CHECKING:
    import pyarrow as pa


def predict(
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders or globs of crystals.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="File ending in .parquet, .csv or .jsonl; else a table is printed."
        ),
    ] = None,
    model: Model = "discovery",
    error_rate: ErrorRate = ERROR_RATE,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.", show_default=False)
    ] = None,
) -> None:
    """Score crystals of any files, without filtering.

    Reads CIF, POSCAR, extxyz, ASE databases, pymatgen JSON and Parquet, gzipped or not. A crystal that cannot
    be scored keeps its row, with the reason in `error`. A run that was killed goes on when started again.
    What the model calls a crystal holds at the error rate, or it abstains; what it never saw in training is
    said in `doubts`.

    Examples:

        discover predict POSCAR

        discover predict 'structures/*.cif' -o scores.csv

        discover predict mine.extxyz --model benchmark -o scores.parquet

        discover predict POSCAR --error-rate 0.01
    """
    from discovery.screening.doubts import how_calls_did
    from discovery.screening.parts import Parts
    from discovery.screening.predict import SUFFIXES, count_errors, predict_files, write_table
    from xbert.conformal import check_error_rate
    from xbert.parallel import WorkerError
    from xbert.predict import Predictor

    if output and output.suffix not in SUFFIXES:
        refuse(f"cannot write {output}", f"the name must end in {', '.join(SUFFIXES)}", USAGE)
    try:
        check_error_rate(error_rate)
        predictor = Predictor(model)
        told = how_calls_did(predictor, error_rate)
    except ValueError as error:  # CheckpointError is one
        refuse(str(error), code=USAGE)
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        place = output.with_name(output.name + ".parts") if output else Path(scratch) / "parts"
        parts = Parts(place, {"paths": _stamps(paths), "model": predictor.sha256})
        try:
            with progress() as show:
                table = predict_files(
                    paths,
                    predictor,
                    parts,
                    workers or default_workers(),
                    lambda done: show("scored", done, None),
                    error_rate,
                )
        except FileNotFoundError as error:
            parts.remove()
            refuse(str(error))
        except WorkerError as error:
            refuse(str(error))
        except KeyboardInterrupt:
            refuse("interrupted", "run the same command again to go on", INTERRUPTED)
        if output:
            write_table(table, output)
        parts.remove()
    failed = count_errors(table)
    if output:
        from discovery.cli.predict_table import summary

        typer.echo(
            f"{table.num_rows - failed:,} crystals scored by {predictor.name}, {failed:,} not: {output}"
        )
        typer.echo(summary(table) or told)
    else:
        _print(table, told)
    if failed and failed == table.num_rows:
        raise typer.Exit(1)


def _stamps(paths: list[str]) -> list[tuple[str, int, int]]:
    """Return name, size and time of every file, so that a changed input starts anew."""
    from xbert.reading.files import find_files

    try:
        files = find_files(paths)
    except FileNotFoundError as error:
        refuse(str(error))
    return [(str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns) for path in files]


def _print(table: "pa.Table", how_calls_did: str) -> None:
    from discovery.cli.predict_table import doubts_of, predictions

    rows = table.to_pylist()
    scored = [row for row in rows if not row["error"]]
    if scored:
        from rich.console import Console

        console = Console()
        console.print(predictions(scored, console.width))
        for line in doubts_of(scored):
            console.print(line)
        console.print(how_calls_did, style="dim", markup=False, highlight=False)
    for row in rows:
        if row["error"]:
            where = f"{row['source_file'] or ''} {row['id'] or ''}"
            typer.secho(f"{where}: {row['error']}; {row['remedy'] or ''}", fg="red", err=True)
