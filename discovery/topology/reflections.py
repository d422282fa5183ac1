"""Mirror operations of a crystal, written in the basis of its Wannier Hamiltonian."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import gcd

import numpy as np

from discovery.topology.orbitals import Site, action
from discovery.topology.surface_lattice import surface
from discovery.topology.tightbinding import HamiltonianError, TightBinding

Plane = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Origin (3,) and two integer reciprocal vectors (3,): k = origin + t e1 + s e2."""

PAULI = np.array([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])


@dataclass(frozen=True)
class Mirror:
    """A mirror operation in the basis of a model.

    Attributes:
        rotation: (3, 3) int, acts on fractional columns.
        translation: (3,) fractional; the operation has order two up to the spin.
        axis: (3,) int, the shortest lattice vector along the normal.
        normal: (3,) Cartesian unit vector along it.
        matrix: (n, n) unitary part that does not depend on k, spin −iσ·n included.
        shifts: (n, 3) int lattice vector by which the image of each orbital lies outside the home cell.
        planes: name → origin and two reciprocal vectors of each plane of the zone that it maps to itself;
            their cross product points along the normal.
        family: the same for mirrors that a rotation of the crystal takes into one another.
    """

    rotation: np.ndarray
    translation: np.ndarray
    axis: np.ndarray
    normal: np.ndarray
    matrix: np.ndarray
    shifts: np.ndarray
    planes: dict[str, Plane]
    family: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """The normal as a lattice direction, such as ``m [1 -1 0]``."""
        return f"m [{' '.join(map(str, self.axis))}]"

    def image(self, k: np.ndarray) -> np.ndarray:
        """Return where the mirror takes fractional k: (..., 3) → (..., 3)."""
        return np.asarray(np.asarray(k, dtype=float) @ np.linalg.inv(self.rotation))

    def operator(self, k: np.ndarray) -> np.ndarray:
        """Return M(k), from k to its image, in the periodic gauge: fractional (..., 3) → (..., n, n).

        On a mirror plane k and its image are the same point.
        """
        phases = np.exp(-2j * np.pi * (self.image(k) @ self.shifts.T))
        return self.matrix * phases[..., None, :]


def find_mirrors(model: TightBinding, sites: Sequence[Site], symprec: float = 1e-3) -> tuple[Mirror, ...]:
    """Return the mirrors of a crystal, glides left out, each in the basis of its model.

    Args:
        model: spin–orbit Hamiltonian with a known order of spins, which are quantised along Cartesian z.
        sites: atoms with orbitals, in the order of the basis.
        symprec: in Å.

    Raises:
        HamiltonianError: sites that do not make up the basis, an unknown spin order, or orbitals that a
            mirror mixes with others.
    """
    import spglib

    kinds = {
        kind: i for i, kind in enumerate(dict.fromkeys((s.element, tuple(s.orbitals)) for s in sites), 1)
    }
    positions = np.array([site.position for site in sites], dtype=float)
    numbers = [kinds[site.element, tuple(site.orbitals)] for site in sites]
    cell = (model.lattice.tolist(), positions.tolist(), numbers)
    found = spglib.get_symmetry(cell, symprec=symprec)
    if not found:
        raise HamiltonianError(
            "no symmetry could be found: two atoms share a place, or the cell is degenerate"
        )
    mirrors: dict[bytes, Mirror] = {}
    for rotation, translation in zip(found["rotations"], found["translations"], strict=True):
        rotation = np.asarray(rotation, dtype=int)
        if not _is_mirror(rotation):
            continue
        straight = _without_glide(rotation, np.asarray(translation, dtype=float))
        if straight is not None and rotation.tobytes() not in mirrors:
            found_one = mirror_operator(model, sites, rotation, straight, symprec)
            family = _family(rotation, np.asarray(found["rotations"], dtype=int))
            mirrors[rotation.tobytes()] = replace(found_one, family=family)
    return tuple(sorted(mirrors.values(), key=lambda m: (np.abs(m.axis).sum(), *(-m.axis))))


