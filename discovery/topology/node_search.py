"""The crossings of bands N and N + 1 found so far, each once, with their charges."""

from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from discovery.topology.crossings import Crossing, NodalLine, follow, refine
from discovery.topology.descent import minimise
from discovery.topology.flux import box_flux
from discovery.topology.gap import gaps
from discovery.topology.monopoles import charged_cells, close_in, inside
from discovery.topology.tightbinding import TightBinding
from discovery.topology.zone import active_axes, band_symmetries, directions, distance, wrap

SYMMETRIC_EV = 0.02
"""How well Wannier functions keep the symmetry of bands N and N + 1, for copies of a node, in eV."""

NOISE = 1e-3
"""And for leaving copies out of a search, in eV."""

RADIUS = 0.02
"""Size in 1/Å of the surface around a node, where its neighbours leave room."""

LINE = 0.02
"""How much flatter than across it a crossing may be in the direction in which it could be a line."""


@dataclass(frozen=True)
class Node:
    """An isolated point where bands N and N + 1 touch.

    Attributes:
        k_frac: (3,) fractional position in (−½, ½].
        k_cart: (3,) the same in 1/Å.
        energy: eV.
        multiplicity: number of bands that meet.
        chirality: charge with WannierTools' sign (see ``flux.BoxFlux``); None for a layer, or where no gapped
            surface around the node was found.
        gap_ev: direct gap left at the position found.
        slopes: (3,) how steeply the multiplet splits along its principal axes in eV Å, falling; a zero marks
            a quadratic touching.
        radius: half the length of the shortest edge of the surface, in 1/Å; None without chirality.
        surface_gap_ev: smallest gap on that surface.
        copies: number that nodes related by time reversal or a point symmetry share.
    """

    k_frac: np.ndarray
    k_cart: np.ndarray
    energy: float
    multiplicity: int
    chirality: int | None
    gap_ev: float
    slopes: np.ndarray
    radius: float | None = None
    surface_gap_ev: float | None = None
    copies: int = 0


