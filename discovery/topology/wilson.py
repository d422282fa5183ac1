"""Hybrid Wannier charge centres of a plane, refined in both directions, and the Z2 they count."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from discovery.topology.gap import check_occupied
from discovery.topology.links import circular_distance
from discovery.topology.loops import FIRST_POINTS, Loop
from discovery.topology.plane import Plane
from discovery.topology.sweep import Swept, run, sweep
from discovery.topology.symmetries import TIME_REVERSAL, require_time_reversal
from discovery.topology.tightbinding import HamiltonianError, TightBinding

FIRST_LINES = 9
"""Lines across the half plane before any refinement."""

PAIRING = 0.02
"""Largest distance of two Kramers partners at a plane's ends, as a fraction of the cell."""

_STATES = 2**26
"""Complex numbers of eigenvectors that planes done together may begin with: 1 GB."""


@dataclass(frozen=True)
class Tolerances:
    """What counts as converged.

    Attributes:
        position: largest error of a centre, fraction of the cell.
        gap: no centre of the next line may lie within this fraction of the largest gap around its middle.
        move: largest move of a centre from line to line, as a fraction of the smaller largest gap.
    """

    position: float = 0.01
    gap: float = 0.3
    move: float = 0.3


@dataclass(frozen=True)
class WilsonPlane:
    """Hybrid Wannier charge centres over half a time-reversal plane.

    Attributes:
        origin: (3,) fractional k, a time-reversal invariant momentum.
        e1: (3,) int; lines lie at origin + k e1, k from 0 to 1/2.
        e2: (3,) int; lines run along it.
        k: (m,) ascending positions of the lines in units of e1.
        centres: (m, N) ascending centres in [0, 1) along the lattice direction of e2.
        pairing_error: how far Kramers partners lie apart at the two ends, fraction of the cell.
        z2: index of the plane, None where it is undecided.
        decided: whether it is.
        reason: why not; empty where it is.
        smallest_gap_between_centres: the largest gap between centres, where it is smallest.
        position_error: largest error of a centre.
        direct_gap: smallest direct gap met, in eV, and
        k_direct_gap: (3,) where.
        n_points: k points at which H was diagonalised.
    """

    origin: np.ndarray
    e1: np.ndarray
    e2: np.ndarray
    k: np.ndarray
    centres: np.ndarray
    pairing_error: float
    z2: int | None
    decided: bool
    reason: str
    smallest_gap_between_centres: float
    position_error: float
    direct_gap: float
    k_direct_gap: np.ndarray
    n_points: int


def largest_gap(centres: np.ndarray) -> tuple[float, float]:
    """Return the middle and the size of the largest gap between ascending centres on the circle."""
    gaps = np.diff(centres, append=centres[0] + 1.0)
    i = int(gaps.argmax())
    return float((centres[i] + 0.5 * gaps[i]) % 1.0), float(gaps[i])


def pairing_error(centres: np.ndarray) -> float:
    """Return how far apart partners lie when ascending centres (N even) are paired on the circle at best."""
    gaps = np.diff(centres, append=centres[0] + 1.0)
    return float(min(gaps[::2].max(), gaps[1::2].max()))


def crossings(centres: np.ndarray, start: float, end: float) -> int:
    """Count the centres on the arc from start to end; its parity is that of the other arc, N being even."""
    low, high = min(start, end), max(start, end)
    return int(((centres > low) & (centres < high)).sum())


def require_kramers_pairs(
    model: TightBinding, n_occupied: int, tolerance: float = TIME_REVERSAL
) -> TightBinding:
    """Return the model in its spin order, refusing what can have no Z2.

    Raises:
        HamiltonianError: no time reversal, an odd or impossible number of bands.
    """
    check_occupied(model, n_occupied)
    if n_occupied % 2:
        raise HamiltonianError(f"{n_occupied} occupied bands: Kramers pairs need an even number")
    return require_time_reversal(model, tolerance)


