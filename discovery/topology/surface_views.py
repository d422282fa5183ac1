"""Surface spectra as they are best looked at: which path and energies, how sharp, and how long it takes."""

import time
from dataclasses import dataclass, replace

import numpy as np

from discovery.topology.gap import GapResult
from discovery.topology.green import Progress, SurfaceSpectrum, surface_spectrum
from discovery.topology.surface_lattice import SurfaceLattice, SurfacePath, surface
from discovery.topology.tightbinding import TightBinding

BEYOND = 0.6
"""eV that are shown beyond the band edges and zero."""

SHARPNESS = 1.2
"""Broadening in steps of energy: finer lines would fall between the points."""

WORTH_PROCESSES = 15.0
"""Seconds of work below which starting processes takes longer than it saves."""


@dataclass(frozen=True)
class View:
    """What of a surface is computed.

    Attributes:
        miller: (h, k, l) in the reciprocal basis of the model's cell.
        energies: (n_e,) in eV, on the model's own scale.
        points: k along the path.
        eta: broadening in eV.
    """

    miller: tuple[int, int, int]
    energies: np.ndarray
    points: int
    eta: float


def surface_view(
    miller: tuple[int, int, int],
    gap: GapResult,
    zero_ev: float,
    window: tuple[float, float] | None = None,
    points: tuple[int, int] = (161, 161),
) -> View:
    """Return what to compute of a surface: by default the band edges and zero with room around them.

    Args:
        miller: Miller index in the model's cell.
        gap: of the bulk.
        zero_ev: energy that will be zero, in eV on the model's scale.
        window: lowest and highest energy from there, in eV.
        points: k along the path, and energies.
    """
    low, high = window or (
        np.floor(10 * (min(gap.vbm, gap.cbm, zero_ev) - zero_ev - BEYOND)) / 10,
        np.ceil(10 * (max(gap.vbm, gap.cbm, zero_ev) - zero_ev + BEYOND)) / 10,
    )
    energies = zero_ev + np.linspace(low, high, points[1])
    return View(miller, energies, points[0], SHARPNESS * float(high - low) / (points[1] - 1))


def seconds_for(model: TightBinding, view: View) -> float:
    """Return about how long one process will take, at most, from the time that one k-point takes."""
    begun = time.perf_counter()
    k = np.array([[0.13, 0.29]])
    surface_spectrum(model, view.miller, view.energies, k=k, eta=view.eta)
    return (time.perf_counter() - begun) * view.points


def look(
    model: TightBinding, view: View, workers: int = 1, on_progress: Progress | None = None
) -> SurfaceSpectrum:
    """Return the spectra along a path that has the zone's centre in the middle."""
    path = centred_path(surface(model.lattice, view.miller))
    k, distance, at = path.sample(view.points)
    found = surface_spectrum(
        model, view.miller, view.energies, k=k, eta=view.eta, workers=workers, on_progress=on_progress
    )
    labels = tuple(zip(distance[at].tolist(), path.labels, strict=True))
    return replace(found, distance=distance, labels=labels)


def centred_path(lattice: SurfaceLattice) -> SurfacePath:
    """Return the zone's own path, begun one corner earlier where it would begin and end at Γ.

    Surface states cross at Γ: an edge of the picture would cut them in two.
    """
    path = lattice.path
    if path.labels[0] != "Γ" or path.labels[-1] != "Γ":
        return path
    order = [len(path.labels) - 2, *range(len(path.labels) - 1)]
    return SurfacePath(tuple(path.labels[i] for i in order), path.corners[order], path.reciprocal)
