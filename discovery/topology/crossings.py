"""Put a k-point onto the crossing of bands N and N + 1, and follow crossings that are lines.

Near a crossing the bands are those of the Hamiltonian projected on the touching states, whose traceless part
d(k) must vanish. Levenberg–Marquardt with a damping |d|² solves d = 0 quadratically whether the solutions are
points or lines (Yamashita & Fukushima, Computing Suppl. 15, 239 (2001)).
"""

from dataclasses import dataclass

import numpy as np

from discovery.topology.tightbinding import TightBinding
from discovery.topology.zone import directions, distance

MAX_STEPS = 60
LONGEST = 0.05
"""Longest step in 1/Å: a crossing is put in place, not looked for."""


@dataclass(frozen=True)
class Crossing:
    """The nearest approach of bands N and N + 1 to each other.

    Attributes:
        k: (3,) fractional.
        gap_ev: direct gap left.
        energy_ev: mean energy of the multiplet.
        first: index of the lowest band of the multiplet, from zero.
        multiplicity: number of bands in it.
        slopes: (d,) singular values of ∂d/∂k in eV Å, falling: how steeply the multiplet splits.
        axes: (d, 3) Cartesian unit vectors that belong to them; a zero set leaves along those of slope zero.
        handedness: sign of det v where two bands cross as H = q·v·σ in three dimensions, zero where the
            determinant vanishes; None for other crossings.
    """

    k: np.ndarray
    gap_ev: float
    energy_ev: float
    first: int
    multiplicity: int
    slopes: np.ndarray
    axes: np.ndarray
    handedness: int | None


def _multiplet(energies: np.ndarray, n: int, width: float) -> tuple[int, int]:
    """Return first and one past last of the bands within ``width`` of the middle of N and N + 1."""
    middle = 0.5 * (energies[n - 1] + energies[n])
    inside = np.flatnonzero(np.abs(energies - middle) <= width)
    return min(int(inside.min(initial=n - 1)), n - 1), max(int(inside.max(initial=n)), n) + 1