def wilson_plane(
    model: TightBinding,
    n_occupied: int,
    plane: Plane,
    tolerances: Tolerances = Tolerances(),
    time_reversal_tolerance: float = TIME_REVERSAL,
) -> WilsonPlane:
    """Return the Wannier charge centres and the Z2 index of a time-reversal plane.

    Lines run along e2 and are stacked along half of e1. Points are added along a line until no occupied state
    turns by more than ``loops.SIMILAR`` from one to the next and the centres stand still; lines are added
    until the states, the gaps and the centres of neighbours are alike. Z2 is the parity of centres that jump
    over the middle of the largest gap.

    Args:
        model: spin–orbit Hamiltonian with time reversal.
        n_occupied: number of bands below the gap, even.
        plane: a time-reversal invariant momentum and two reciprocal vectors, such as ``axis_plane(2, 0.5)``.
        tolerances: what counts as converged.
        time_reversal_tolerance: largest breaking of time reversal in eV that is taken for noise.

    Raises:
        HamiltonianError: no time reversal, an odd or impossible number of bands, no time-reversal plane.

    Source: Soluyanov and Vanderbilt, PRB 83, 235401 (2011); convergence criteria after Gresch et al.,
    PRB 95, 075146 (2017).
    """
    paired = require_kramers_pairs(model, n_occupied, time_reversal_tolerance)
    return half_planes(paired, n_occupied, [plane], tolerances)[0]


def half_planes(
    model: TightBinding, n_occupied: int, planes: Sequence[Plane], tolerances: Tolerances, workers: int = 1
) -> list[WilsonPlane]:
    """Do what ``wilson_plane`` does, for planes of a model that came from ``require_kramers_pairs``."""
    for origin, e1, e2 in planes:
        doubled = np.concatenate([2 * np.asarray(origin, dtype=float), e1, e2])
        if np.abs(doubled - np.round(doubled)).max() > 1e-9 or not np.cross(e1, e2).any():
            raise HamiltonianError("a time-reversal plane needs a TRIM as origin and two reciprocal vectors")

    def far(a: Loop, b: Loop) -> bool:
        (middle_a, gap_a), (middle_b, gap_b) = largest_gap(a.centres), largest_gap(b.centres)
        smaller = min(gap_a, gap_b)
        if circular_distance(a.centres, b.centres) > tolerances.move * smaller:
            return True
        nearest = min(
            np.abs((b.centres - middle_a + 0.5) % 1.0 - 0.5).min(),
            np.abs((a.centres - middle_b + 0.5) % 1.0 - 0.5).min(),
        )
        return bool(nearest < 0.5 * tolerances.gap * smaller)

    t = np.linspace(0.0, 0.5, FIRST_LINES)
    # Planes are done together in so many as fit into memory.
    points = FIRST_LINES * FIRST_POINTS * model.n_orbitals * n_occupied
    together = max(1, _STATES // points)
    result: list[WilsonPlane] = []
    for first in range(0, len(planes), together):
        some = planes[first : first + together]
        sweeps = [sweep(model, n_occupied, plane, t, True, far, _unpaired) for plane in some]
        swept = run(sweeps, n_occupied, tolerances.position, workers)
        result += [_count(plane, lines) for plane, lines in zip(some, swept, strict=True)]
    return result


def _unpaired(loops: list[Loop]) -> str:
    """Say that Kramers partners do not pair at the ends of a plane, or nothing."""
    error = max(pairing_error(loop.centres) for loop in (loops[0], loops[-1]))
    return f"Kramers partners lie {error:.3f} of a cell apart at the plane's ends" if error > PAIRING else ""


def _count(plane: Plane, swept: Swept) -> WilsonPlane:
    """Return the plane with its index, counted where it can be."""
    (origin, e1, e2), t, loops = plane, swept.t, swept.loops
    reason = swept.reason or _unpaired(loops)
    centres = np.array([loop.centres for loop in loops])
    middles, sizes = zip(*(largest_gap(row) for row in centres), strict=True)
    z2 = None
    if not reason:
        z2 = sum(crossings(centres[i + 1], middles[i], middles[i + 1]) for i in range(len(t) - 1)) % 2
    narrowest = min(loops, key=lambda loop: float(loop.gaps.min()))
    return WilsonPlane(
        origin=origin,
        e1=e1,
        e2=e2,
        k=t,
        centres=centres,
        pairing_error=max(pairing_error(centres[0]), pairing_error(centres[-1])),
        z2=z2,
        decided=not reason,
        reason=reason,
        smallest_gap_between_centres=min(sizes),
        position_error=max(loop.error for loop in loops),
        direct_gap=float(narrowest.gaps.min()),
        k_direct_gap=origin + narrowest.start[0] * e1 + narrowest.s[narrowest.gaps.argmin()] * e2,
        n_points=sum(len(loop.s) for loop in loops),
    )
