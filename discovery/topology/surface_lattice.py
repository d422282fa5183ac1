"""The lattice of a surface: its cell for any Miller index, its kind and its zone's own path."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import gcd
from typing import Literal

import numpy as np

Kind = Literal["oblique", "rectangular", "centred", "square", "hexagonal"]

Labels = tuple[tuple[float, str], ...]
"""Distances along a path in 1/Å, and the names of the points there."""

TOLERANCE = 1e-3
"""Relative difference of lengths, and cosine, below which lengths are equal and angles right."""


class MillerError(ValueError):
    """Three numbers that are not a Miller index."""


@dataclass(frozen=True)
class SurfacePath:
    """Straight lines between labelled points of a surface Brillouin zone.

    Attributes:
        labels: names of the corners; ``Γ`` is the zone's centre.
        corners: (n, 2) fractional in-plane reciprocal coordinates of the corners.
        reciprocal: (2, 2) rows of in-plane reciprocal vectors in 1/Å, 2π included.
    """

    labels: tuple[str, ...]
    corners: np.ndarray
    reciprocal: np.ndarray

    def sample(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return about evenly spaced points that hit every corner.

        Returns:
            k: (count, 2) fractional; distance: (count,) along the path in 1/Å; at: (n,) indices of the
            corners.

        Raises:
            ValueError: fewer points than corners.
        """
        if count < len(self.corners):
            raise ValueError(f"{count} points cannot hit the {len(self.corners)} corners of the path")
        lengths = np.linalg.norm(np.diff(self.corners, axis=0) @ self.reciprocal, axis=1)
        ends = np.concatenate([[0.0], np.cumsum(lengths)])
        at = np.rint(ends / ends[-1] * (count - 1)).astype(int)
        for i in range(1, len(at)):  # a short piece keeps both of its ends
            at[i] = max(at[i], at[i - 1] + 1)
        at = np.minimum(at, count - len(at) + np.arange(len(at)))
        index = np.arange(count)
        k = np.stack([np.interp(index, at, self.corners[:, axis]) for axis in (0, 1)], axis=1)
        return k, np.interp(index, at, ends), at


@dataclass(frozen=True)
class SurfaceLattice:
    """A cell of the bulk lattice with two vectors in the surface and one out of it.

    Attributes:
        miller: (h, k, l) in the reciprocal basis of the bulk cell, without common factor.
        in_plane: (2, 3) int, the surface's cell in units of the bulk vectors: two shortest vectors, with an
            acute angle where the lattice is oblique or centred and 120° where it is hexagonal.
        out: (3,) int, completes the cell: the determinant with ``in_plane`` is ±1, and it climbs one layer
            along the outer normal, leaning as little as it can.
        rotation: (3, 3) rows x, y, z in Cartesian coordinates: x along the first in-plane vector, z along the
            outer normal.
        lattice: (3, 3) rows of the new cell in Å, in the old Cartesian frame.
        kind: the two-dimensional Bravais type.
    """

    miller: tuple[int, int, int]
    in_plane: np.ndarray
    out: np.ndarray
    rotation: np.ndarray
    lattice: np.ndarray
    kind: Kind

    @property
    def cell(self) -> np.ndarray:
        """(3, 3) int: in-plane vectors and the one out of the plane in units of the bulk vectors."""
        return np.vstack([self.in_plane, self.out])

    @property
    def spacing(self) -> float:
        """Distance of neighbouring lattice planes in Å."""
        return float(self.lattice[2] @ self.rotation[2])

    @cached_property
    def plane(self) -> np.ndarray:
        """(2, 2) the in-plane vectors in the rotated frame, Å."""
        return (self.lattice[:2] @ self.rotation.T)[:, :2]

    @cached_property
    def reciprocal(self) -> np.ndarray:
        """(2, 2) rows of in-plane reciprocal vectors in the rotated frame, 1/Å, 2π included."""
        return 2.0 * np.pi * np.linalg.inv(self.plane).T

    @cached_property
    def path(self) -> SurfacePath:
        """The path through the surface zone; it meets Γ and the other time-reversal points of its lattice.

        Labels follow Setyawan & Curtarolo, Comput. Mater. Sci. 49, 299 (2010), in the plane: their
        tetragonal Γ–X–M, orthorhombic X, S, Y and hexagonal M, K; their monoclinic plane Γ–Y–H–C–H₁–X for
        the oblique lattice. The centred rectangular zone has no counterpart there. Here X halves the
        reciprocal vector that lies on a mirror line, S the other two, A and B are corners of the hexagon
        (B on the other mirror line).
        """
        labels, corners = _path(self.kind, self.reciprocal)
        return SurfacePath(labels, corners, self.reciprocal)

    def along(self, k: np.ndarray | None, points: int) -> tuple[np.ndarray, np.ndarray, Labels]:
        """Return k, the distance along it in 1/Å and its labels: of the zone's own path where k is None."""
        if k is None:
            k, distance, at = self.path.sample(points)
            return k, distance, tuple(zip(distance[at].tolist(), self.path.labels, strict=True))
        k = np.asarray(k, dtype=float).reshape(-1, 2)
        steps = np.linalg.norm(np.diff(k, axis=0) @ self.reciprocal, axis=1)
        return k, np.concatenate([[0.0], np.cumsum(steps)]), ()


