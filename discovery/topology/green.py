"""Spectra of surfaces from the Green's function of half a crystal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.linalg.lapack import zgetrf, zgetri
from threadpoolctl import threadpool_limits

from discovery.topology.layers import Layers, coupling, layers, stacked, sufficient
from discovery.topology.surface_lattice import Labels, SurfaceLattice
from discovery.topology.tightbinding import TightBinding
from xbert.parallel import in_parallel

PRECISION = 1e-3
"""What is left of the coupling shifts no level by more than this part of the broadening, mostly far less."""

BATCH = 1 << 16
"""Numbers in one batch of matrices: a megabyte, so that the handful in use stay in the cache."""

JUDGED = 64
"""At how many k the reach of hoppings is judged."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SurfaceSpectrum:
    """Spectral functions −Im tr G/π of the outermost layers of half crystals, and of one layer in the bulk.

    Attributes:
        surface: the cell of the surface.
        k: (n_k, 2) fractional in-plane reciprocal coordinates.
        distance: (n_k,) along the path in 1/Å.
        labels: distances in 1/Å and names of the corners of the path; none where k was given.
        energies: (n_e,) in eV.
        top: (n_k, n_e) in states/eV, the surface whose outer normal is the Miller index's.
        bottom: (n_k, n_e) the opposite surface.
        bulk: (n_k, n_e) one layer in the infinite crystal: the bulk's spectrum projected on the surface zone.
        eta: broadening in eV (half width at half maximum).
        principal_layers: layers in one principal layer.
        neglected: bound in eV on the shift of levels by the hoppings over more layers, which are left out.
    """

    surface: SurfaceLattice
    k: np.ndarray
    distance: np.ndarray
    labels: Labels
    energies: np.ndarray
    top: np.ndarray
    bottom: np.ndarray
    bulk: np.ndarray
    eta: float
    principal_layers: int
    neglected: float


@dataclass(frozen=True)
class FermiArcs:
    """Spectral functions at one energy over a part of the surface Brillouin zone.

    Attributes:
        surface: the cell of the surface.
        k: (n_1, n_2, 2) fractional in-plane reciprocal coordinates.
        cartesian: (n_1, n_2, 2) the same in 1/Å in the rotated frame of the surface.
        energy: in eV.
        top, bottom, bulk: (n_1, n_2) in states/eV, as in ``SurfaceSpectrum``.
        eta: broadening in eV.
        principal_layers: layers in one principal layer.
        neglected: bound in eV on the shift of levels by the hoppings over more layers, which are left out.
    """

    surface: SurfaceLattice
    k: np.ndarray
    cartesian: np.ndarray
    energy: float
    top: np.ndarray
    bottom: np.ndarray
    bulk: np.ndarray
    eta: float
    principal_layers: int
    neglected: float


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
        stack.surface, k, distance, labels, energies, top, bottom, bulk, eta, number, neglected
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
    cartesian = k @ stack.surface.reciprocal
    return FermiArcs(stack.surface, k, cartesian, energy, top, bottom, bulk, eta, number, neglected)


