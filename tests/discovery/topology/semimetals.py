"""Semimetals whose crossings are known in closed form, and changes of description that must not matter."""

from itertools import product

import numpy as np

from discovery.topology.tightbinding import TightBinding
from tests.discovery.topology.models import ONE, X, Y, Z, assemble

CUBIC = 4.0 * np.eye(3)


def from_harmonics(
    terms: dict[tuple[int, int, int], np.ndarray], lattice: np.ndarray = CUBIC
) -> TightBinding:
    """Build Σ over R of e^{2πi k·R} times the matrix given, plus the adjoint, all orbitals at the origin."""
    size = next(iter(terms.values())).shape[0]
    onsite = terms.get((0, 0, 0), np.zeros((size, size)))
    hops = [(0, 0, cell, block) for cell, block in terms.items() if any(cell)]
    return assemble(lattice, np.zeros((1, 3)), [np.asarray(onsite, dtype=complex)], hops, None)


def weyl_pair(m: float, tilt: float = 0.0) -> TightBinding:
    """Two points at (0, 0, ±arccos(m)/2π) that meet at m = 1, where a gap 2 (m − 1) opens.

    Charge with WannierTools' sign is −sgn(det v) = +1 at kz > 0, as the velocity along z is −sin kz there.
    """
    return from_harmonics(
        {
            (0, 0, 0): (4.0 - m) * Z,
            (1, 0, 0): 0.5 / 1j * X - Z,
            (0, 1, 0): 0.5 / 1j * Y - Z,
            (0, 0, 1): 0.5 * Z + 0.5 * tilt / 1j * ONE,
        }
    )


def dirac_semimetal(k0: float = 0.17) -> TightBinding:
    """Four bands, fourfold points at (0, 0, ±k0) kept by a fourfold axis, as in Na3Bi."""
    gx, gy, g0 = np.kron(Z, X), np.kron(ONE, Y), np.kron(ONE, Z)
    return from_harmonics(
        {
            (0, 0, 0): (2.0 - np.cos(2 * np.pi * k0)) * g0,
            (1, 0, 0): 0.5 / 1j * gx - 0.5 * g0,
            (0, 1, 0): 0.5 / 1j * gy - 0.5 * g0,
            (0, 0, 1): 0.5 * g0,
        }
    )


def nodal_ring(level: float = 0.6, shift: float = 0.0) -> TightBinding:
    """Two bands without spin, kept by inversion and time reversal: cos kx + cos ky = 2 − level at kz = 0.

    A shift adds the third Pauli matrix: a gap of 2 |shift| all around.
    """
    return from_harmonics(
        {
            (0, 0, 0): (3.0 - level) * Z + shift * X,
            (1, 0, 0): -0.5 * Z,
            (0, 1, 0): -0.5 * Z,
            (0, 0, 1): 0.5 / 1j * Y - 0.5 * Z,
        }
    )


def double_weyl(k0: float = 0.2) -> TightBinding:
    """Two points of charge ±2 at (0, 0, ±k0): (sin kx + i sin ky)² in the off-diagonal, to lowest order."""
    return from_harmonics(
        {
            (0, 0, 0): (2.0 - np.cos(2 * np.pi * k0)) * Z,
            (1, 0, 0): 0.5 * X - 0.5 * Z,
            (0, 1, 0): -0.5 * X - 0.5 * Z,
            (1, 1, 0): -0.25 * Y,
            (1, -1, 0): 0.25 * Y,
            (0, 0, 1): 0.5 * Z,
        }
    )


def kramers_weyl() -> TightBinding:
    """Σ sin k_i σ_i: a point of charge ±1 at each time-reversal invariant momentum."""
    axes = np.eye(3, dtype=int)
    return from_harmonics(
        {tuple(axes[i].tolist()): 0.5 / 1j * s + 0.01 * (i + 1) * ONE for i, s in enumerate((X, Y, Z))}
    )


def luttinger() -> TightBinding:
    """(J·k)² of spin 3/2 on a cubic lattice: fourfold quadratic touchings at Γ and R, N = 2."""
    up = np.diag(np.sqrt([3.0, 4.0, 3.0]), 1)
    spin = [(up + up.T) / 2, (up - up.T) / 2j, np.diag([1.5, 0.5, -0.5, -1.5])]
    axes = np.eye(3, dtype=int)
    terms = {(0, 0, 0): 2.0 * sum(s @ s for s in spin)}
    for i in range(3):
        terms[tuple(axes[i].tolist())] = -spin[i] @ spin[i]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        both = spin[i] @ spin[j] + spin[j] @ spin[i]
        terms[tuple((axes[i] + axes[j]).tolist())] = -0.25 * both
        terms[tuple((axes[i] - axes[j]).tolist())] = 0.25 * both
    return from_harmonics(terms)


