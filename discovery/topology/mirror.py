"""Chern numbers of the two mirror sectors on the mirror planes of the zone.

On a plane that a mirror maps to itself the bands have mirror eigenvalues ±i. The occupied bands of either
sector have a Chern number; n_M = (C₊ᵢ − C₋ᵢ)/2 protects surface states of topological crystalline insulators.

Source: Teo, Fu and Kane, Phys. Rev. B 78, 045426 (2008); Hsieh et al., Nat. Commun. 3, 982 (2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from discovery.topology.chern import ChernResult, chern_number
from discovery.topology.gap import check_occupied
from discovery.topology.orbitals import Site
from discovery.topology.reflections import Mirror, Plane, find_mirrors
from discovery.topology.tightbinding import Gauge, HamiltonianError, TightBinding

TOLERANCE = 0.1
"""Largest matrix element of M H M⁻¹ − H that can be noise of the Wannier functions, in eV."""

_MESH = 12
_SAMPLE = 5  # mesh of the zone on which a mirror is tried; odd, or most of it would lie on mirror planes


@dataclass(frozen=True)
class MirrorChern:
    """Mirror Chern number of one plane.

    Attributes:
        mirror: name of the mirror.
        plane: name of the plane.
        plus: Chern number of the occupied bands with eigenvalue +i; None where it was not computed.
        minus: likewise −i.
        occupied: how many bands of either sector are occupied.
        number: n_M = (C₊ᵢ − C₋ᵢ)/2, None where it is undecided.
        violation: largest matrix element of M H M⁻¹ − H on the plane, in eV.
        direct_gap: smallest direct gap of the symmetric H on the plane, in eV.
        reason: why there is no number; empty where there is.
    """

    mirror: str
    plane: str
    plus: ChernResult | None
    minus: ChernResult | None
    occupied: tuple[int, int]
    number: int | None
    violation: float
    direct_gap: float
    reason: str


@dataclass(frozen=True)
class MirrorSector(TightBinding):
    """A model whose lowest half are the bands of one mirror eigenvalue.

    H is made symmetric and the other sector lifted above everything else, on the mirror plane alone.
    """

    mirror: Mirror | None = field(default=None)
    sign: int = 1

    @cached_property
    def _lift(self) -> float:
        return 2.0 * float(np.abs(self.hoppings).sum(axis=(0, 2)).max()) + 1.0

    def hamiltonian(self, k: np.ndarray, gauge: Gauge = "periodic") -> np.ndarray:
        """Return H with the other sector lifted: (..., 3) → (..., n, n), in eV."""
        assert self.mirror is not None
        h = super().hamiltonian(k)
        m = self.mirror.operator(k)
        h = 0.5 * (h + m @ h @ m.conj().swapaxes(-1, -2))
        h = h + 0.5 * self._lift * (np.eye(self.n_orbitals) + 1j * self.sign * m)
        if gauge == "atomic":
            orbital = np.exp(2j * np.pi * (np.asarray(k, dtype=float) @ self.centres.T))
            h = orbital.conj()[..., :, None] * h * orbital[..., None, :]
        return np.asarray(h)


def mirror_chern(
    model: TightBinding, n_occupied: int, mirror: Mirror, plane: str, tolerance: float = TOLERANCE
) -> MirrorChern:
    """Return the mirror Chern number of the occupied bands on one plane.

    H is made symmetric first, (H + M H M⁻¹)/2. That cannot change the number while ‖M H M⁻¹ − H‖ stays below
    the gap (Weyl's inequality), and there is no number otherwise.

    Args:
        model: the Hamiltonian whose basis the mirror is written in.
        n_occupied: number of bands below the gap.
        mirror: the operation.
        plane: one of ``mirror.planes``.
        tolerance: largest violation of the mirror in eV.

    Raises:
        HamiltonianError: an impossible number of bands, or a mirror that the Hamiltonian violates.
    """
    check_occupied(model, n_occupied)
    result = _on_plane(model, n_occupied, mirror, plane, tolerance)
    if not result.violation <= tolerance:
        raise HamiltonianError(result.reason)
    return result


def _on_plane(
    model: TightBinding, n_occupied: int, mirror: Mirror, plane: str, tolerance: float
) -> MirrorChern:
    origin, e1, e2 = mirror.planes[plane]
    mesh = _mesh(mirror.planes[plane])
    change = mirror_change(model, mirror, mesh)
    violation, norm = float(np.abs(change).max()), float(np.linalg.norm(change, 2, axis=(1, 2)).max())

    def without(occupied: tuple[int, int], gap: float, reason: str) -> MirrorChern:
        return MirrorChern(mirror.name, plane, None, None, occupied, None, violation, gap, reason)

    if not violation <= tolerance:
        return without(
            (0, 0),
            float("nan"),
            f"{mirror.name} is violated by {violation:.3g} eV on {plane} (more than {tolerance:g} eV): the "
            "Wannier functions break it, or the orbitals, their order or the spin order are not as given",
        )
    sectors = [_sector(model, mirror, sign) for sign in (1, -1)]
    half = model.n_orbitals // 2
    energies = np.concatenate([sector.bands(mesh)[:, :half] for sector in sectors], axis=1)
    order = np.argsort(energies, axis=1)
    counts = (order[:, :n_occupied] < half).sum(axis=1)
    plus = int(counts[0])
    occupied = (plus, n_occupied - plus)
    edges = np.take_along_axis(energies, order[:, n_occupied - 1 : n_occupied + 1], axis=1)
    gap = float(np.diff(edges, axis=1).min())
    if np.ptp(counts) or not all(0 <= count < half for count in occupied):
        reason = "bands of the two sectors cross: the occupied ones change their mirror eigenvalue"
        return without(occupied, gap, reason)
    noise = f"{mirror.name} is violated by {1e3 * norm:.3g} meV on {plane}, no less than the gap of "
    if norm >= gap:
        return without(occupied, gap, f"{noise}{1e3 * gap:.3g} meV")
    elsewhere = _violation(model, mirror)
    if not elsewhere <= tolerance:
        reason = (
            f"{mirror.name} is violated by {violation:.3g} eV on {plane} but by {elsewhere:.3g} eV in the "
        )
        return without(occupied, gap, f"{reason}rest of the zone: the Hamiltonian has not this mirror")
    up, down = (
        chern_number(sector, count, (origin, e1, e2)) if count else None
        for sector, count in zip(sectors, occupied, strict=True)
    )
    both = [result for result in (up, down) if result]
    gap = min(gap, *(result.direct_gap for result in both))
    reason = next((result.reason for result in both if not result.agree), "")
    difference = (up.fukui or 0 if up else 0) - (down.fukui or 0 if down else 0)
    if not reason and norm >= gap:
        reason = f"{noise}{1e3 * gap:.3g} meV"
    if not reason and difference % 2:
        reason = f"the Chern numbers of the two sectors differ by {difference}, which is odd"
    number = None if reason else difference // 2
    return MirrorChern(mirror.name, plane, up, down, occupied, number, violation, gap, reason)


def mirror_chern_numbers(
    model: TightBinding, n_occupied: int, sites: Sequence[Site], tolerance: float = TOLERANCE
) -> tuple[MirrorChern, ...]:
    """Return the mirror Chern numbers of a crystal, empty where it has no mirror.

    Mirrors that a rotation of the crystal takes into one another have the same numbers: the one that the
    Hamiltonian violates least stands for all. Where it is violated too much there is no number but a reason.

    Args:
        model: spin–orbit Hamiltonian with a known order of spins.
        n_occupied: number of bands below the gap.
        sites: atoms with orbitals, in the order of the basis.
        tolerance: largest violation of a mirror in eV.

    Raises:
        HamiltonianError: an impossible number of bands, or what `find_mirrors` refuses.
    """
    check_occupied(model, n_occupied)
    families: dict[tuple[int, ...], list[Mirror]] = {}
    for mirror in find_mirrors(model, sites):
        families.setdefault(mirror.family, []).append(mirror)
    chosen = [min(alike, key=lambda mirror: _violation(model, mirror)) for alike in families.values()]
    return tuple(
        _on_plane(model, n_occupied, mirror, plane, tolerance) for mirror in chosen for plane in mirror.planes
    )


def _violation(model: TightBinding, mirror: Mirror) -> float:
    """Largest matrix element of M H(k) M⁻¹ − H(image of k) in eV, rounded: noise orders nothing.

    In the whole zone: on its planes a mirror may hold of a model that breaks it everywhere else, for there
    bonds that it exchanges can add up.
    """
    k = np.array(list(np.ndindex(_SAMPLE, _SAMPLE, _SAMPLE))) / _SAMPLE
    return round(float(np.abs(mirror_change(model, mirror, k)).max()), 4)


def _mesh(plane: Plane) -> np.ndarray:
    """Points (n, 3) over a plane."""
    origin, e1, e2 = plane
    t = np.arange(_MESH) / _MESH
    return np.asarray(origin + t[:, None, None] * e1 + t[:, None] * e2).reshape(-1, 3)


def mirror_change(model: TightBinding, mirror: Mirror, k: np.ndarray) -> np.ndarray:
    """Return M(k) H(k) M(k)⁻¹ − H(image of k) in eV at fractional k: (..., 3) → (..., n, n)."""
    h, m = model.hamiltonian(k), mirror.operator(k)
    return np.asarray(m @ h @ m.conj().swapaxes(-1, -2) - model.hamiltonian(mirror.image(k)))


def _sector(model: TightBinding, mirror: Mirror, sign: int) -> MirrorSector:
    return MirrorSector(
        model.lattice, model.cells, model.hoppings, model.centres, model.spin, mirror=mirror, sign=sign
    )
