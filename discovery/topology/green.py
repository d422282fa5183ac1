"""Spectra of surfaces from the Green's function of half a crystal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from discovery.topology.decimation import decimate, density
from discovery.topology.layers import Layers, coupling, layers, stacked, sufficient
from discovery.topology.surface_lattice import Labels, SurfaceLattice
from discovery.topology.tightbinding import TightBinding
from xbert.parallel import in_parallel

SAMPLE = 96
"""At how many points single precision is tried; spectra of less than fifty times as many are not worth it."""

SINGLE = 1e-4
"""Largest relative error there with which single precision, two thirds of the work, will do."""

SHARP = 5e-4
"""Broadening, as a part of the spread of levels, below which a peak between those points could be wrong."""

BATCH = 1 << 16
"""Numbers in one batch of matrices: a megabyte, so that the handful in use stay in the cache."""

JUDGED = 64
"""At how many k the reach of hoppings is judged."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Spectra:
    """Spectral functions −Im tr G/π of the outermost layers of half crystals, and of one layer in the bulk.

    Their shape (...) is that of the points: (n_k, n_e) along a path, (n_1, n_2) on a grid at one energy.

    Attributes:
        surface: the cell of the surface.
        k: (n_1, ..., 2) fractional in-plane reciprocal coordinates.
        top: (...) in states/eV, the surface whose outer normal is the Miller index's.
        bottom: (...) the opposite surface.
        bulk: (...) one layer in the infinite crystal: the bulk's spectrum projected on the surface zone.
        eta: broadening in eV (half width at half maximum).
        principal_layers: layers in one principal layer.
        neglected: bound in eV on the shift of levels by the hoppings over more layers, which are left out.
    """

    surface: SurfaceLattice
    k: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    bulk: np.ndarray
    eta: float
    principal_layers: int
    neglected: float


@dataclass(frozen=True, kw_only=True)
class SurfaceSpectrum(Spectra):
    """Spectra along a path: ``k`` is (n_k, 2), ``top``, ``bottom`` and ``bulk`` are (n_k, n_e).

    Attributes:
        distance: (n_k,) along the path in 1/Å.
        labels: distances in 1/Å and names of the corners of the path; none where k was given.
        energies: (n_e,) in eV.
    """

    distance: np.ndarray
    labels: Labels
    energies: np.ndarray


@dataclass(frozen=True, kw_only=True)
class FermiArcs(Spectra):
    """Spectra at one energy over a part of the surface zone: ``k`` is (n_1, n_2, 2), the others (n_1, n_2).

    Attributes:
        cartesian: (n_1, n_2, 2) k in 1/Å in the rotated frame of the surface.
        energy: in eV.
    """

    cartesian: np.ndarray
    energy: float


def surface_spectrum(
    model: TightBinding,
    miller: tuple[int, int, int],
    energies: np.ndarray,
    *,
    k: np.ndarray | None = None,
    points: int = 101,
    eta: float = 0.01,
    cut: float | None = None,
    tolerance: float | None = None,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> SurfaceSpectrum:
    """Return the spectra of both surfaces and of the bulk along a path.

    Args:
        model: the bulk.
        miller: (h, k, l) in the reciprocal basis of the model's cell.
        energies: (n_e,) in eV, on the model's own scale.
        k: (n_k, 2) fractional in-plane reciprocal coordinates; by default the path of the surface zone.
        points: how many k on that path.
        eta: broadening in eV.
        cut: where the crystal is cut, see ``layers``.
        tolerance: how far hoppings that are left out may shift a level, in eV; by default ``eta``.
        workers: processes. More than one needs a main module that can be imported without side effects.
        on_progress: called with the number of k done and of all.

    Raises:
        MillerError: no Miller index.
        ValueError: no positive broadening.
    """
    stack = layers(model, miller, cut)
    k, distance, labels = stack.surface.along(k, points)
    energies = np.asarray(energies, dtype=float)
    number, neglected = _principal(stack, k, eta if tolerance is None else tolerance)
    bottom, top, bulk = _spectra(stack, k, energies, eta, number, workers, on_progress)
    return SurfaceSpectrum(
        surface=stack.surface,
        k=k,
        distance=distance,
        labels=labels,
        energies=energies,
        top=top,
        bottom=bottom,
        bulk=bulk,
        eta=eta,
        principal_layers=number,
        neglected=neglected,
    )


def fermi_arcs(
    model: TightBinding,
    miller: tuple[int, int, int],
    energy: float,
    *,
    grid: tuple[int, int] = (101, 101),
    origin: tuple[float, float] = (-0.5, -0.5),
    spans: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0)),
    eta: float = 0.01,
    cut: float | None = None,
    tolerance: float | None = None,
    workers: int = 1,
    on_progress: Progress | None = None,
) -> FermiArcs:
    """Return the spectra of both surfaces and of the bulk at one energy on a grid of k, its ends included.

    ``origin`` and the two ``spans`` of the grid are fractional in-plane reciprocal coordinates; the other
    arguments are those of ``surface_spectrum``.
    """
    stack = layers(model, miller, cut)
    first, second = (np.linspace(0.0, 1.0, count) for count in grid)
    k = (
        np.asarray(origin)
        + first[:, None, None] * np.asarray(spans[0])
        + second[:, None] * np.asarray(spans[1])
    )
    flat = k.reshape(-1, 2)
    number, neglected = _principal(stack, flat, eta if tolerance is None else tolerance)
    found = _spectra(stack, flat, np.array([energy]), eta, number, workers, on_progress)
    bottom, top, bulk = (part.reshape(grid) for part in found)
    return FermiArcs(
        surface=stack.surface,
        k=k,
        cartesian=k @ stack.surface.reciprocal,
        energy=energy,
        top=top,
        bottom=bottom,
        bulk=bulk,
        eta=eta,
        principal_layers=number,
        neglected=neglected,
    )


