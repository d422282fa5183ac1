"""Lines of Wilson loops across a plane, refined until neighbours are alike."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from discovery.topology.closing import NEW_LINE, gaps_may_close, missed_gaps
from discovery.topology.links import overlaps, smallest_cosines
from discovery.topology.loops import SIMILAR, Lines, Loop, shared_positions, transport
from discovery.topology.plane import Plane, restrict
from discovery.topology.tightbinding import TightBinding

FINEST_STEP = 2.0**-22
"""Smallest distance of two lines, in units of a reciprocal vector."""

MOST_LINES = 400

MOST_SEARCHES = 3
"""How often a plane is begun again with points that were found to be needed."""


@dataclass(frozen=True)
class Swept:
    """Lines across a plane.

    Attributes:
        t: (m,) positions of the lines in units of e1.
        loops: the lines; they start at (t, 0, 0) and run along s, see ``plane.restrict``.
        reason: why they could not be resolved; empty where they could.
    """

    t: np.ndarray
    loops: list[Loop]
    reason: str = ""


Search = Callable[[], list[tuple[float, float]]]
"""Finds gaps that were overlooked, see ``missed_gaps``."""

Sweep = Generator[Lines | Search, Any, Swept]
"""Asks for lines or for a search, is sent what came of it, and returns the plane."""


def common_overlaps(pairs: Sequence[tuple[Loop, Loop]]) -> np.ndarray:
    """Return for pairs of lines (m,) the smallest singular value of the overlaps at points both have.

    Values above ``SIMILAR`` are lower bounds.
    """
    if not pairs:
        return np.empty(0)
    shared = [shared_positions(a.s, b.s) for a, b in pairs]
    lengths = [len(i) for i, _ in shared]
    centres = pairs[0][0].lines.model.centres
    matrices = overlaps(
        np.concatenate([a.states[i] for (a, _), (i, _) in zip(pairs, shared, strict=True)]),
        np.concatenate([b.states[j] for (_, b), (_, j) in zip(pairs, shared, strict=True)]),
        np.repeat([centres @ (b.start - a.start) for a, b in pairs], lengths, axis=0),
    )
    return np.minimum.reduceat(smallest_cosines(matrices, SIMILAR), np.cumsum([0, *lengths[:-1]]))


def run(sweeps: Sequence[Sweep], n_occupied: int, position_tolerance: float, workers: int = 1) -> list[Swept]:
    """Let sweeps go on side by side, so that what they ask for is computed together.

    Args:
        sweeps: planes of models with the same number of orbitals.
        n_occupied: number of bands below the gap.
        position_tolerance: see ``transport``.
        workers: threads that diagonalise.
    """
    done: dict[int, Swept] = {}
    wanted: dict[int, Lines | Search] = {i: next(sweep) for i, sweep in enumerate(sweeps)}
    # Each thread works on matrices of its own; a BLAS with threads of its own would fight them.
    with ExitStack() as stack:
        pool = None
        if workers > 1:
            stack.enter_context(threadpool_limits(1))
            pool = stack.enter_context(ThreadPoolExecutor(workers))
        while wanted:
            lines = {i: asked for i, asked in wanted.items() if isinstance(asked, Lines)}
            searches = {i: asked for i, asked in wanted.items() if not isinstance(asked, Lines)}
            found = (map if pool is None else pool.map)(lambda search: search(), searches.values())
            answers: dict[int, Any] = dict(zip(searches, found, strict=True))
            if lines:
                loops = transport(list(lines.values()), n_occupied, position_tolerance, pool)
                answers |= dict(zip(lines, loops, strict=True))
            wanted = {}
            for i, answer in answers.items():
                try:
                    wanted[i] = sweeps[i].send(answer)
                except StopIteration as end:
                    done[i] = end.value
    return [done[i] for i in range(len(sweeps))]


def sweep(
    model: TightBinding,
    n_occupied: int,
    plane: Plane,
    t: np.ndarray,
    mirrored: bool,
    far: Callable[[Loop, Loop], bool],
    refuse: Callable[[list[Loop]], str] = lambda loops: "",
) -> Sweep:
    """Ask for lines across a plane and for lines between neighbours until these are alike.

    Args:
        model: Hamiltonian.
        n_occupied: number of bands below the gap.
        plane: origin, e1, e2; lines run along e2.
        t: (m,) first positions of the lines in units of e1.
        mirrored: see ``gaps_may_close``.
        far: tells whether two neighbouring lines need another between them.
        refuse: says from the first lines why more would be in vain, or nothing.
    """
    origin, e1, e2 = plane
    model = restrict(model, plane)

    def lines(t: np.ndarray) -> Lines:
        return Lines(model, t[:, None] * np.eye(3)[0], np.eye(3)[1], extra)

    extra: list[float] = []
    loops = yield lines(t)
    if reason := refuse(loops):
        return Swept(t, loops, reason)
    near: set[tuple[float, float]] = set()
    known: dict[tuple[float, ...], bool] = {}
    searches = 0
    while True:
        bad = next((loop for loop in loops if not loop.resolved), None)
        if bad is not None:
            at = origin + bad.start[0] * e1 + bad.s[bad.gaps.argmin()] * e2
            place = ", ".join(f"{x:.5f}" for x in at)
            gap = 1e3 * bad.gaps.min()
            return Swept(t, loops, f"bands N and N + 1 come within {gap:.3g} meV at k = ({place})")
        wanted = gaps_may_close(t, loops, mirrored, known)
        pairs = list(pairwise(t.tolist()))
        unknown = [i for i in np.flatnonzero(~wanted) if pairs[i] not in near]
        turned = common_overlaps([(loops[i], loops[i + 1]) for i in unknown]) < SIMILAR
        for i, unlike in zip(unknown, turned, strict=True):
            if unlike or far(loops[i], loops[i + 1]):
                wanted[i] = True
            else:
                near.add(pairs[i])
        split = np.flatnonzero(wanted)
        steps = t[split + 1] - t[split]
        if len(split) and steps.min() >= FINEST_STEP and len(t) + len(split) <= MOST_LINES:
            middles = t[split] + 0.5 * steps
            new = yield lines(middles)
            t = np.insert(t, split + 1, middles)
            for place, loop in zip((split + 1 + np.arange(len(split))).tolist(), new, strict=True):
                loops.insert(place, loop)
            continue
        if len(split) and (searches == MOST_SEARCHES or steps.min() >= FINEST_STEP):
            i = split[steps.argmin()]
            return Swept(
                t, loops, f"neighbouring lines stay unlike at {t[i]:.6f} e1, {steps.min():.1e} apart"
            )
        if len(split):
            # One of the two has overlooked what the other sees: give all lines the points of both.
            i = split[steps.argmin()]
            extra = np.union1d(loops[i].s, loops[i + 1].s).tolist()
        else:
            search = partial(missed_gaps, model, n_occupied, t, loops, mirrored)
            missed = (yield search) if searches < MOST_SEARCHES else []
            if not missed:
                return Swept(t, loops)
            extra += [s for _, s in missed]
            t = np.union1d(t, [x for x, _ in missed if np.abs(t - x).min() > NEW_LINE])
        searches += 1
        loops = yield lines(t)
        near.clear()
        known.clear()
