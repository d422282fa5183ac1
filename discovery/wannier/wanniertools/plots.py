"""Surface spectra that wt.x computed, as the records that pictures are drawn from."""

from pathlib import Path
from typing import Literal

import numpy as np

from candidates.verification import SurfacePlot
from discovery.wannier.wanniertools.data import read_spectrum

HARTREE = 27.21138505
"""eV, as in WannierTools (`para.f90`, CODATA 2010)."""

FILES: dict[Literal["top", "bottom", "bulk"], str] = {"bottom": "l", "top": "r", "bulk": "bulk"}
"""Termination → ending of `dos.dat_*`; `_r` looks along the outer normal."""


def spectrum_plots(
    folder: Path, miller: tuple[int, int, int], ticks: tuple[tuple[float, str], ...] = ()
) -> tuple[SurfacePlot, ...]:
    """Return the spectra in `dos.dat_l`, `dos.dat_r` and `dos.dat_bulk` of a folder, plain or gzipped.

    wt.x prints ln(−Im tr G) with energies in Hartree; a plot holds log10 of −Im tr G/π in states per eV.

    Args:
        folder: where wt.x ran.
        miller: of the surface, which the files do not say.
        ticks: distance in 1/Å and name of the corners of the path.

    Raises:
        WtDataError: a file that is damaged.
        FileNotFoundError: one that is missing.
    """
    plots = []
    for termination in ("top", "bottom", "bulk"):
        name = f"dos.dat_{FILES[termination]}"
        path = next((p for p in (folder / name, folder / f"{name}.gz") if p.is_file()), folder / name)
        found = read_spectrum(path)
        log_weight = found.total.T / np.log(10.0) - np.log10(np.pi * HARTREE)
        plots.append(
            SurfacePlot(
                miller=miller,
                termination=termination,
                distance=tuple(found.distance.tolist()),
                ticks=ticks,
                energies=tuple(found.energies.tolist()),
                log_weight=tuple(map(tuple, np.round(log_weight, 5).tolist())),
            )
        )
    return tuple(plots)
