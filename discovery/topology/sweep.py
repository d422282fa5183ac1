"""Lines of Wilson loops across a plane, refined until neighbours are alike."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from discovery.topology.closing import NEW_LINE, gaps_may_close, missed_gaps
from discovery.topology.links import overlaps, singular_bound
from discovery.topology.loops import SIMILAR, Loop, shared_positions, transport
from discovery.topology.plane import Plane, restrict
from discovery.topology.tightbinding import TightBinding

FINEST_STEP = 2.0**-22
"""Smallest distance of two lines, in units of a reciprocal vector."""

MOST_LINES = 400

MOST_SEARCHES = 3
"""How often a plane is begun again with points that were found to be needed."""


def common_overlaps(model: TightBinding, pairs: Sequence[tuple[Loop, Loop]]) -> np.ndarray:
    """Return for pairs of lines (m,) the smallest singular value of the overlaps at points both have.

    Values above ``SIMILAR`` are lower bounds.
    """
    if not pairs:
        return np.empty(0)
    shared = [shared_positions(a.s, b.s) for a, b in pairs]
    lengths = [len(i) for i, _ in shared]
    matrices = overlaps(
        np.concatenate([a.states[i] for (a, _), (i, _) in zip(pairs, shared, strict=True)]),
        np.concatenate([b.states[j] for (_, b), (_, j) in zip(pairs, shared, strict=True)]),
        model.centres,
        np.repeat([b.start - a.start for a, b in pairs], lengths, axis=0),
    )
    smallest = singular_bound(matrices)
    doubtful = np.flatnonzero(smallest < SIMILAR)
    smallest[doubtful] = np.linalg.svd(matrices[doubtful], compute_uv=False)[:, -1]
    return np.minimum.reduceat(smallest, np.cumsum([0, *lengths[:-1]]))


def sweep(
    model: TightBinding,
    n_occupied: int,
    plane: Plane,
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
    known: dict[tuple[float, ...], bool] = {}
    searches = 0
    while True:
        bad = next((loop for loop in loops if not loop.resolved), None)
        if bad is not None:
            at = origin + bad.start[0] * e1 + bad.s[bad.gaps.argmin()] * e2
            place = ", ".join(f"{x:.5f}" for x in at)
            gap = 1e3 * bad.gaps.min()
            return t, loops, f"bands N and N + 1 come within {gap:.3g} meV at k = ({place})"
        wanted = gaps_may_close(t, loops, mirrored, known)
        pairs = list(pairwise(t.tolist()))
        unknown = [i for i in np.flatnonzero(~wanted) if pairs[i] not in near]
        turned = common_overlaps(model, [(loops[i], loops[i + 1]) for i in unknown]) < SIMILAR
        for i, unlike in zip(unknown, turned, strict=True):
            if unlike or far(loops[i], loops[i + 1]):
                wanted[i] = True
            else:
                near.add(pairs[i])
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
            known.clear()
            continue
        steps = t[split + 1] - t[split]
        stuck = int(split[steps.argmin()])
        if steps.min() < FINEST_STEP and searches < MOST_SEARCHES:
            # One of the two has overlooked what the other sees: give all lines the points of both.
            searches += 1
            extra = np.union1d(loops[stuck].s, loops[stuck + 1].s).tolist()
            loops = lines(t)
            near.clear()
            known.clear()
            continue
        if steps.min() < FINEST_STEP or len(t) + len(split) > MOST_LINES:
            at = t[stuck]
            return t, loops, f"neighbouring lines stay unlike at {at:.6f} e1, {steps.min():.1e} apart"
        middles = t[split] + 0.5 * steps
        new = lines(middles)
        t = np.insert(t, split + 1, middles)
        for place, loop in zip((split + 1 + np.arange(len(split))).tolist(), new, strict=True):
            loops.insert(place, loop)