class NodeSearch:
    """Crossings found so far, each once, points and lines apart."""

    def __init__(self, model: TightBinding, n_occupied: int, closed_below_ev: float) -> None:
        self.model = model
        self.n = n_occupied
        self.tolerance = closed_below_ev
        self.points: list[Crossing] = []
        self.lines: list[NodalLine] = []
        self.surface = False
        self.suspects: list[tuple[np.ndarray, np.ndarray]] = []
        self.unexplained = 0
        self._charges: dict[bytes, tuple[int, float, float]] = {}
        axes = active_axes(model)
        self.dimensions = len(axes)
        lengths = np.linalg.norm(model.reciprocal, axis=1)
        self.step = 0.03 * float(min((lengths[axis] for axis in axes), default=1.0))
        # Widest change of energy per 1/Å that the model has: what a slope is small against.
        self.steepness = float(np.ptp(model.bands(np.zeros(3))) / lengths.max()) + 1e-12
        edge = slice(n_occupied - 1, n_occupied + 1)
        self.symmetries = band_symmetries(model, SYMMETRIC_EV, edge)

    def add(self, starts: np.ndarray) -> None:
        """Put each start onto a crossing and keep what is new."""
        for k in starts:
            if self.surface or self._on_line(k):
                continue
            found = refine(self.model, k, self.n, self.tolerance)
            if found.gap_ev > self.tolerance or self._on_line(found.k) or self._known(found):
                continue
            line = self._line(found)
            if line is None:
                self.points.append(found)
            else:
                self.lines.append(line)
                self.points = [point for point in self.points if not self._on_line(point.k)]

    def images(self) -> np.ndarray:
        """Return (m, 3) where symmetries of the bands put further copies of the points."""
        k = np.array([point.k for point in self.points]).reshape(-1, 3)
        return np.concatenate([k @ matrix for matrix in self.symmetries])

    def add_charged(self, direct: np.ndarray) -> None:
        """Add nodes of the cells of a mesh whose charge no node explains yet; count the cells left over.

        Args:
            direct: (n1, n2, n3) direct gaps on the mesh in eV.
        """
        self.unexplained = 0
        if self.dimensions < 3 or self._paired():
            return
        size = np.array(direct.shape)
        radius = 0.1 * float(min(np.linalg.norm(self.model.reciprocal, axis=1) / size))
        basis = directions(self.model) @ np.linalg.inv(self.model.reciprocal)
        edge = slice(self.n - 1, self.n + 1)
        symmetries = band_symmetries(self.model, NOISE, edge)
        for cell in charged_cells(self.model, self.n, direct, symmetries):
            if self.lines or self.surface:
                return
            if self._holds(cell, size):
                continue
            middle = close_in(self.model, self.n, cell, size)
            if middle is None:
                continue
            self.add(np.stack([middle, *self._lowest(middle[None], radius, basis)]))
            self.add(self.images())
            self.unexplained += not self._holds(cell, size)

    def _paired(self) -> bool:
        """Tell whether bands are twofold everywhere, by inversion and time reversal: nodes have no charge."""
        if self.model.n_orbitals % 2 or self.n % 2:
            return False
        energies = self.model.bands(np.random.default_rng(0).random((4, 3)))
        return bool((energies[:, 1::2] - energies[:, ::2]).max() < self.tolerance)

    def _holds(self, cell: np.ndarray, size: np.ndarray) -> bool:
        k = np.array([point.k for point in self.points]).reshape(-1, 3)
        return bool(inside(cell, size, k).any())

    def _lowest(self, starts: np.ndarray, radius: float, basis: np.ndarray) -> np.ndarray:
        return minimise(lambda k: gaps(self.model, k, self.n) ** 2, starts, radius, basis)[0]

    def _known(self, found: Crossing) -> bool:
        flat = found.slopes[-1] < 0.01 * found.slopes[0] + 1e-9
        near = 1e-3 if flat else 1e-5
        return any(distance(self.model, found.k, point.k) < near for point in self.points)

    def _on_line(self, k: np.ndarray) -> bool:
        for line in self.lines:
            spacing = np.linalg.norm((line.k[1] - line.k[0]) @ self.model.reciprocal)
            if distance(self.model, line.k, k).min() < 0.75 * spacing:
                return True
        return False

    def _line(self, found: Crossing) -> NodalLine | None:
        if self.dimensions < 2 or found.slopes[0] < 1e-6 * self.steepness:
            return None
        if found.slopes[-1] > LINE * found.slopes[0]:
            return None
        flat = found.slopes < 1e-3 * found.slopes[0]
        if flat.sum() == 2:
            ways = (found.axes[1], found.axes[2], (found.axes[1] + found.axes[2]) / np.sqrt(2))
            walks = [self._walk(found, way, 1.0, 6) for way in ways]
            if all(walk is not None for walk in walks):
                self.surface = True
                return walks[0]
        for fraction, bound in ((1.0, 400), (0.25, 100), (1 / 16, 100)):
            line = self._walk(found, found.axes[-1], fraction, bound)
            if line is not None:
                return line
        return None

    def _walk(self, found: Crossing, way: np.ndarray, fraction: float, bound: int) -> NodalLine | None:
        step, length = fraction * self.step, 4 * self.step
        return follow(self.model, found, self.n, self.tolerance, way, step, length, bound)

    def nodes(self) -> list[Node]:
        """Return the points with their charges, copies of each other together."""
        self.suspects = []
        nodes = [self._node(point) for point in self.points]
        copies = self._copies(nodes)
        nodes = [replace(node, copies=number) for node, number in zip(nodes, copies, strict=True)]
        return sorted(nodes, key=lambda node: (node.copies, *np.round(node.k_frac, 5)))

    def _node(self, point: Crossing) -> Node:
        k = wrap(point.k)
        charge, radius, surface_gap = self._charge(point) if self.dimensions == 3 else (None, None, None)
        return Node(
            k_frac=k,
            k_cart=k @ self.model.reciprocal,
            energy=point.energy_ev,
            multiplicity=point.multiplicity,
            chirality=charge,
            gap_ev=point.gap_ev,
            slopes=point.slopes,
            radius=radius,
            surface_gap_ev=surface_gap,
        )

    def _charge(self, point: Crossing) -> tuple[int | None, float | None, float | None]:
        """Return charge, radius and gap of the first surface around a node that is gapped and fine enough.

        Two bands that cross linearly tell their charge by the handedness of their velocities as well; where
        the flux is another one, something else lies inside, and the surface is drawn tighter.
        """
        others = [other.k[None] for other in self.points if other is not point] + [x.k for x in self.lines]
        room = min((float(distance(self.model, k, point.k).min()) for k in others), default=np.inf)
        # Edges follow the cone, longer where it is flat, so that the flux is spread evenly over the faces.
        stretch = np.clip(point.slopes[0] / np.maximum(point.slopes, 1e-300), 1.0, 4.0)
        widest = 0.5 * room / float(np.linalg.norm(stretch))
        known = self._charges.get(point.k.tobytes())
        if known is not None and known[1] <= widest:
            return known
        expected = -point.handedness if point.handedness else None
        for radius in (min(RADIUS, widest) * factor for factor in (1.0, 0.3, 3.0, 0.1, 0.03)):
            if radius > widest:
                continue
            edges = radius * stretch[:, None] * point.axes
            for divisions in (4, 8, 16):
                found = box_flux(self.model, point.k, edges, 0, self.n, divisions)
                if found.gap_ev < max(10 * point.gap_ev, 1e-7) or found.converged:
                    break
            if not found.converged:
                continue
            if expected in (None, found.charge):
                self._charges[point.k.tobytes()] = found.charge, float(radius), found.gap_ev
                return self._charges[point.k.tobytes()]
            self.suspects.append((point.k, edges))
        return None, None, None

    def beside_suspects(self) -> np.ndarray:
        """Return (m, 3) minima of the gap where a surface around a node held more than that node."""
        if not self.suspects:
            return np.empty((0, 3))
        to_fractional = np.linalg.inv(self.model.reciprocal)
        corners = np.array(list(product((-0.6, 0.6), repeat=3)))
        starts = np.concatenate([k + corners @ edges @ to_fractional for k, edges in self.suspects])
        size = max(float(np.abs(edges).max()) for _, edges in self.suspects)
        basis = directions(self.model) @ to_fractional
        return self._lowest(starts, 0.3 * size, basis)

    def _copies(self, nodes: list[Node]) -> list[int]:
        numbers = list(range(len(nodes)))
        for i, node in enumerate(nodes):
            images = node.k_frac @ self.symmetries
            for j, other in enumerate(nodes[:i]):
                alike = (
                    node.multiplicity == other.multiplicity
                    and abs(node.chirality or 0) == abs(other.chirality or 0)
                    and abs(node.energy - other.energy) < SYMMETRIC_EV
                )
                if alike and distance(self.model, images, other.k_frac).min() < 0.5 * RADIUS:
                    old, new = numbers[i], numbers[j]
                    numbers = [new if number == old else number for number in numbers]
        order = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
        return [order[number] for number in numbers]