def _splitting(
    energies: np.ndarray, states: np.ndarray, slope: np.ndarray, first: int, last: int, basis: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the traceless part d of the projected H as a real vector and its (len(d), d) Jacobian."""
    projector = states[:, first:last]
    size = last - first
    level = np.diag(energies[first:last]).astype(complex)
    blocks = np.einsum("dx,xij->dij", basis, projector.conj().T @ slope @ projector)
    upper = np.triu_indices(size, 1)

    def flatten(matrix: np.ndarray) -> np.ndarray:
        diagonal = matrix.diagonal().real
        off = np.sqrt(2.0) * matrix[upper]
        return np.concatenate([diagonal - diagonal.mean(), off.real, off.imag])

    return flatten(level), np.stack([flatten(block) for block in blocks], axis=1)


def refine(
    model: TightBinding,
    k: np.ndarray,
    n_occupied: int,
    width_ev: float,
    across: np.ndarray | None = None,
) -> Crossing:
    """Move a point that is near a crossing onto it.

    Args:
        model: the Hamiltonian.
        k: (3,) fractional.
        n_occupied: N.
        width_ev: levels this near to the crossing belong to its multiplet.
        across: (3,) Cartesian unit vector along which the point must stay where it is.

    Returns:
        The nearest approach reached; its ``gap_ev`` says whether the bands cross there.
    """
    n = n_occupied
    free = directions(model)
    basis = (
        free if across is None else np.linalg.svd(free - np.outer(free @ across, across))[2][: len(free) - 1]
    )
    to_fractional = np.linalg.inv(model.reciprocal)
    k = np.array(k, dtype=float)
    energies, states = model.states(k, "atomic")
    for _ in range(MAX_STEPS):
        gap = energies[n] - energies[n - 1]
        slope = model.derivatives(k)
        better = False
        # A multiplet may split unevenly, or another band may pass nearby by accident: try both readings.
        ranges = {_multiplet(energies, n, factor * gap + 1e-9) for factor in (0.51, 2.0)}
        for first, last in sorted(ranges, key=lambda pair: pair[0] - pair[1]):
            d, jacobian = _splitting(energies, states, slope, first, last, basis)
            damping = float(d @ d)
            for _ in range(3):
                normal = jacobian.T @ jacobian + damping * np.eye(len(basis))
                step = -np.linalg.lstsq(normal, jacobian.T @ d, rcond=None)[0]
                step *= min(1.0, LONGEST / max(float(np.linalg.norm(step)), 1e-300))
                trial = k + step @ basis @ to_fractional
                trial_energies, trial_states = model.states(trial, "atomic")
                if trial_energies[n] - trial_energies[n - 1] < gap:
                    better = True
                    break
                damping = 10.0 * damping + 1e-12
            if better:
                break
        if not better:
            break
        k, energies, states = trial, trial_energies, trial_states
        left = energies[n] - energies[n - 1]
        if across is not None and left > max(width_ev, 0.7 * gap):
            break
        if np.linalg.norm(step) < 1e-10:
            break
    first, last = _multiplet(energies, n, width_ev)
    _, jacobian = _splitting(energies, states, model.derivatives(k), first, last, free)
    slopes, axes = np.linalg.svd(jacobian)[1:]
    handedness = None
    if last - first == 2 and len(free) == 3:
        # Rows are (dz, −dz, √2 dx, −√2 dy).
        velocities = np.stack([jacobian[2], -jacobian[3], jacobian[0]]) @ free
        flat = slopes[-1] < 1e-4 * slopes[0]
        handedness = 0 if flat else int(np.sign(np.linalg.det(velocities)))
    return Crossing(
        k=k,
        gap_ev=float(energies[n] - energies[n - 1]),
        energy_ev=float(energies[first:last].mean()),
        first=first,
        multiplicity=last - first,
        slopes=slopes,
        axes=axes @ free,
        handedness=handedness,
    )


@dataclass(frozen=True)
class NodalLine:
    """A line along which bands N and N + 1 stay degenerate.

    Attributes:
        k: (m, 3) fractional points along it, not folded into the zone.
        energies_ev: (m,) energies of the crossing there.
        closed: whether it comes back to its start, or to an image of it by a reciprocal vector.
        multiplicity: number of bands that meet on it.
    """

    k: np.ndarray
    energies_ev: np.ndarray
    closed: bool
    multiplicity: int


def follow(
    model: TightBinding,
    start: Crossing,
    n_occupied: int,
    closed_below_ev: float,
    direction: np.ndarray,
    step: float,
    min_length: float,
    max_steps: int = 400,
) -> NodalLine | None:
    """Walk from a crossing along a direction in which it may be continuous, and back along the other side.

    Each point is put onto the line within the plane across it.

    Args:
        model: the Hamiltonian.
        start: where to begin.
        n_occupied: N.
        closed_below_ev: direct gap in eV that counts as none.
        direction: (3,) Cartesian unit vector to leave along.
        step: in 1/Å.
        min_length: in 1/Å; the gap beside a point where bands touch quadratically is small too, and only over
            a distance, or around a loop, is it told from a line.
        max_steps: bound for each side.

    Returns:
        The line, or None where it is none.
    """
    to_fractional = np.linalg.inv(model.reciprocal)
    sides: list[list[Crossing]] = []
    closed = False
    for sign in (1.0, -1.0):
        points = [start]
        tangent = sign * direction
        while len(points) <= max_steps and not closed:
            here = points[-1]
            guess = here.k + step * tangent @ to_fractional
            there = refine(model, guess, n_occupied, closed_below_ev, across=tangent)
            off = np.linalg.norm((there.k - guess) @ model.reciprocal)
            if there.gap_ev > closed_below_ev or off > 0.7 * step:
                break
            moved = (there.k - here.k) @ model.reciprocal
            tangent = moved / np.linalg.norm(moved)
            points.append(there)
            closed = len(points) > 4 and bool(distance(model, there.k, start.k) < 0.75 * step)
        sides.append(points)
        if closed:
            break
    line = sides[1][:0:-1] + sides[0] if len(sides) > 1 else sides[0]
    if not closed and (len(line) - 1) * step < min_length:
        return None
    return NodalLine(
        k=np.array([point.k for point in line]),
        energies_ev=np.array([point.energy_ev for point in line]),
        closed=closed,
        multiplicity=int(np.median([point.multiplicity for point in line])),
    )
