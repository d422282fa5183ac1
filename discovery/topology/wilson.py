"""Hybrid Wannier charge centres of a plane, refined in both directions, and the Z2 they count."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce

import numpy as np

from discovery.topology.descent import minimise
from discovery.topology.gap import check_occupied, gaps
from discovery.topology.loops import (
    FIRST_POINTS,
    SIMILAR,
    Loop,
    circular_distance,
    may_close,
    overlaps,
    transport,
)
from discovery.topology.symmetries import TIME_REVERSAL, require_time_reversal
from discovery.topology.tightbinding import Gauge, HamiltonianError, TightBinding

FIRST_LINES = 9
"""Lines across the half plane before any refinement."""

FINEST_STEP = 2.0**-22
"""Smallest distance of two lines, in units of a reciprocal vector."""

PAIRING = 0.02
"""Largest distance of two Kramers partners at a plane's ends, as a fraction of the cell."""

MOST_LINES = 400

MOST_SEARCHES = 3
"""How often a plane is begun again with points that were found to be needed."""

MISSED = 0.5
"""A gap smaller than this part of those sampled around it was overlooked."""

MOST_MINIMA = 8
"""From how many minima of the sampled gap it is minimised."""

MINIMUM_ACCURACY = 2.0**-12
"""How well the place of a minimum is found, in units of a reciprocal vector."""

NEW_LINE = 2.0**-16
"""A minimum nearer than this to a line needs no line of its own."""


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


