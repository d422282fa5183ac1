"""Chern numbers of planes, by two methods that must agree."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from discovery.topology.gap import CLOSED, check_occupied
from discovery.topology.links import overlaps
from discovery.topology.loops import FIRST_POINTS, Loop, closing_intervals, occupied_states
from discovery.topology.plane import Plane, restrict
from discovery.topology.sweep import run, sweep
from discovery.topology.tightbinding import HamiltonianError, TightBinding

LARGEST_FLUX = 0.5
"""Largest Berry flux of a plaquette, as a fraction of π; at π its sign would be lost."""

LARGEST_TURN = 0.25
"""Largest change of the summed centres from line to line, fraction of the cell; at 1/2 its sign is lost."""

MOST_POINTS = 250_000


@dataclass(frozen=True)
class ChernResult:
    """Chern number of a plane.

    Attributes:
        fukui: from plaquette fluxes, None where the mesh could not resolve them.
        wilson: from the winding of the Wannier charge centres, None likewise.
        agree: both are there and equal.
        reason: why not; empty where they do.
        direct_gap: smallest direct gap met, in eV.
        k: (m,) positions along e1 and
        centres: (m,) summed charge centres there, in [0, 1).
    """

    fukui: int | None
    wilson: int | None
    agree: bool
    reason: str
    direct_gap: float
    k: np.ndarray
    centres: np.ndarray


def _phases(model: TightBinding, a: np.ndarray, b: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return the phases of det⟨u_a|u_b⟩ for states (..., n, N) and a step (..., 3) between them."""
    flat = overlaps(
        a.reshape(-1, *a.shape[-2:]), b.reshape(-1, *b.shape[-2:]), step.reshape(-1, 3) @ model.centres.T
    )
    return np.angle(np.linalg.det(flat)).reshape(a.shape[:-2])


def fukui_hatsugai(model: TightBinding, n_occupied: int, plane: Plane) -> tuple[int | None, float, str]:
    """Return the Chern number from plaquette fluxes, the smallest gap met in eV, and why there is no number.

    The mesh is a product of two lists of points; rows and columns are added where a plaquette holds more than
    ``LARGEST_FLUX`` or the gap, extrapolated, could close between points.

    Source: Fukui, Hatsugai and Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005).
    """
    model = restrict(model, plane)
    e1, e2 = np.eye(3)[:2]
    t = s = np.arange(FIRST_POINTS) / FIRST_POINTS

    def states_at(t: np.ndarray, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = t[:, None, None] * e1 + s[:, None] * e2
        states, gaps = occupied_states(model, n_occupied, k.reshape(-1, 3))
        return states.reshape(len(t), len(s), *states.shape[1:]), gaps.reshape(len(t), len(s))

    states, gaps = states_at(t, s)
    while True:
        smallest = float(gaps.min())
        if smallest < CLOSED:
            return None, smallest, f"bands N and N + 1 come within {1e3 * smallest:.3g} meV"
        dt, ds = (np.roll(t, -1) - t) % 1.0, (np.roll(s, -1) - s) % 1.0
        step_t = np.broadcast_to(dt[:, None, None] * e1, (len(t), len(s), 3))
        step_s = np.broadcast_to(ds[:, None] * e2, (len(t), len(s), 3))
        along_t = _phases(model, states, np.roll(states, -1, axis=0), step_t)
        along_s = _phases(model, states, np.roll(states, -1, axis=1), step_s)
        around = along_t + np.roll(along_s, -1, axis=0) - np.roll(along_t, -1, axis=1) - along_s
        flux = (around + np.pi) % (2.0 * np.pi) - np.pi
        large = np.abs(flux) > LARGEST_FLUX * np.pi
        rows = np.flatnonzero((large | closing_intervals(t, gaps)).any(axis=1))
        columns = np.flatnonzero((large | closing_intervals(s, gaps.T).T).any(axis=0))
        if not len(rows) + len(columns):
            return round(-float(flux.sum()) / (2.0 * np.pi)), smallest, ""
        if (len(t) + len(rows)) * (len(s) + len(columns)) > MOST_POINTS:
            return None, smallest, "the Berry flux is too concentrated for the mesh"
        new_t, new_s = t[rows] + 0.5 * dt[rows], s[columns] + 0.5 * ds[columns]
        fresh, gap = states_at(new_t, s)
        states, gaps = np.insert(states, rows + 1, fresh, axis=0), np.insert(gaps, rows + 1, gap, axis=0)
        t = np.insert(t, rows + 1, new_t)
        fresh, gap = states_at(t, new_s)
        states, gaps = (
            np.insert(states, columns + 1, fresh, axis=1),
            np.insert(gaps, columns + 1, gap, axis=1),
        )
        s = np.insert(s, columns + 1, new_s)


def chern_number(model: TightBinding, n_occupied: int, plane: Plane) -> ChernResult:
    """Return the Chern number of the occupied bands on a plane of the Brillouin zone.

    Positive where the summed charge centres along e2 grow with k along e1:
    C = (1/2π)∮ dk (∂₁A₂ − ∂₂A₁), A = i⟨u|∂u⟩.

    Args:
        model: Hamiltonian, with or without time reversal.
        n_occupied: number of bands below the gap.
        plane: origin and two integer reciprocal vectors, for example ``plane.axis_plane(2, 0.25)``.

    Raises:
        HamiltonianError: an impossible number of bands, no plane.
    """
    check_occupied(model, n_occupied)
    origin, e1, e2 = (np.asarray(x, dtype=float) for x in plane)
    vectors = np.concatenate([e1, e2])
    if (vectors % 1).any() or not np.cross(e1, e2).any():
        raise HamiltonianError("a plane needs two independent reciprocal vectors (integers)")

    def sum_of(loop: Loop) -> float:
        return float(loop.centres.sum() % 1.0)

    def turn(a: Loop, b: Loop) -> float:
        return (sum_of(b) - sum_of(a) + 0.5) % 1.0 - 0.5

    def far(a: Loop, b: Loop) -> bool:
        return abs(turn(a, b)) > LARGEST_TURN

    fukui, gap, reason = fukui_hatsugai(model, n_occupied, (origin, e1, e2))
    t = np.linspace(0.0, 1.0, FIRST_POINTS + 1)
    swept = run([sweep(model, n_occupied, (origin, e1, e2), t, False, far)], n_occupied, 0.01)[0]
    wilson = None if swept.reason else round(sum(turn(a, b) for a, b in pairwise(swept.loops)))
    reason = reason or swept.reason
    if not reason and fukui != wilson:
        reason = f"the plaquettes say {fukui}, the charge centres {wilson}"
    return ChernResult(
        fukui=fukui,
        wilson=wilson,
        agree=not reason,
        reason=reason,
        direct_gap=min(gap, *(float(loop.gaps.min()) for loop in swept.loops)),
        k=swept.t,
        centres=np.array([sum_of(loop) for loop in swept.loops]),
    )
