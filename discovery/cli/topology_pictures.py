"""How ``discover topology`` draws: the bands and Wilson loops at once, then surfaces with a bar."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from discovery.cli.console import INTERRUPTED, default_workers, progress, refuse

if TYPE_CHECKING:
    from candidates.records import Verdict
    from candidates.verification import SurfacePlot, Zero
    from discovery.topology.evidence import Evidence
    from discovery.topology.tightbinding import TightBinding
    from discovery.wannier.companions import Companions

LONG = 60.0
"""Seconds of surface work from which it is said beforehand."""


def draw(
    folder: Path,
    name: str,
    model: "TightBinding",
    evidence: "Evidence",
    verdict: "Verdict",
    found: "Companions",
    surfaces: Sequence[tuple[int, int, int]],
    window: tuple[float, float] | None,
    workers: int | None,
) -> None:
    """Write the pictures of a verdict into a folder and say which."""
    from discovery.topology.bandpath import band_path
    from discovery.topology.plots import band_plot, wilson_plots
    from discovery.topology.wilson_views import evenly
    from discovery.wannier import plot_files

    atoms = found.atoms
    title = f"{plot_files.crystal_name(atoms) if atoms else name}: {verdict.topology}"
    n = evidence.gap.n_occupied
    zero_ev, zero = plot_files.zero_level(model, evidence.gap, n, found.fermi)
    plot_files.clear(folder)
    bands = band_plot(
        model,
        n,
        band_path(model.lattice, atoms, time_reversal=not evidence.magnetic),
        zero_ev=zero_ev,
        zero=zero,
        sites=atoms,
    )
    wilson = wilson_plots(evenly(model, n, evidence.z2)) if evidence.z2 is not None else ()
    written = [folder / "verdict.json", *plot_files.write_bands(folder, bands, title)]
    if wilson:
        written += plot_files.write_wilson(folder, wilson, title)
    spectra: list[SurfacePlot] = []
    for miller in surfaces:
        spectra += (plots := _surface(model, evidence, miller, zero_ev, zero, window, workers))
        written += plot_files.write_surface(folder, plots, title)
    written.append(plot_files.write_numbers(folder, bands, wilson, spectra))
    typer.echo(f"written to {folder}: " + ", ".join(path.name for path in written))


def _surface(
    model: "TightBinding",
    evidence: "Evidence",
    miller: tuple[int, int, int],
    zero_ev: float,
    zero: "Zero",
    window: tuple[float, float] | None,
    workers: int | None,
) -> "tuple[SurfacePlot, ...]":
    from discovery.topology.plots import surface_plots
    from discovery.topology.surface_views import WORTH_PROCESSES, look, seconds_for, surface_view
    from discovery.wannier.plot_files import miller_name
    from xbert.parallel import WorkerError

    view = surface_view(miller, evidence.gap, zero_ev, window)
    try:
        alone = seconds_for(model, view)
        workers = (workers or default_workers()) if alone > WORTH_PROCESSES else 1
        if alone / workers > LONG:
            typer.echo(
                f"surface {miller_name(miller)}: up to {alone / workers / 60:.0f} minutes on {workers} "
                "cores; --surface none leaves surfaces out",
                err=True,
            )
        with progress("k-points") as show:
            stage = f"({miller_name(miller)})"
            spectrum = look(model, view, workers, lambda done, total: show(stage, done, total))
    except WorkerError as error:
        refuse(str(error))
    except KeyboardInterrupt:
        refuse(
            "interrupted: the verdict, bands and Wilson loops are written, the surface is not",
            "--surface none leaves surfaces out",
            INTERRUPTED,
        )
    return surface_plots(spectrum, zero_ev=zero_ev, zero=zero)
