"""Parallel transport of the occupied bands around closed lines of the Brillouin zone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from discovery.topology.gap import CLOSED
from discovery.topology.links import circular_distance, overlaps, unitary_parts
from discovery.topology.tightbinding import TightBinding

FIRST_POINTS = 16
"""Points of a line before any refinement."""

SIMILAR = 0.75
"""Neighbouring points are close enough when no occupied state turns further than this overlap. A Dirac point
in the middle of four points turns a state by 45° at least between two of them: 0.71."""

STEEP = 8.0
"""Neighbouring points whose gaps differ by more than this factor are too far apart."""

FINEST = 2.0**-24
"""Smallest step, in units of a reciprocal vector."""

_CHUNK = 2**22
"""Complex numbers of H(k) held at once."""


@dataclass
class Loop:
    """The occupied bands around one closed line.

    Attributes:
        start: (3,) fractional k where the line begins.
        s: (m,) ascending positions in [0, 1) along the line.
        states: (m, n, N) occupied eigenvectors in columns, periodic gauge.
        gaps: (m,) direct gap between bands N and N + 1 in eV.
        links: (m, N, N) unitary parts of the overlaps between a point and the next, the last to the first.
        cosines: (m,) smallest singular value of each overlap, or a lower bound above ``SIMILAR``.
        centres: (N,) ascending hybrid Wannier charge centres in [0, 1), atomic gauge.
        error: how far the centres moved against those from every second point.
        resolved: false where the gap is closed or the finest step did not help.
    """

    start: np.ndarray
    s: np.ndarray
    states: np.ndarray
    gaps: np.ndarray
    links: np.ndarray
    cosines: np.ndarray
    centres: np.ndarray
    error: float = np.inf
    resolved: bool = True


def occupied_states(model: TightBinding, n_occupied: int, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (m, n, N) occupied eigenvectors in the periodic gauge and (m,) direct gaps in eV at (m, 3) k."""
    step = max(1, _CHUNK // model.n_orbitals**2)
    states = np.empty((len(k), model.n_orbitals, n_occupied), dtype=complex)
    gaps = np.empty(len(k))
    for first in range(0, len(k), step):
        part = slice(first, first + step)
        energies, vectors = model.states(k[part])
        states[part] = vectors[:, :, :n_occupied]
        gaps[part] = energies[:, n_occupied] - energies[:, n_occupied - 1]
    return states, gaps


def may_close(x: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Tell between which middle points the gap could close unseen.

    It could where it goes down from both sides and, extrapolated, would halve at least, or where it is so
    different at the two points that one of them may lie at the edge of an inverted pocket.

    Args:
        x: (4,) or (4, ...) ascending positions.
        gaps: (4, ...) gaps there in eV.

    Returns:
        (...) booleans for the interval between the second and the third point.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        down = (gaps[1] - gaps[0]) / (x[1] - x[0])
        up = (gaps[3] - gaps[2]) / (x[3] - x[2])
        # The two lines meet where the slopes meet; both descend into the interval only if down < 0 < up.
        width = x[2] - x[1]
        meeting = (gaps[2] - gaps[1] - up * width) / (down - up)
        bottom = gaps[1] + down * np.clip(meeting, 0.0, width)
    lower, upper = np.minimum(gaps[1], gaps[2]), np.maximum(gaps[1], gaps[2])
    return np.asarray(((down < 0) & (up > 0) & (bottom < 0.5 * lower)) | (upper > STEEP * lower))


def closing_intervals(x: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Tell after which points of a closed line of length 1 the gap could reach zero before the next.

    Args:
        x: (m,) ascending positions in [0, 1).
        gaps: (m, ...) gaps there in eV.

    Returns:
        (m, ...) booleans.
    """
    m = len(x)
    windows = np.arange(-1, 3)[:, None] + np.arange(m)
    unrolled = x[windows % m] + windows // m
    return may_close(unrolled.reshape(*unrolled.shape, *[1] * (gaps.ndim - 1)), gaps[windows % m])


def shared_positions(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the numbers stand that are in both of two ascending arrays: indices into a, and into b.

    Positions are dyadic fractions, so equal ones are equal bit by bit.
    """
    place = np.minimum(np.searchsorted(b, a), len(b) - 1)
    i = np.flatnonzero(b[place] == a)
    return i, place[i]


def _centres(products: np.ndarray) -> np.ndarray:
    """Return ascending centres (m, N) from the products (m, N, N) of the links of m lines."""
    phases = np.angle(np.linalg.eigvals(products))
    return np.sort((-phases / (2.0 * np.pi)) % 1.0, axis=-1)


def _steps(s: np.ndarray) -> np.ndarray:
    steps = np.empty_like(s)
    steps[:-1] = s[1:] - s[:-1]
    steps[-1] = s[0] + 1.0 - s[-1]
    return steps


def _link(model: TightBinding, loops: Sequence[Loop], which: Sequence[np.ndarray], along: np.ndarray) -> None:
    """Recompute the links of each loop that start at the points named for it."""
    pairs = list(zip(loops, which, strict=True))
    a = np.concatenate([loop.states[i] for loop, i in pairs])
    b = np.concatenate([loop.states[(i + 1) % len(loop.s)] for loop, i in pairs])
    step = np.concatenate([_steps(loop.s)[i] for loop, i in pairs])
    links, cosines = unitary_parts(overlaps(a, b, model.centres, step[:, None] * along))
    first = 0
    for loop, i in pairs:
        loop.links[i], loop.cosines[i] = links[first : first + len(i)], cosines[first : first + len(i)]
        first += len(i)


def _split(
    model: TightBinding, loops: Sequence[Loop], which: Sequence[np.ndarray], along: np.ndarray
) -> None:
    """Put a point in the middle of the links named for each loop."""
    middles = [
        loop.s[i] + 0.5 * _steps(loop.s)[i] for loop, i in zip(loops, which, strict=True)
    ]  # below 1: the last link ends at 1
    k = np.concatenate([loop.start + m[:, None] * along for loop, m in zip(loops, middles, strict=True)])
    states, gaps = occupied_states(model, loops[0].states.shape[2], k)
    first, changed = 0, []
    for loop, i, middle in zip(loops, which, middles, strict=True):
        new = slice(first, first + len(i))
        first += len(i)
        m = len(loop.s)
        place = i + 1 + np.arange(len(i))
        order = np.empty(m + len(i), dtype=int)
        old = np.ones(len(order), dtype=bool)
        old[place] = False
        order[old], order[place] = np.arange(m), m + np.arange(len(i))
        loop.s = np.concatenate([loop.s, middle])[order]
        loop.states = np.concatenate([loop.states, states[new]])[order]
        loop.gaps = np.concatenate([loop.gaps, gaps[new]])[order]
        # The links on both sides of a new point are computed next.
        loop.links, loop.cosines = loop.links[order % m], loop.cosines[order % m]
        changed.append(np.concatenate([place - 1, place]))
    _link(model, loops, changed, along)


def _compare_with_half(model: TightBinding, loops: Sequence[Loop], along: np.ndarray) -> None:
    """Set centres, and their error as the distance to those from every second point."""
    halves = [np.arange(0, len(loop.s), 2) for loop in loops]
    a = np.concatenate([loop.states[i] for loop, i in zip(loops, halves, strict=True)])
    b = np.concatenate([loop.states[np.roll(i, -1)] for loop, i in zip(loops, halves, strict=True)])
    step = np.concatenate([_steps(loop.s[i]) for loop, i in zip(loops, halves, strict=True)])
    # Their lengths do not matter here, only the phases of the product's eigenvalues.
    links = overlaps(a, b, model.centres, step[:, None] * along)
    ends = np.cumsum([len(i) for i in halves])
    products = [reduce(np.matmul, part) for part in np.split(links, ends[:-1])]
    coarse = _centres(np.array(products))
    centres = _centres(np.array([reduce(np.matmul, loop.links) for loop in loops]))
    for loop, fine, rough in zip(loops, centres, coarse, strict=True):
        loop.centres = fine
        loop.error = circular_distance(fine, rough)


def _coarse_links(loop: Loop) -> np.ndarray:
    """Return the links of a loop that do not resolve the bands."""
    return np.flatnonzero((loop.cosines < SIMILAR) | closing_intervals(loop.s, loop.gaps))


def transport(
    model: TightBinding,
    n_occupied: int,
    starts: np.ndarray,
    along: np.ndarray,
    position_tolerance: float = 0.01,
    extra: Sequence[float] = (),
) -> list[Loop]:
    """Carry the occupied bands around closed lines, each refined where its bands turn or its gap is small.

    Args:
        model: Hamiltonian.
        n_occupied: number N of bands below the gap.
        starts: (m, 3) fractional k where the lines begin.
        along: (3,) integers, the reciprocal vector that closes them.
        position_tolerance: largest error of a centre, as a fraction of the cell; the centres from all points
            and from every second one differ by less.
        extra: positions in [0, 1) that every line must have.

    Returns:
        one Loop per start. Loops whose gap closes come back with ``resolved`` false.

    Source: King-Smith and Vanderbilt, PRB 47, 1651 (1993); Soluyanov and Vanderbilt, PRB 83, 235401 (2011).
    """
    along = np.asarray(along, dtype=float)
    s = np.union1d(np.arange(FIRST_POINTS) / FIRST_POINTS, extra)
    k = np.asarray(starts, dtype=float)[:, None] + s[:, None] * along
    states, gaps = occupied_states(model, n_occupied, k.reshape(-1, 3))
    shape = (len(starts), len(s))
    states, gaps = states.reshape(*shape, *states.shape[1:]), gaps.reshape(shape)
    loops = [
        Loop(
            np.asarray(start, dtype=float),
            s,
            states[i],
            gaps[i],
            np.empty((len(s), n_occupied, n_occupied), dtype=complex),
            np.empty(len(s)),
            np.zeros(n_occupied),
        )
        for i, start in enumerate(starts)
    ]
    _link(model, loops, [np.arange(len(s))] * len(loops), along)
    pending = list(loops)
    while pending:
        work: list[tuple[Loop, np.ndarray]] = []
        smooth = []
        for loop in pending:
            if loop.gaps.min() < CLOSED:
                loop.resolved = False
                loop.centres = _centres(reduce(np.matmul, loop.links)[None])[0]
                continue
            coarse = _coarse_links(loop)
            if len(coarse):
                work.append((loop, coarse))
            else:
                smooth.append(loop)
        if smooth:
            _compare_with_half(model, smooth, along)
            for loop in smooth:
                if loop.error > position_tolerance:
                    turn = 1.0 - loop.cosines
                    work.append((loop, np.flatnonzero(turn >= 0.25 * turn.max())))
        for loop, i in work:
            if _steps(loop.s)[i].min() < FINEST:
                loop.resolved = False
                loop.centres = _centres(reduce(np.matmul, loop.links)[None])[0]
        work = [(loop, i) for loop, i in work if loop.resolved]
        if work:
            _split(model, [loop for loop, _ in work], [i for _, i in work], along)
        pending = [loop for loop, _ in work]
    return loops