def decimate(h0: np.ndarray, h1: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return effective Hamiltonians of a layer at the bottom, at the top and inside of a stack without end.

    Each step removes every other layer, so that i steps see 2^i layers: López Sancho, López Sancho & Rubio,
    J. Phys. F 14, 1205 (1984) and 15, 851 (1985), eqs. (11)–(17). Their first step needs no inverse: it is
    done with the eigenvectors of a layer, for all energies at once.

    Args:
        h0: (n_k, N, N) a principal layer, eV.
        h1: (n_k, N, N) from it to the next above.
        z: (n_e,) complex energies with positive imaginary part, eV.

    Returns:
        Three arrays (n_k, n_e, N, N): the Green's functions are the inverses of z minus them.
    """
    levels, states = np.linalg.eigh(h0)
    size = h0.shape[-1]
    sides = np.concatenate([h1 @ states, _adjoint(h1) @ states], axis=1)[:, None]
    weights = 1.0 / (z[None, :, None] - levels[:, None, :])
    product = (sides * weights[:, :, None, :]) @ _adjoint(sides)
    product = product.reshape(-1, 2 * size, 2 * size)
    shape = (len(h0), len(z), size, size)
    own = np.broadcast_to(h0[:, None], shape).reshape(-1, size, size)
    bottom = own + product[:, :size, :size]
    top = own + product[:, size:, size:]
    bulk = bottom + product[:, size:, size:]
    up, down = product[:, :size, size:].copy(), product[:, size:, :size].copy()
    energy = np.broadcast_to(z, shape[:2]).reshape(-1)
    enough = PRECISION * energy.imag**2
    diagonal = np.arange(size)
    left = np.flatnonzero(_norm(up) * _norm(down) > enough)
    up, down = up[left], down[left]
    while len(left):
        inverse = -bulk[left]
        inverse[:, diagonal, diagonal] += energy[left, None]
        inverse = _invert(inverse)
        from_up, from_down = inverse @ up, inverse @ down
        above, below = up @ from_down, down @ from_up
        bottom[left] += above
        top[left] += below
        bulk[left] += above + below
        # Where the next couplings cannot matter they are not worked out; then it shows where they do not.
        going = _norm(up) * _norm(from_up) * _norm(down) * _norm(from_down) > enough[left]
        left, up, down = left[going], up[going], down[going]
        up, down = up @ from_up[going], down @ from_down[going]
        going = _norm(up) * _norm(down) > enough[left]
        left, up, down = left[going], up[going], down[going]
    return bottom.reshape(shape), top.reshape(shape), bulk.reshape(shape)


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


def _spectra_of(blocks: np.ndarray, z: np.ndarray, number: int, at_once: int) -> np.ndarray:
    """Bottom, top and bulk of a few k as (3, n_k, n_e)."""
    n = blocks.shape[-1]
    h0, h1 = stacked(blocks[:, :number], number), coupling(blocks, number)
    step = max(1, at_once // len(blocks))
    parts = []
    with threadpool_limits(1, "blas"):  # threads hinder each other on matrices this small
        for i in range(0, len(z), step):
            energy = z[i : i + step]
            bottom, top, bulk = decimate(h0, h1, energy)
            parts.append(
                [
                    _density(bottom, energy, slice(n), slice(n, None)),
                    _density(top, energy, slice(-n, None), slice(-n)),
                    _density(bulk, energy, slice(n), slice(n, None)),
                ]
            )
    return np.concatenate(parts, axis=2)


def _density(effective: np.ndarray, z: np.ndarray, chosen: slice, rest: slice) -> np.ndarray:
    """−Im tr G/π over one layer of a principal layer, the rest beside it: (n_k, n_e, N, N) → (n_k, n_e)."""
    size = effective.shape[-1]
    matrix = z[:, None, None] * np.eye(size) - effective
    own = matrix[..., chosen, chosen]
    if own.shape[-1] < size:  # the others leave a self-energy
        back = np.linalg.solve(matrix[..., rest, rest], matrix[..., rest, chosen])
        own = own - matrix[..., chosen, rest] @ back
    return -np.trace(np.linalg.inv(own), axis1=-2, axis2=-1).imag / np.pi


def _invert(matrices: np.ndarray) -> np.ndarray:
    """Invert in place; for tens of orbitals faster than NumPy, which solves for the unit matrix."""
    work = 64 * matrices.shape[-1]
    for matrix in matrices:
        factors, pivots, _ = zgetrf(matrix.T, overwrite_a=True)  # the transpose is in Fortran's order
        zgetri(factors, pivots, lwork=work, overwrite_lu=True)
    return matrices


def _adjoint(matrix: np.ndarray) -> np.ndarray:
    return matrix.conj().swapaxes(-1, -2)


def _norm(matrices: np.ndarray) -> np.ndarray:
    parts = matrices.view(float).reshape(len(matrices), 2 * matrices.shape[-1] ** 2)
    return np.sqrt(np.einsum("ij,ij->i", parts, parts))
