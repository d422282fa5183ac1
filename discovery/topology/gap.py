"""The gap between bands N and N + 1: minimised, not only sampled."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from discovery.topology.descent import minimise
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.topology.zone import band_symmetries, bands_on_mesh, chunks, directions, mesh_size, wrap

CLOSED = 1e-4
"""Direct gap in eV below which it counts as closed: six decimals of hr.dat open a crossing by about 1e-5."""

STARTS = 32
"""From how many minima of the mesh the direct gap is minimised at least."""

MOST_STARTS = 512
"""And at most, where the gap may close at many of them."""


@dataclass(frozen=True)
class GapResult:
    """Gap between bands N and N + 1, energies in eV and k in fractional coordinates.

    Attributes:
        n_occupied: N.
        direct_min_ev: smallest E(N+1, k) − E(N, k).
        k_direct: (3,) where.
        indirect_ev: lowest of band N + 1 minus highest of band N; negative where they overlap in energy.
        vbm: highest energy of band N.
        k_vbm: (3,) where.
        cbm: lowest energy of band N + 1.
        k_cbm: (3,) where.
        closed: whether the direct gap is below ``closed_below_ev``.
        closed_below_ev: the threshold used.
        mesh: divisions of the mesh the search started from.
        minima: (m, 3) local minima of the direct gap, best first.
        minima_ev: (m,) gaps there.
        degenerate_fraction: share of the mesh where the direct gap is below ``closed_below_ev``; about one
            where N cuts through a degenerate pair.
        on_mesh: direct gaps on the mesh, in eV.
    """

    n_occupied: int
    direct_min_ev: float
    k_direct: np.ndarray
    indirect_ev: float
    vbm: float
    k_vbm: np.ndarray
    cbm: float
    k_cbm: np.ndarray
    closed: bool
    closed_below_ev: float
    mesh: tuple[int, int, int]
    minima: np.ndarray
    minima_ev: np.ndarray
    degenerate_fraction: float
    on_mesh: np.ndarray = field(repr=False)

    @property
    def overlap(self) -> bool:
        """Whether band N + 1 goes below the top of band N: no filling of N bands is insulating."""
        return self.indirect_ev < -self.closed_below_ev


def find_gap(
    model: TightBinding,
    n_occupied: int,
    mesh: int | tuple[int, int, int] | None = None,
    closed_below_ev: float = CLOSED,
    starts: int = STARTS,
) -> GapResult:
    """Find the smallest direct and indirect gap by a mesh and minimisation from its best points.

    The mesh holds every time-reversal invariant momentum where its divisions are even. What is minimised is
    the squared gap, which is smooth where bands cross linearly.

    Args:
        model: the Hamiltonian.
        n_occupied: N, the number of bands below the gap.
        mesh: divisions along the reciprocal vectors; None chooses them by the model.
        closed_below_ev: gap in eV that counts as none.
        starts: from how many minima of the mesh to descend at least; those that may close come on top.

    Raises:
        HamiltonianError: N leaves no band above or below.
    """
    check_occupied(model, n_occupied)
    size = (mesh, mesh, mesh) if isinstance(mesh, int) else mesh or mesh_size(model)
    energies = bands_on_mesh(model, size, band_symmetries(model))
    valence, conduction = energies[..., n_occupied - 1], energies[..., n_occupied]
    direct = conduction - valence
    cartesian = directions(model)
    basis = cartesian @ np.linalg.inv(model.reciprocal)
    radius = 0.5 * _spacing(model, size)

    def lowest(
        on_mesh: np.ndarray, function: Callable[[np.ndarray], np.ndarray], count: int
    ) -> tuple[np.ndarray, np.ndarray]:
        return minimise(function, mesh_minima(on_mesh, count), radius, basis)

    likely = max(starts, _may_close(direct))
    k_gap, squared = lowest(direct, lambda k: gaps(model, k, n_occupied) ** 2, likely)
    order = np.argsort(squared, kind="stable")
    k_gap, squared = k_gap[order], squared[order]
    k_top, top = lowest(-valence, lambda k: -_band(model, k, n_occupied - 1), 6)
    k_bottom, bottom = lowest(conduction, lambda k: _band(model, k, n_occupied), 6)
    direct_min = float(np.sqrt(squared[0]))
    # Where bands touch, their extrema have no quadratic: the crossing itself is a candidate too.
    edges = model.bands(k_gap[0])[n_occupied - 1 : n_occupied + 1]
    k_top, top = np.vstack([k_top, k_gap[0]]), np.append(top, -edges[0])
    k_bottom, bottom = np.vstack([k_bottom, k_gap[0]]), np.append(bottom, edges[1])
    vbm, cbm = -float(top.min()), float(bottom.min())
    return GapResult(
        n_occupied=n_occupied,
        direct_min_ev=direct_min,
        k_direct=wrap(k_gap[0]),
        indirect_ev=cbm - vbm,
        vbm=vbm,
        k_vbm=wrap(k_top[top.argmin()]),
        cbm=cbm,
        k_cbm=wrap(k_bottom[bottom.argmin()]),
        closed=direct_min < closed_below_ev,
        closed_below_ev=closed_below_ev,
        mesh=size,
        minima=wrap(k_gap),
        minima_ev=np.sqrt(squared),
        degenerate_fraction=float((direct < closed_below_ev).mean()),
        on_mesh=direct,
    )


def check_occupied(model: TightBinding, n_occupied: int) -> None:
    """Refuse a number of occupied bands with no band above or below it.

    Raises:
        HamiltonianError: with both numbers.
    """
    if not 0 < n_occupied < model.n_orbitals:
        raise HamiltonianError(
            f"{n_occupied} occupied bands of {model.n_orbitals}: there is no gap to look for; "
            f"give a number from 1 to {model.n_orbitals - 1}"
        )


def gaps(model: TightBinding, k: np.ndarray, n_occupied: int) -> np.ndarray:
    """Return the direct gaps in eV at fractional k: (m, 3) → (m,)."""
    parts = [model.bands(part) for part in chunks(k)]
    return np.concatenate([e[:, n_occupied] - e[:, n_occupied - 1] for e in parts])


def mesh_minima(values: np.ndarray, count: int) -> np.ndarray:
    """Return up to ``count`` fractional points (m, 3) lowest of their 26 periodic neighbours, lowest first.

    Of neighbouring points with equal values one is kept, so that a valley does not use up all of them.
    """
    lowest = np.ones(values.shape, dtype=bool)
    for shift in product((-1, 0, 1), repeat=3):
        lowest &= values <= np.roll(values, shift, axis=(0, 1, 2)) + 1e-9
    found = np.argwhere(lowest)
    found = found[np.argsort(values[lowest], kind="stable")]
    size = np.array(values.shape)
    kept = np.empty((0, 3), dtype=int)
    while len(found) and len(kept) < count:
        first = found[0]
        kept = np.vstack([kept, first])
        apart = (found - first + size // 2) % size - size // 2
        found = found[np.abs(apart).max(axis=1) > 1]
    return kept / size


def _may_close(direct: np.ndarray) -> int:
    """Return how many minima of the mesh could reach zero, going on as the gap does to their neighbours."""
    lowest, steepest = np.ones(direct.shape, dtype=bool), np.zeros(direct.shape)
    for shift in product((-1, 0, 1), repeat=3):
        rise = np.roll(direct, shift, axis=(0, 1, 2)) - direct
        lowest &= rise >= -1e-9
        steepest = np.maximum(steepest, rise)
    return min(int(np.count_nonzero(lowest & (direct < steepest))), MOST_STARTS)


def _spacing(model: TightBinding, size: tuple[int, int, int]) -> float:
    """Return the widest distance of neighbours on the mesh in 1/Å, along the axes that are sampled."""
    steps = [np.linalg.norm(row) / n for row, n in zip(model.reciprocal, size, strict=True) if n > 1]
    return float(max(steps, default=1.0))


def _band(model: TightBinding, k: np.ndarray, index: int) -> np.ndarray:
    return np.concatenate([model.bands(part)[:, index] for part in chunks(k)])