def axis_plane(axis: int, value: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return origin, e1, e2 of the plane k_axis = value; e1, e2 and the axis are right-handed."""
    basis = np.eye(3, dtype=int)
    return value * basis[axis], basis[(axis + 1) % 3], basis[(axis + 2) % 3]


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


def common_overlap(model: TightBinding, a: Loop, b: Loop) -> float:
    """Return the smallest singular value of the overlaps between two lines at the points both have."""
    _, i, j = np.intersect1d(a.s, b.s, assume_unique=True, return_indices=True)
    step = np.broadcast_to(b.start - a.start, (len(i), 3))
    matrices = overlaps(a.states[i], b.states[j], model.centres, step)
    # Σ(1 − σ²) bounds 1 − σ_min²: most need no singular values.
    loss = matrices.shape[-1] - (np.abs(matrices) ** 2).sum(axis=(1, 2))
    doubtful = loss > 1.0 - SIMILAR**2
    if not doubtful.any():
        return float(np.sqrt(1.0 - loss.max()))
    return float(np.linalg.svd(matrices[doubtful], compute_uv=False)[:, -1].min())


def gaps_may_close(t: np.ndarray, loops: list[Loop], mirrored: bool) -> np.ndarray:
    """Tell between which neighbouring lines (m − 1,) the direct gap could reach zero, extrapolated.

    Args:
        t: (m,) positions of the lines.
        loops: the lines.
        mirrored: the lines beyond both ends are those within at −k; otherwise they repeat with period 1.
    """
    lines = [(loop.s, loop.gaps) for loop in loops]
    if mirrored:
        ends = [((-s) % 1.0, gap) for s, gap in (lines[1], lines[-2])]
        x = np.concatenate([[2 * t[0] - t[1]], t, [2 * t[-1] - t[-2]]])
    else:
        ends = [lines[-2], lines[1]]
        x = np.concatenate([[t[-2] - 1.0], t, [t[1] + 1.0]])
    lines = [ends[0], *lines, ends[1]]
    result = np.zeros(len(t) - 1, dtype=bool)
    for i in range(len(result)):
        four = lines[i : i + 4]
        # Positions are dyadic fractions, so equal ones are equal bit by bit.
        common = reduce(np.intersect1d, [s for s, _ in four])
        at = np.array([gap[np.argsort(s)][np.searchsorted(np.sort(s), common)] for s, gap in four])
        result[i] = may_close(x[i : i + 4, None], at).any()
    return result


@dataclass(frozen=True)
class PlaneView(TightBinding):
    """The plane of a model that does more than sum over its hoppings, such as a mirror sector."""

    whole: TightBinding | None = None
    origin: np.ndarray | None = None
    axes: np.ndarray | None = None

    def hamiltonian(self, k: np.ndarray, gauge: Gauge = "periodic") -> np.ndarray:
        """Return the whole model's H at origin + axes · k: (..., 3) → (..., n, n), in eV."""
        assert self.whole is not None
        assert self.axes is not None
        k = np.asarray(k, dtype=float)
        h = self.whole.hamiltonian(self.origin + k @ self.axes.T)
        if gauge == "atomic":
            orbital = np.exp(2j * np.pi * (k @ self.centres.T))
            h = orbital.conj()[..., :, None] * h * orbital[..., None, :]
        return np.asarray(h)


def restrict(model: TightBinding, plane: tuple[np.ndarray, np.ndarray, np.ndarray]) -> TightBinding:
    """Return the model of a plane: its H(t, s, 0) is H(origin + t e1 + s e2), from far fewer lattice vectors.

    Args:
        model: Hamiltonian.
        plane: origin (3,) and two integer reciprocal vectors (3,).
    """
    origin, e1, e2 = plane
    axes = np.round(np.stack([e1, e2, np.zeros(3)], axis=1)).astype(int)
    cells, place = np.unique(model.cells @ axes, axis=0, return_inverse=True)
    # A matrix of which R falls on which place, with its phase.
    onto = np.zeros((len(cells), len(model.cells)), dtype=complex)
    onto[place.reshape(-1), np.arange(len(model.cells))] = np.exp(2j * np.pi * (model.cells @ origin))
    hoppings = np.tensordot(onto, model.hoppings, axes=1)
    # Sorted by np.unique, so −R stands at the mirrored place; sums must not pile up rounding.
    hoppings = 0.5 * (hoppings + hoppings[::-1].conj().transpose(0, 2, 1))
    parts = (np.eye(3), cells, hoppings, model.centres @ axes, model.spin)
    if type(model).hamiltonian is not TightBinding.hamiltonian:
        return PlaneView(*parts, whole=model, origin=np.asarray(origin, dtype=float), axes=axes)
    return TightBinding(*parts)


def missed_gaps(
    model: TightBinding,
    n_occupied: int,
    t: np.ndarray,
    loops: list[Loop],
    mirrored: bool,
) -> list[tuple[float, float]]:
    """Return positions (t, s) of gaps much smaller than at the points around them, found by minimisation.

    Args:
        model: Hamiltonian of the plane, see ``restrict``.
        n_occupied: number of bands below the gap.
        t: (m,) positions of the lines.
        loops: the lines.
        mirrored: see ``gaps_may_close``.
    """
    # Local minima of the first points among lines about as far apart as these are.
    rows = np.searchsorted(t, np.arange(t[0], t[-1] + 1e-9, 1 / FIRST_POINTS))
    first = np.arange(FIRST_POINTS) / FIRST_POINTS
    mesh = np.array([loops[i].gaps[np.searchsorted(loops[i].s, first)] for i in rows])
    beyond = mesh[[1, -2]][:, (-np.arange(FIRST_POINTS)) % FIRST_POINTS] if mirrored else mesh[[-2, 1]]
    padded = np.concatenate([beyond[:1], mesh, beyond[1:]])
    around = [np.roll(padded[i : i + len(mesh)], j, axis=1) for i in range(3) for j in (-1, 0, 1)]
    i, j = np.nonzero(mesh <= np.min(around, axis=0) + 1e-9)
    lowest = np.argsort(mesh[i, j])[:MOST_MINIMA]
    starts = np.stack([t[rows[i[lowest]]], first[j[lowest]], np.zeros(len(lowest))], axis=1)
    k, squares = minimise(
        lambda k: gaps(model, k, n_occupied) ** 2, starts, 0.5 / FIRST_POINTS, np.eye(3)[:2], MINIMUM_ACCURACY
    )
    found = []
    for (at_t, at_s, _), square in zip(k, squares, strict=True):
        at_t = at_t % 1.0
        if mirrored and at_t > 0.5:
            at_t, at_s = 1.0 - at_t, -at_s
        at_s = float(np.round(at_s * 2.0**20) / 2.0**20) % 1.0
        # The line on either side must have seen the like, unless the minimum lies on a line.
        after = int(np.searchsorted(t, at_t - NEW_LINE))
        sides = [after] if t[after] <= at_t + NEW_LINE else [after - 1, after]
        seen = [
            loops[side].gaps[np.abs((loops[side].s - at_s + 0.5) % 1.0 - 0.5) <= 1 / FIRST_POINTS].min()
            for side in sides
        ]
        if np.sqrt(square) < MISSED * max(seen):
            found.append((float(at_t), at_s))
    return found


def sweep(
    model: TightBinding,
    n_occupied: int,
    plane: tuple[np.ndarray, np.ndarray, np.ndarray],
    t: np.ndarray,
    mirrored: bool,
    far: Callable[[Loop, Loop], bool],
    position_tolerance: float,
    refuse: Callable[[list[Loop]], str] = lambda loops: "",
) -> tuple[np.ndarray, list[Loop], str]:
    """Transport along lines across a plane and put lines between neighbours until these are alike.

    Args:
        model: Hamiltonian.
        n_occupied: number of bands below the gap.
        plane: origin, e1, e2; lines run along e2.
        t: (m,) first positions of the lines in units of e1.
        mirrored: see ``gaps_may_close``.
        far: tells whether two neighbouring lines need another between them.
        position_tolerance: see ``transport``.
        refuse: says from the first lines why more would be in vain, or nothing.

    Returns:
        positions, lines (they start at (t, 0, 0) and run along s, see ``restrict``), and why they could not
        be resolved (empty if they could).
    """
    origin, e1, e2 = plane
    model = restrict(model, plane)

    def lines(t: np.ndarray) -> list[Loop]:
        starts = t[:, None] * np.eye(3)[0]
        return transport(model, n_occupied, starts, np.eye(3)[1], position_tolerance, extra)

    extra: list[float] = []
    loops = lines(t)
    if reason := refuse(loops):
        return t, loops, reason
    near: set[tuple[float, float]] = set()
    searches = 0
    while True:
        bad = next((loop for loop in loops if not loop.resolved), None)
        if bad is not None:
            at = origin + bad.start[0] * e1 + bad.s[bad.gaps.argmin()] * e2
            place = ", ".join(f"{x:.5f}" for x in at)
            gap = 1e3 * bad.gaps.min()
            return t, loops, f"bands N and N + 1 come within {gap:.3g} meV at k = ({place})"
        wanted = gaps_may_close(t, loops, mirrored)
        for i in np.flatnonzero(~wanted):
            pair = (float(t[i]), float(t[i + 1]))
            if pair not in near:
                if common_overlap(model, loops[i], loops[i + 1]) < SIMILAR or far(loops[i], loops[i + 1]):
                    wanted[i] = True
                else:
                    near.add(pair)
        split = np.flatnonzero(wanted)
        if not len(split):
            missed = missed_gaps(model, n_occupied, t, loops, mirrored) if searches < MOST_SEARCHES else []
            if not missed:
                return t, loops, ""
            searches += 1
            extra += [s for _, s in missed]
            t = np.union1d(t, [x for x, _ in missed if np.abs(t - x).min() > NEW_LINE])
            loops = lines(t)
            near.clear()
            continue
        steps = t[split + 1] - t[split]
        stuck = int(split[steps.argmin()])
        if steps.min() < FINEST_STEP and searches < MOST_SEARCHES:
            # One of the two has overlooked what the other sees: give all lines the points of both.
            searches += 1
            extra = np.union1d(loops[stuck].s, loops[stuck + 1].s).tolist()
            loops = lines(t)
            near.clear()
            continue
        if steps.min() < FINEST_STEP or len(t) + len(split) > MOST_LINES:
            at = t[stuck]
            return t, loops, f"neighbouring lines stay unlike at {at:.6f} e1, {steps.min():.1e} apart"
        middles = t[split] + 0.5 * steps
        new = lines(middles)
        t = np.insert(t, split + 1, middles)
        for place, loop in zip((split + 1 + np.arange(len(split))).tolist(), new, strict=True):
            loops.insert(place, loop)


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
    origin: np.ndarray,
    e1: np.ndarray,
    e2: np.ndarray,
    *,
    position_tolerance: float = 0.01,
    gap_tolerance: float = 0.3,
    move_tolerance: float = 0.3,
    time_reversal_tolerance: float = TIME_REVERSAL,
) -> WilsonPlane:
    """Return the Wannier charge centres and the Z2 index of a time-reversal plane.

    Lines run along e2 and are stacked along half of e1. Points are added along a line until no occupied state
    turns by more than ``SIMILAR`` from one to the next and the centres stand still; lines are added until the
    states, the gaps and the centres of neighbours are alike. Z2 is the parity of centres that jump over the
    middle of the largest gap.

    Args:
        model: spin–orbit Hamiltonian with time reversal.
        n_occupied: number of bands below the gap, even.
        origin: (3,) a time-reversal invariant momentum.
        e1: (3,) int reciprocal vector.
        e2: (3,) int reciprocal vector.
        position_tolerance: largest error of a centre, fraction of the cell.
        gap_tolerance: no centre of the next line may lie within this fraction of the largest gap around
            the gap's middle.
        move_tolerance: largest move of a centre from line to line, as a fraction of the smaller largest gap.
        time_reversal_tolerance: largest breaking of time reversal in eV that is taken for noise.

    Raises:
        HamiltonianError: no time reversal, an odd or impossible number of bands, no time-reversal plane.

    Source: Soluyanov and Vanderbilt, PRB 83, 235401 (2011); convergence criteria after Gresch et al.,
    PRB 95, 075146 (2017).
    """
    model = require_kramers_pairs(model, n_occupied, time_reversal_tolerance)
    return half_plane(model, n_occupied, origin, e1, e2, position_tolerance, gap_tolerance, move_tolerance)