def nodal_plane() -> TightBinding:
    """Two bands that stick together on the whole plane kz = ½."""
    up = np.array([[0, 1], [0, 0]], dtype=complex)
    return from_harmonics({(0, 0, 0): X, (0, 0, 1): up, (1, 0, 0): 0.1 * ONE, (0, 1, 0): 0.07 * ONE})


def moved(model: TightBinding, by: tuple[float, float, float]) -> TightBinding:
    """Shift all of reciprocal space by fractional k, off every mesh and symmetric point."""
    phases = np.exp(-2j * np.pi * (model.cells @ np.array(by)))
    return TightBinding(model.lattice, model.cells, model.hoppings * phases[:, None, None], model.centres)


def rotated(model: TightBinding, seed: int) -> TightBinding:
    """Mix the orbitals by a random unitary matrix; all of them must sit on one place."""
    rng = np.random.default_rng(seed)
    n = model.n_orbitals
    mixing = np.linalg.qr(rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n)))[0]
    hoppings = mixing.conj().T @ model.hoppings @ mixing
    return TightBinding(model.lattice, model.cells, hoppings, model.centres)


def permuted(model: TightBinding, seed: int) -> TightBinding:
    """Reorder orbitals and cells."""
    rng = np.random.default_rng(seed)
    order, cells = rng.permutation(model.n_orbitals), rng.permutation(len(model.cells))
    hoppings = model.hoppings[cells][:, order][:, :, order]
    return TightBinding(model.lattice, model.cells[cells], hoppings, model.centres[order])


def other_cell(model: TightBinding, change: np.ndarray) -> TightBinding:
    """Describe the same crystal by lattice vectors ``change @ lattice``; k becomes k @ change.T."""
    back = np.linalg.inv(change)
    cells = np.rint(model.cells @ back).astype(int)
    return TightBinding(change @ model.lattice, cells, model.hoppings, model.centres @ back)


UNIMODULAR = [
    np.array(rows).reshape(3, 3)
    for rows in product((-1, 0, 1), repeat=9)
    if abs(abs(np.linalg.det(np.array(rows).reshape(3, 3))) - 1) < 1e-9
]


def weyl_between_insulators(m: float) -> TightBinding:
    """Time reversal without inversion: a trivial insulator, four Weyl points, a strong insulator.

    An anisotropic Wilson–Dirac model with τ_y b·σ in no symmetric direction b, N = 2. The points are born at
    m = −2.99069 and annihilate at −2.93556. What Murakami found between any two such insulators:
    S. Murakami, New J. Phys. 9, 356 (2007).
    """
    hops = []
    mass = np.kron(Z, ONE)
    for axis, (velocity, curve, s) in enumerate(
        zip((1.0, 0.8, 0.6), (1.0, 1.2, 0.9), (X, Y, Z), strict=True)
    ):
        cell = tuple(np.eye(3, dtype=int)[axis].tolist())
        hops.append((0, 0, cell, 0.5 * curve * mass + 0.5 / 1j * velocity * np.kron(X, s)))
    broken = sum(b * np.kron(Y, s) for b, s in zip((0.20, 0.12, 0.324), (X, Y, Z), strict=True))
    return assemble(CUBIC, np.zeros((1, 3)), [m * mass + broken], hops)


def tangled(seed: int, n: int, time_reversal: bool = False) -> TightBinding:
    """Random hoppings to neighbours without any gap: dozens of Weyl points, many near each other."""
    rng = np.random.default_rng(seed)
    flip = np.kron(np.eye(n // 2), 1j * Y)
    terms = {}
    for cell in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, -1)):
        block = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
        block *= 1.0 if sum(map(abs, cell)) < 2 else 0.5
        if time_reversal:
            block = 0.5 * (block + flip @ block.conj() @ flip.T)
        terms[cell] = block if any(cell) else 0.5 * (block + block.conj().T)
    return from_harmonics(terms)


def multiplied(model: TightBinding, factors: tuple[int, int, int]) -> TightBinding:
    """Make k run so many times through the zone: as many copies of every node, evenly spaced."""
    cells = model.cells * np.array(factors)
    return TightBinding(model.lattice, cells, model.hoppings, model.centres)


def threefold() -> TightBinding:
    """S·sin k of spin 1, N = 1: eight points where three bands meet, of charge ±2."""
    root = np.sqrt(0.5)
    spin = [
        root * np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]),
        root * np.array([[0, -1j, 0], [1j, 0, -1j], [0, 1j, 0]]),
        np.diag([1.0, 0.0, -1.0]),
    ]
    axes = np.eye(3, dtype=int)
    return from_harmonics({tuple(axes[i].tolist()): 0.5 / 1j * s for i, s in enumerate(spin)})
