"""What steps leave for pages to draw, as records in JSON beside their results."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from candidates.records import Record
from candidates.verification import BandPlot
from discovery.topology.parities import ParityResult
from discovery.topology.plots import rounded, rows
from discovery.verification.engines import StepError, StepOutput
from discovery.verification.results import Crystal, Request, write_text

if TYPE_CHECKING:
    from collections.abc import Sequence

BANDS, WILSON, SURFACES, PARITIES = "bands.json", "wilson.json", "surfaces.json", "parities.json"

SHOWN = 8.0
"""eV on both sides of the highest filled state within which bands are kept for drawing."""

R = TypeVar("R", bound=Record)


def band_plot(crystal: Crystal, output: StepOutput, spacing: float, time_reversal: bool) -> BandPlot:
    """Return the bands of a path step.

    Args:
        crystal: the cell they were computed in.
        output: what the engine read.
        spacing: of the path in 1/Å, as the engine had it.
        time_reversal: as the engine had it.

    Raises:
        StepError: the k-points are not those of the crystal's path.
    """
    from discovery.verification.path import band_path

    bands = output.eigenvalues
    assert bands is not None
    path = band_path(crystal.structure(), spacing, time_reversal)
    if path.kpoints.shape != bands.kpoints.shape or np.abs(path.kpoints - bands.kpoints).max() > 1e-4:
        raise StepError(
            f"{len(bands.kpoints)} k-points were computed that are not the {len(path.kpoints)} of the path",
            "Remove the step's directory and run it again.",
        )
    n, top = bands.n_filled, bands.highest_filled
    inside = np.abs(bands.energies - top) < SHOWN
    keep = np.union1d(np.flatnonzero(inside.any(axis=0)), [n - 1, n])
    return BandPlot(
        spin_orbit=bands.spin_orbit,
        distance=rounded(path.distance, 6),
        k=tuple((float(a), float(b), float(c)) for a, b, c in np.round(path.kpoints, 8)),
        ticks=path.ticks,
        energies=rows((bands.energies[:, keep] - top).T, 4),
        zero="valence top",
        n_occupied=int((keep < n).sum()),
        weights={
            orbital: rows(np.asarray(weight, dtype=float)[:, keep].T, 3)
            for orbital, weight in output.orbital_weights.items()
        },
    )


def write_bands(request: Request, crystal: Crystal, output: StepOutput, directory: Path) -> None:
    """Write the bands of a path step."""
    section = request.preset.get(request.engine) or request.preset["espresso"]
    plot = band_plot(crystal, output, section["line_spacing"], not request.options.magnetic)
    write_text(directory / BANDS, plot.model_dump_json() + "\n")


def write_plots(plots: "Sequence[Record]", file: Path) -> None:
    """Write a list of plots as JSON."""
    write_text(file, "[" + ",\n".join(plot.model_dump_json() for plot in plots) + "]\n")


def read_plots(kind: type[R], file: Path) -> tuple[R, ...]:
    """Return the plots in a file; none where it is missing or damaged."""
    try:
        text = file.read_text(encoding="utf-8")
        if not text.startswith("["):
            return (kind.model_validate_json(text),)
        return TypeAdapter(tuple[kind, ...]).validate_json(text)  # type: ignore[valid-type]
    except (OSError, ValidationError):
        return ()


def write_parities(parities: ParityResult, directory: Path) -> None:
    """Write indices from parities with the counts they come from, a TRIM as ``011``."""
    odd = {"".join(map(str, trim)): count for trim, count in parities.odd_pairs.items()}
    facts = {"nu": parities.nu, "z4": parities.z4, "z4_odd": parities.z4_odd, "odd_pairs": odd}
    write_text(directory / PARITIES, json.dumps(facts, indent=2) + "\n")


def read_parities(directory: Path) -> ParityResult | None:
    """Return the indices in a step's directory; None where there are none."""
    try:
        facts = json.loads((directory / PARITIES).read_text(encoding="utf-8"))
    except OSError:
        return None
    odd = {(int(t[0]), int(t[1]), int(t[2])): count for t, count in facts["odd_pairs"].items()}
    a, b, c, d = facts["nu"]
    return ParityResult((a, b, c, d), facts["z4"], facts["z4_odd"], odd)