def half_plane(
    model: TightBinding,
    n_occupied: int,
    origin: np.ndarray,
    e1: np.ndarray,
    e2: np.ndarray,
    position_tolerance: float = 0.01,
    gap_tolerance: float = 0.3,
    move_tolerance: float = 0.3,
) -> WilsonPlane:
    """Do what ``wilson_plane`` does for a model that came from ``require_kramers_pairs``."""
    origin, e1, e2 = np.asarray(origin, dtype=float), np.asarray(e1), np.asarray(e2)
    doubled = np.concatenate([2 * origin, e1, e2])
    if np.abs(doubled - np.round(doubled)).max() > 1e-9 or not np.cross(e1, e2).any():
        raise HamiltonianError("a time-reversal plane needs a TRIM as origin and two reciprocal vectors")

    def far(a: Loop, b: Loop) -> bool:
        (middle_a, gap_a), (middle_b, gap_b) = largest_gap(a.centres), largest_gap(b.centres)
        smaller = min(gap_a, gap_b)
        if circular_distance(a.centres, b.centres) > move_tolerance * smaller:
            return True
        nearest = min(
            np.abs((b.centres - middle_a + 0.5) % 1.0 - 0.5).min(),
            np.abs((a.centres - middle_b + 0.5) % 1.0 - 0.5).min(),
        )
        return bool(nearest < 0.5 * gap_tolerance * smaller)

    def pairing(loops: list[Loop]) -> float:
        return max(pairing_error(loop.centres) for loop in (loops[0], loops[-1]))

    def unpaired(loops: list[Loop]) -> str:
        error = pairing(loops)
        return (
            f"Kramers partners lie {error:.3f} of a cell apart at the plane's ends" if error > PAIRING else ""
        )

    t = np.linspace(0.0, 0.5, FIRST_LINES)
    t, loops, reason = sweep(model, n_occupied, (origin, e1, e2), t, True, far, position_tolerance, unpaired)
    reason = reason or unpaired(loops)
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
        pairing_error=pairing(loops),
        z2=z2,
        decided=not reason,
        reason=reason,
        smallest_gap_between_centres=min(sizes),
        position_error=max(loop.error for loop in loops),
        direct_gap=float(narrowest.gaps.min()),
        k_direct_gap=origin + narrowest.start[0] * e1 + narrowest.s[narrowest.gaps.argmin()] * e2,
        n_points=sum(len(loop.s) for loop in loops),
    )