def mirror_operator(
    model: TightBinding,
    sites: Sequence[Site],
    rotation: np.ndarray,
    translation: np.ndarray,
    symprec: float = 1e-3,
) -> Mirror:
    """Return a mirror in the basis of a model.

    Args:
        model: spin–orbit Hamiltonian with a known order of spins, which are quantised along Cartesian z.
        sites: atoms with orbitals, in the order of the basis.
        rotation: (3, 3) int acting on fractional columns.
        translation: (3,) fractional.
        symprec: how far an image may lie from its atom, in Å.

    Raises:
        HamiltonianError: no mirror, sites that do not make up the basis, an unknown spin order, or orbitals
            that the mirror mixes with others.
    """
    rotation = np.asarray(rotation, dtype=int)
    if not _is_mirror(rotation):
        raise HamiltonianError("the rotation is no mirror")
    if model.spin is None:
        raise HamiltonianError("mirror Chern numbers need spin–orbit coupling and a known order of spins")
    counts = [len(site.orbitals) for site in sites]
    half = sum(counts)
    if 2 * half != model.n_orbitals:
        raise HamiltonianError(f"{half} orbitals with two spins do not make up {model.n_orbitals}")
    cartesian = model.lattice.T @ rotation @ np.linalg.inv(model.lattice.T)
    columns = np.eye(3, dtype=int) - rotation
    axis = next(column for column in columns.T if column.any())
    axis = axis // gcd(*axis.tolist()) * (1 if next(x for x in axis if x) > 0 else -1)
    normal = axis @ model.lattice / np.linalg.norm(axis @ model.lattice)
    starts = np.cumsum([0, *counts])
    spatial, shifts = np.zeros((half, half)), np.zeros((half, 3), dtype=int)
    for i, site in enumerate(sites):
        j, shift = _image(model, sites, i, rotation @ np.asarray(site.position) + translation, symprec)
        own, there = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
        try:
            spatial[there, own] = action(site.orbitals, cartesian)
        except ValueError as error:
            raise HamiltonianError(f"{site.element}: {error}") from None
        shifts[own] = shift
    spin = -1j * np.tensordot(normal, PAULI, axes=1)
    if model.spin == "interleaved":
        matrix, shifts = np.kron(spatial, spin), np.repeat(shifts, 2, axis=0)
    else:
        matrix, shifts = np.kron(spin, spatial), np.tile(shifts, (2, 1))
    planes = _planes(model, rotation, axis)
    return Mirror(rotation, np.asarray(translation, dtype=float), axis, normal, matrix, shifts, planes)


def _is_mirror(rotation: np.ndarray) -> bool:
    return bool(np.trace(rotation) == 1 and np.array_equal(rotation @ rotation, np.eye(3)))


def _family(rotation: np.ndarray, group: np.ndarray) -> tuple[int, ...]:
    """Return one of the conjugates of a rotation in a point group, the same one for all of them."""
    conjugates = group @ rotation @ np.rint(np.linalg.inv(group)).astype(int)
    return min(tuple(matrix.ravel().tolist()) for matrix in conjugates)


def _without_glide(rotation: np.ndarray, translation: np.ndarray) -> np.ndarray | None:
    """Return the translation, up to lattice vectors, that makes the operation its own inverse."""
    for cell in product((0, -1, 1), repeat=3):
        moved = translation - np.round(translation) + np.array(cell)
        if np.abs(rotation @ moved + moved).max() < 1e-3:
            return np.asarray(moved)
    return None


def _image(
    model: TightBinding, sites: Sequence[Site], own: int, place: np.ndarray, symprec: float
) -> tuple[int, np.ndarray]:
    """Return which site lies at a place, and in which cell."""
    for j, site in enumerate(sites):
        if site.element == sites[own].element and tuple(site.orbitals) == tuple(sites[own].orbitals):
            away = place - np.asarray(site.position, dtype=float)
            cell = np.round(away)
            if np.linalg.norm((away - cell) @ model.lattice) < 10 * symprec:
                return j, cell.astype(int)
    raise HamiltonianError(
        f"the mirror takes {sites[own].element} {own + 1} to a place where no like atom is"
    )


def _planes(model: TightBinding, rotation: np.ndarray, axis: np.ndarray) -> dict[str, Plane]:
    """Planes k·n = 0 and, where it is another one, half a reciprocal vector along the normal above it."""
    h, k, l = (int(x) for x in axis)  # noqa: E741
    e1, e2 = surface(model.reciprocal, (h, k, l)).in_plane
    reciprocal = np.round(np.linalg.inv(rotation).T).astype(int)
    along = next(column for column in (np.eye(3, dtype=int) - reciprocal).T if column.any())
    along = along // gcd(*along.tolist())
    planes: dict[str, Plane] = {"k·n = 0": (np.zeros(3), e1, e2)}
    if (along @ axis) % 2:
        planes["k·n = ½"] = (along / 2, e1, e2)
    return planes