def _principal(stack: Layers, k: np.ndarray, tolerance: float) -> tuple[int, float]:
    """Layers in a principal layer, judged at some of the k, and the bound on what that neglects."""
    return sufficient(stack.blocks(k[:: -(-len(k) // JUDGED)]), tolerance)


def _spectra(
    stack: Layers,
    k: np.ndarray,
    energies: np.ndarray,
    eta: float,
    number: int,
    workers: int,
    on_progress: Progress | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bottom, top and bulk (n_k, n_e), in states/eV."""
    if eta <= 0:
        raise ValueError(f"the broadening must be positive, not {eta} eV")
    at_once = max(1, BATCH // (number * stack.n_orbitals) ** 2)
    chunk = max(1, min(at_once // len(energies), -(-len(k) // (4 * workers))))
    tasks = (stack.blocks(k[i : i + chunk])[:, : number + 1] for i in range(0, len(k), chunk))
    work = partial(
        _spectra_of,
        z=energies + 1j * eta,
        number=number,
        at_once=at_once,
        single=_single_will_do(stack, k, energies + 1j * eta, number, at_once),
    )
    found: list[np.ndarray] = []
    done = 0
    for part in in_parallel(work, tasks, workers):
        found.append(part)
        done += part.shape[1]
        if on_progress is not None:
            on_progress(done, len(k))
    bottom, top, bulk = np.concatenate(found, axis=1)
    return bottom, top, bulk


def _single_will_do(stack: Layers, k: np.ndarray, z: np.ndarray, number: int, at_once: int) -> bool:
    """Whether single precision gives the same as double on a sample of points."""
    if len(k) * len(z) < 50 * SAMPLE:
        return False
    few = min(len(z), 24)
    k = k[np.linspace(0, len(k) - 1, SAMPLE // few).astype(int)]
    z = z[np.linspace(0, len(z) - 1, few).astype(int)]
    blocks = stack.blocks(k)
    levels = np.linalg.eigvalsh(stacked(blocks, number))
    if z.imag.min() < SHARP * np.ptp(levels, axis=1).max():
        return False
    rough, fine = (_spectra_of(blocks, z, number, at_once, single) for single in (True, False))
    return bool((np.abs(rough - fine) <= SINGLE * fine).all())


def _chain(
    blocks: np.ndarray, z: np.ndarray, number: int, single: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """H of a principal layer and to the next, and energies: from the middle of these, for less rounding."""
    h0, h1 = stacked(blocks[:, :number], number), coupling(blocks[:, : number + 1], number)
    middle = z.real.mean()
    kind = np.complex64 if single else np.complex128
    return (h0 - middle * np.eye(h0.shape[-1])).astype(kind), h1.astype(kind), (z - middle).astype(kind)


def _spectra_of(blocks: np.ndarray, z: np.ndarray, number: int, at_once: int, single: bool) -> np.ndarray:
    """Bottom, top and bulk of a few k as (3, n_k, n_e)."""
    n = blocks.shape[-1]
    h0, h1, z = _chain(blocks, z, number, single)
    step = max(1, at_once // len(blocks))
    parts = []
    with threadpool_limits(1, "blas"):  # threads hinder each other on matrices this small
        for i in range(0, len(z), step):
            energy = z[i : i + step]
            bottom, top, bulk = decimate(h0, h1, energy)
            parts.append(
                [
                    density(bottom, energy, slice(n), slice(n, None)),
                    density(top, energy, slice(-n, None), slice(-n)),
                    density(bulk, energy, slice(n), slice(n, None)),
                ]
            )
    return np.concatenate(parts, axis=2, dtype=float)
