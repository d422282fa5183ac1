"""``discover predict``: score any crystals."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from discovery.cli.console import INTERRUPTED, USAGE, default_workers, progress, refuse

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
    model: Annotated[
        str, typer.Option(help="discovery, benchmark, or a model's directory or weights file.")
    ] = "discovery",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; all cores by default.", show_default=False)
    ] = None,
) -> None:
    """Score crystals of any files, without filtering.

    Reads CIF, POSCAR, extxyz, ASE databases, pymatgen JSON and Parquet, gzipped or not. A crystal that cannot
    be scored keeps its row, with the reason in `error`. A run that was killed goes on when started again.

    Examples:

        discover predict POSCAR

        discover predict 'structures/*.cif' -o scores.csv

        discover predict mine.extxyz --model benchmark -o scores.parquet
    """
    from discovery.screening.parts import Parts
    from discovery.screening.predict import SUFFIXES, count_errors, predict_files, write_table
    from xbert.checkpoint import CheckpointError
    from xbert.parallel import WorkerError
    from xbert.predict import Predictor

    if output and output.suffix not in SUFFIXES:
        refuse(f"cannot write {output}", f"the name must end in {', '.join(SUFFIXES)}", USAGE)
    try:
        predictor = Predictor(model)
    except CheckpointError as error:
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
        typer.echo(
            f"{table.num_rows - failed:,} crystals scored by {predictor.name}, {failed:,} not: {output}"
        )
    else:
        _print(table)
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


def _print(table: "pa.Table") -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    shown = Table(caption="P(topological) = P(TI) + P(TSM); ± is the spread of the ensemble")
    for title in ("id", "formula"):
        shown.add_column(title, overflow="fold")
    for title in ("space group", "P(topological)", "P(TI)", "P(TSM)"):
        shown.add_column(title, justify="right", no_wrap=True)
    errors = []
    for row in table.to_pylist():
        if row["error"]:
            errors.append(
                f"{row['source_file'] or ''} {row['id'] or ''}: {row['error']}; {row['remedy'] or ''}"
            )
            continue
        shown.add_row(
            escape(row["id"]),
            row["formula"],
            str(row["spacegroup"]),
            f"{row['p_topological']:.3f} ± {row['uncertainty']:.3f}",
            f"{row['p_ti']:.3f}",
            f"{row['p_tsm']:.3f}",
        )
    if shown.row_count:
        Console().print(shown)
    for error in errors:
        typer.secho(error, fg="red", err=True)