def surface(
    lattice: np.ndarray, miller: tuple[int, int, int], tolerance: float = TOLERANCE
) -> SurfaceLattice:
    """Return the lattice of a surface.

    Args:
        lattice: (3, 3) rows a, b, c of the bulk cell in Å.
        miller: (h, k, l) in the reciprocal basis of that very cell; a common factor is divided out. The
            outer normal points along h a* + k b* + l c*.
        tolerance: relative difference of lengths, and cosine, that is taken for none.

    Raises:
        MillerError: not three integers, or all zero.
    """
    lattice = np.asarray(lattice, dtype=float)
    h, k, l = _miller(miller)  # noqa: E741
    divisor = gcd(h, k)
    if divisor == 0:
        pair, out = np.array([[1, 0, 0], [0, 1, 0]]), np.array([0, 0, l])
    else:
        p, q = _bezout(h, k)
        u, w = _bezout(divisor, l)
        pair = np.array([[k // divisor, -h // divisor, 0], [p * l, q * l, -divisor]])
        out = np.array([u * p, u * q, w])
    normal = np.linalg.inv(lattice) @ np.array([h, k, l], dtype=float)
    normal /= np.linalg.norm(normal)
    pair, kind = _reduce(pair, lattice, normal, tolerance)
    out = _upright(out, pair, lattice, normal)
    new = np.vstack([pair, out]) @ lattice
    x = new[0] / np.linalg.norm(new[0])
    rotation = np.array([x, np.cross(normal, x), normal])
    return SurfaceLattice((h, k, l), pair, out, rotation, new, kind)


def _miller(miller: tuple[int, int, int]) -> tuple[int, int, int]:
    numbers = np.asarray(miller)
    if numbers.shape != (3,) or not np.issubdtype(numbers.dtype, np.integer) or not numbers.any():
        raise MillerError(f"{miller!r} is no Miller index: three integers, not all zero, as in (1, 0, -1)")
    h, k, l = (int(x) for x in numbers)  # noqa: E741
    divisor = gcd(h, k, l)
    return h // divisor, k // divisor, l // divisor


def _bezout(a: int, b: int) -> tuple[int, int]:
    """Return p, q with p a + q b = gcd(a, b) > 0."""
    old, new = (a, 1, 0), (b, 0, 1)
    while new[0]:
        factor = old[0] // new[0]
        old, new = new, tuple(x - factor * y for x, y in zip(old, new, strict=True))  # type: ignore[assignment]
    sign = 1 if old[0] > 0 else -1
    return sign * old[1], sign * old[2]


def _reduce(
    pair: np.ndarray, lattice: np.ndarray, normal: np.ndarray, tolerance: float
) -> tuple[np.ndarray, Kind]:
    """Gauss's reduction to two shortest vectors, in the setting of their kind and right-handed."""
    a, b = pair
    while True:
        if np.linalg.norm(a @ lattice) > np.linalg.norm(b @ lattice) * (1 + tolerance):
            a, b = b, a
        steps = (a @ lattice) @ (b @ lattice) / np.linalg.norm(a @ lattice) ** 2
        if abs(steps) <= 0.5 + tolerance:
            break
        b = b - round(steps) * a
    long_a, long_b = np.linalg.norm(a @ lattice), np.linalg.norm(b @ lattice)
    cosine = (a @ lattice) @ (b @ lattice) / (long_a * long_b)
    equal, right = long_b - long_a < tolerance * long_a, abs(cosine) < tolerance
    half = abs(abs(steps) - 0.5) < tolerance
    kind: Kind
    if right:
        kind = "square" if equal else "rectangular"
    elif half and equal:
        kind = "hexagonal"
    else:
        kind = "centred" if half or equal else "oblique"
    if not right and (cosine > 0) == (kind == "hexagonal"):
        b = -b
    if np.cross(a @ lattice, b @ lattice) @ normal < 0:
        a, b = (a, -b) if right else (b, a)
    first = next(x for x in (*a, *b) if x)
    if (a.sum() or first) < 0:  # a half turn changes nothing else
        a, b = -a, -b
    return np.array([a, b]), kind


def _upright(out: np.ndarray, pair: np.ndarray, lattice: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """Add in-plane vectors to the one out of the plane until it leans least."""
    plane = pair @ lattice
    start = -np.rint((out @ lattice) @ np.linalg.pinv(plane)).astype(int)
    best, shortest = out, np.inf
    for i, j in product((0, 1, -1), repeat=2):  # the nearest of an acute or obtuse cell is among these
        tried = out + (start + np.array([i, j])) @ pair
        leaning = float(np.linalg.norm(np.cross(tried @ lattice, normal)))
        if leaning < shortest - 1e-6:
            best, shortest = tried, leaning
    return best


def _path(kind: Kind, reciprocal: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Labels and fractional corners of the path of one kind of zone."""
    gamma, x, y, c = (0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.5, 0.5)
    if kind == "square":
        return ("Γ", "X", "M", "Γ"), np.array([gamma, x, c, gamma])
    if kind == "rectangular":
        return ("Γ", "X", "S", "Y", "Γ", "S"), np.array([gamma, x, c, y, gamma, c])
    if kind == "hexagonal":  # 120° in the plane: 60° between reciprocal vectors
        return ("Γ", "M", "K", "Γ"), np.array([gamma, x, (1 / 3, 1 / 3), gamma])
    # The reciprocal vectors enclose an obtuse angle: the zone is the hexagon of ±b₁, ±(b₁ + b₂), ±b₂.
    ring = np.array([(1, 0), (1, 1), (0, 1), (-1, 0), (-1, -1), (0, -1)])
    if kind == "oblique":
        h1, h = _corner(ring[0], ring[1], reciprocal), _corner(ring[1], ring[2], reciprocal)
        return ("Γ", "Y", "H", "C", "H₁", "X", "Γ"), np.array([gamma, y, h, c, h1, x, gamma])
    lengths = np.linalg.norm(ring[:3] @ reciprocal, axis=1)
    own = int(np.argmin([abs(lengths[i - 1] - lengths[i - 2]) for i in range(3)]))  # the other two are equal
    u, p, q = ring[own], ring[own + 1], ring[own + 2]
    a, b = _corner(u, p, reciprocal), _corner(p, q, reciprocal)
    return ("Γ", "X", "A", "S", "Γ", "B"), np.array([gamma, u / 2, a, p / 2, gamma, b])


def _corner(g1: np.ndarray, g2: np.ndarray, reciprocal: np.ndarray) -> np.ndarray:
    """Fractional point as far from two reciprocal lattice points as from Γ."""
    vectors = np.array([g1, g2]) @ reciprocal
    return np.linalg.solve(vectors, 0.5 * (vectors**2).sum(axis=1)) @ np.linalg.inv(reciprocal)
