"""Where the gap could close unseen between the points of a plane."""

from itertools import product

import numpy as np

from discovery.topology.descent import minimise
from discovery.topology.gap import gaps
from discovery.topology.loops import FIRST_POINTS, Loop, may_close, shared_positions
from discovery.topology.tightbinding import TightBinding

MISSED = 0.5
"""A gap smaller than this part of those sampled around it was overlooked."""

MOST_MINIMA = 8
"""From how many minima of the sampled gap it is minimised."""

LOOKS = ((0.9, 2.0**-6), (0.75, 2.0**-8), (MISSED, 2.0**-12))
"""Below which part of the gaps seen around it a minimum must lie, its place being known how well (in units
of a reciprocal vector), to be looked at closer."""

QUADRATIC = 0.1
"""Largest error of a quadratic fit, as a part of the range of its values, that is believed."""

NEW_LINE = 2.0**-16
"""A minimum nearer than this to a line needs no line of its own."""


def gaps_may_close(
    t: np.ndarray, loops: list[Loop], mirrored: bool, known: dict[tuple[float, ...], bool]
) -> np.ndarray:
    """Tell between which neighbouring lines (m − 1,) the direct gap could reach zero, extrapolated.

    Args:
        t: (m,) positions of the lines.
        loops: the lines.
        mirrored: the lines beyond both ends are those within at −k; otherwise they repeat with period 1.
        known: answers for four neighbouring lines by their positions; new ones are added.
    """
    lines = [(loop.s, loop.gaps) for loop in loops]
    if mirrored:
        ends = [_reversed(*lines[1]), _reversed(*lines[-2])]
        x = np.concatenate([[2 * t[0] - t[1]], t, [2 * t[-1] - t[-2]]])
    else:
        ends = [lines[-2], lines[1]]
        x = np.concatenate([[t[-2] - 1.0], t, [t[1] + 1.0]])
    lines = [ends[0], *lines, ends[1]]
    result = np.zeros(len(t) - 1, dtype=bool)
    for i in range(len(result)):
        where = tuple(x[i : i + 4].tolist())
        if where not in known:
            known[where] = _four_may_close(x[i : i + 4], lines[i : i + 4])
        result[i] = known[where]
    return result


def _reversed(s: np.ndarray, gap: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ascending positions and gaps of the line through −k."""
    order = np.argsort((-s) % 1.0)
    return ((-s) % 1.0)[order], gap[order]


def _four_may_close(x: np.ndarray, lines: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Tell whether the gap could close between the middle two of four lines, each as (s, gaps)."""
    gaps = [lines[0][1]]
    common = lines[0][0]
    for s, gap in lines[1:]:
        i, j = shared_positions(common, s)
        common, gaps = common[i], [*(seen[i] for seen in gaps), gap[j]]
    return bool(may_close(x[:, None], np.array(gaps)).any())


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
    promising = lowest_expected(np.array(around)[:, i, j]) < LOOKS[0][0] * mesh[i, j]
    i, j = i[promising], j[promising]
    if not len(i):
        return []
    lowest = np.argsort(mesh[i, j])[:MOST_MINIMA]
    k = np.stack([t[rows[i[lowest]]], first[j[lowest]], np.zeros(len(lowest))], axis=1)

    def squares(k: np.ndarray) -> np.ndarray:
        return gaps(model, k, n_occupied) ** 2

    radius = 0.5 / FIRST_POINTS
    for part, accuracy in LOOKS:
        k, lowest_squares = minimise(squares, k, radius, np.eye(3)[:2], accuracy)
        places = [_in_the_plane(place, mirrored) for place in k]
        seen = np.array([_gap_seen(t, loops, *place) for place in places])
        deep = np.flatnonzero(np.sqrt(lowest_squares) < part * seen)
        k, radius = k[deep], accuracy
        if not len(deep):
            return []
    return [places[place] for place in deep]


def lowest_expected(around: np.ndarray) -> np.ndarray:
    """Return the gaps (m,) at the bottoms of quadratics through the squares of nine samples; 0 where unsure.

    Near an avoided crossing the squared gap is quadratic: m² + v²k². Where it is not, the fit says nothing.

    Args:
        around: (9, m) gaps on a square of three by three points, row by row.
    """
    square = np.array(list(product((-1.0, 0.0, 1.0), repeat=2)))
    terms = np.stack(
        [np.ones(9), *square.T, square[:, 0] ** 2, square.prod(axis=1), square[:, 1] ** 2], axis=1
    )
    values = around**2
    c = np.linalg.pinv(terms) @ values
    off = np.abs(terms @ c - values).max(axis=0) / (np.ptp(values, axis=0) + 1e-300)
    a, b, d = 2.0 * c[3], c[4], 2.0 * c[5]
    determinant = a * d - b * b
    with np.errstate(divide="ignore", invalid="ignore"):
        bottom = c[0] - 0.5 * (d * c[1] ** 2 - 2.0 * b * c[1] * c[2] + a * c[2] ** 2) / determinant
    sure = (off < QUADRATIC) & (a > 0) & (determinant > 0)
    return np.where(sure, np.sqrt(np.maximum(np.where(sure, bottom, 0.0), 0.0)), 0.0)


def _in_the_plane(k: np.ndarray, mirrored: bool) -> tuple[float, float]:
    """Return (t, s) of a point in the part of the plane where lines lie."""
    t, s = k[0] % 1.0, k[1]
    if mirrored and t > 0.5:
        t, s = 1.0 - t, -s
    return float(t), float(np.round(s * 2.0**20) / 2.0**20) % 1.0


def _gap_seen(t: np.ndarray, loops: list[Loop], at_t: float, at_s: float) -> float:
    """Return the gap in eV that the line on either side saw near a point, or the line that it lies on."""
    after = int(np.searchsorted(t, at_t - NEW_LINE))
    sides = [after] if t[after] <= at_t + NEW_LINE else [after - 1, after]
    near = [np.abs((loops[side].s - at_s + 0.5) % 1.0 - 0.5) <= 1 / FIRST_POINTS for side in sides]
    return float(max(loops[side].gaps[points].min() for side, points in zip(sides, near, strict=True)))
