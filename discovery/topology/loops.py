"""Parallel transport of the occupied bands around closed lines of the Brillouin zone."""

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import reduce

import numpy as np

from discovery.topology.gap import CLOSED
from discovery.topology.links import circular_distance, overlaps, smallest_cosines, unitary_parts
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

_PIECE = 32
"""Points that are worth a piece of work of their own."""

_CHUNK = 2**22
"""Complex numbers of H(k) held at once."""


@dataclass(frozen=True)
class Lines:
    """Closed lines to carry the occupied bands along.

    Attributes:
        model: Hamiltonian.
        starts: (m, 3) fractional k where the lines begin.
        along: (3,) integers, the reciprocal vector that closes them.
        extra: positions in [0, 1) that every line must have beside its first points.
    """

    model: TightBinding
    starts: np.ndarray
    along: np.ndarray
    extra: Sequence[float] = ()


@dataclass
class Loop:
    """The occupied bands around one closed line.

    Attributes:
        lines: what it is one of.
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

    lines: Lines
    start: np.ndarray
    s: np.ndarray
    states: np.ndarray
    gaps: np.ndarray
    links: np.ndarray
    cosines: np.ndarray
    centres: np.ndarray
    error: float = np.inf
    resolved: bool = True

    def turns(self, steps: np.ndarray) -> np.ndarray:
        """Return step · centre (m, n) of each orbital for steps (m,) along the line."""
        return steps[:, None] * (self.lines.model.centres @ self.lines.along)


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


def _diagonalise(
    places: Sequence[tuple[Lines, np.ndarray]], n_occupied: int, pool: Executor | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return occupied states and gaps at the k (m, 3) wanted of each model, in pieces of alike size."""
    together: dict[int, list[int]] = {}
    for i, (lines, _) in enumerate(places):
        together.setdefault(id(lines.model), []).append(i)
    pieces, sizes = [], []
    for members in together.values():
        k = np.concatenate([places[i][1] for i in members])
        parts = np.array_split(k, max(1, len(k) // _PIECE)) if pool else [k]
        pieces += [(places[members[0]][0].model, part) for part in parts]
        sizes += [len(places[i][1]) for i in members]
    run = map if pool is None or len(pieces) == len(together) == 1 else pool.map
    done = list(run(lambda piece: occupied_states(piece[0], n_occupied, piece[1]), pieces))
    ends = np.cumsum(sizes)[:-1]
    states = np.split(np.concatenate([states for states, _ in done]), ends)
    gaps = np.split(np.concatenate([gaps for _, gaps in done]), ends)
    order = [i for members in together.values() for i in members]
    result = dict(zip(order, zip(states, gaps, strict=True), strict=True))
    return [result[i] for i in range(len(places))]


def _link(loops: Sequence[Loop], which: Sequence[np.ndarray]) -> None:
    """Recompute the links of each loop that start at the points named for it."""
    pairs = list(zip(loops, which, strict=True))
    matrices = overlaps(
        np.concatenate([loop.states[i] for loop, i in pairs]),
        np.concatenate([loop.states[(i + 1) % len(loop.s)] for loop, i in pairs]),
        np.concatenate([loop.turns(_steps(loop.s)[i]) for loop, i in pairs]),
    )
    links, cosines = unitary_parts(matrices), smallest_cosines(matrices, SIMILAR)
    first = 0
    for loop, i in pairs:
        loop.links[i], loop.cosines[i] = links[first : first + len(i)], cosines[first : first + len(i)]
        first += len(i)


def _split(loops: Sequence[Loop], which: Sequence[np.ndarray], pool: Executor | None) -> None:
    """Put a point in the middle of the links named for each loop."""
    # Below 1: the last link ends at 1.
    middles = [loop.s[i] + 0.5 * _steps(loop.s)[i] for loop, i in zip(loops, which, strict=True)]
    places = [
        (loop.lines, loop.start + middle[:, None] * loop.lines.along)
        for loop, middle in zip(loops, middles, strict=True)
    ]
    changed = []
    found = _diagonalise(places, loops[0].states.shape[2], pool)
    for loop, i, middle, (states, gaps) in zip(loops, which, middles, found, strict=True):
        m = len(loop.s)
        place = i + 1 + np.arange(len(i))
        order = np.empty(m + len(i), dtype=int)
        old = np.ones(len(order), dtype=bool)
        old[place] = False
        order[old], order[place] = np.arange(m), m + np.arange(len(i))
        loop.s = np.concatenate([loop.s, middle])[order]
        loop.states = np.concatenate([loop.states, states])[order]
        loop.gaps = np.concatenate([loop.gaps, gaps])[order]
        # The links on both sides of a new point are computed next.
        loop.links, loop.cosines = loop.links[order % m], loop.cosines[order % m]
        changed.append(np.concatenate([place - 1, place]))
    _link(loops, changed)


def _compare_with_half(loops: Sequence[Loop]) -> None:
    """Set centres, and their error as the distance to those from every second point."""
    halves = [np.arange(0, len(loop.s), 2) for loop in loops]
    # Their lengths do not matter here, only the phases of the product's eigenvalues.
    links = overlaps(
        np.concatenate([loop.states[i] for loop, i in zip(loops, halves, strict=True)]),
        np.concatenate([loop.states[np.roll(i, -1)] for loop, i in zip(loops, halves, strict=True)]),
        np.concatenate([loop.turns(_steps(loop.s[i])) for loop, i in zip(loops, halves, strict=True)]),
    )
    ends = np.cumsum([len(i) for i in halves])
    coarse = _centres(np.array([reduce(np.matmul, part) for part in np.split(links, ends[:-1])]))
    centres = _centres(np.array([reduce(np.matmul, loop.links) for loop in loops]))
    for loop, fine, rough in zip(loops, centres, coarse, strict=True):
        loop.centres = fine
        loop.error = circular_distance(fine, rough)


def _give_up(loop: Loop) -> None:
    loop.resolved = False
    loop.centres = _centres(reduce(np.matmul, loop.links)[None])[0]


def _begin(wanted: Sequence[Lines], n_occupied: int, pool: Executor | None) -> list[list[Loop]]:
    """Return loops with their first points and links."""
    positions = [np.union1d(np.arange(FIRST_POINTS) / FIRST_POINTS, lines.extra) for lines in wanted]
    places = [
        (lines, (lines.starts[:, None] + s[:, None] * lines.along).reshape(-1, 3))
        for lines, s in zip(wanted, positions, strict=True)
    ]
    result = []
    found = _diagonalise(places, n_occupied, pool)
    for lines, s, (states, gaps) in zip(wanted, positions, found, strict=True):
        m, shape = len(s), (n_occupied, n_occupied)
        loops = []
        for i, start in enumerate(lines.starts):
            own = slice(i * m, (i + 1) * m)
            links = np.empty((m, *shape), dtype=complex)
            loops.append(
                Loop(lines, start, s, states[own], gaps[own], links, np.empty(m), np.zeros(n_occupied))
            )
        result.append(loops)
    everything = [loop for loops in result for loop in loops]
    _link(everything, [np.arange(len(loop.s)) for loop in everything])
    return result


def transport(
    wanted: Sequence[Lines], n_occupied: int, position_tolerance: float = 0.01, pool: Executor | None = None
) -> list[list[Loop]]:
    """Carry the occupied bands around closed lines, each refined where its bands turn or its gap is small.

    Args:
        wanted: lines of as many models as there are; all with the same number of orbitals.
        n_occupied: number N of bands below the gap.
        position_tolerance: largest error of a centre, as a fraction of the cell; the centres from all points
            and from every second one differ by less.
        pool: where Hamiltonians are diagonalised; None does it here.

    Returns:
        for each of ``wanted`` one Loop per start. Loops whose gap closes come back with ``resolved`` false.

    Source: King-Smith and Vanderbilt, PRB 47, 1651 (1993); Soluyanov and Vanderbilt, PRB 83, 235401 (2011).
    """
    result = _begin(wanted, n_occupied, pool)
    pending = [loop for loops in result for loop in loops]
    while pending:
        work: list[tuple[Loop, np.ndarray]] = []
        smooth = []
        for loop in pending:
            if loop.gaps.min() < CLOSED:
                _give_up(loop)
            elif len(coarse := _coarse_links(loop)):
                work.append((loop, coarse))
            else:
                smooth.append(loop)
        if smooth:
            _compare_with_half(smooth)
        for loop in smooth:
            if loop.error > position_tolerance:
                turn = 1.0 - loop.cosines
                work.append((loop, np.flatnonzero(turn >= 0.25 * turn.max())))
        for loop, i in work:
            if _steps(loop.s)[i].min() < FINEST:
                _give_up(loop)
        work = [(loop, i) for loop, i in work if loop.resolved]
        if work:
            _split([loop for loop, _ in work], [i for _, i in work], pool)
        pending = [loop for loop, _ in work]
    return result


def _coarse_links(loop: Loop) -> np.ndarray:
    """Return the links of a loop that do not resolve the bands."""
    return np.flatnonzero((loop.cosines < SIMILAR) | closing_intervals(loop.s, loop.gaps))
