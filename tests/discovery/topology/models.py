"""Model Hamiltonians with known phases, as TightBinding."""

from collections.abc import Sequence

import numpy as np

from discovery.topology.tightbinding import TightBinding

ONE = np.eye(2, dtype=complex)
X = np.array([[0, 1], [1, 0]], dtype=complex)
Y = np.array([[0, -1j], [1j, 0]])
Z = np.diag([1.0, -1.0]).astype(complex)

Hop = tuple[int, int, tuple[int, int, int], np.ndarray]
"""Site i, site j, R and the matrix ⟨0 i|H|R j⟩; its adjoint is added."""


def assemble(
    lattice: np.ndarray,
    sites: np.ndarray,
    onsite: Sequence[np.ndarray],
    hops: Sequence[Hop],
    spin: str | None = "interleaved",
) -> TightBinding:
    """Put blocks of equal size into a model; every hop is given once, one way."""
    size = onsite[0].shape[0]
    n = len(sites) * size
    table: dict[tuple[int, ...], np.ndarray] = {(0, 0, 0): np.zeros((n, n), dtype=complex)}
    for i, block in enumerate(onsite):
        table[0, 0, 0][i * size : (i + 1) * size, i * size : (i + 1) * size] += block
    for i, j, cell, block in hops:
        back = tuple(-x for x in cell)
        for key in (cell, back):
            table.setdefault(key, np.zeros((n, n), dtype=complex))
        table[cell][i * size : (i + 1) * size, j * size : (j + 1) * size] += block
        table[back][j * size : (j + 1) * size, i * size : (i + 1) * size] += block.conj().T
    centres = np.repeat(np.asarray(sites, dtype=float), size, axis=0)
    return TightBinding(
        np.asarray(lattice, dtype=float), np.array(list(table)), np.array(list(table.values())), centres, spin
    )


def _dirac(
    axes: int, m: float, velocities: Sequence[np.ndarray], mass: np.ndarray, spin: str
) -> TightBinding:
    """Σ sin k_i Γ_i + (m + Σ cos k_i) Γ_0 on a square or cubic lattice."""
    hops: list[Hop] = []
    for axis in range(axes):
        cell = tuple(np.eye(3, dtype=int)[axis].tolist())
        hops.append((0, 0, cell, 0.5 * mass + 0.5 / 1j * velocities[axis]))
    return assemble(np.eye(3) * 4.0, np.zeros((1, 3)), [m * mass], hops, spin)


def bhz(m: float) -> TightBinding:
    """Layer of Bernevig, Hughes and Zhang, spins in blocks: Z2 = 1 for 0 < |m| < 2; gaps close at 0, ±2."""
    return _dirac(2, m, [np.kron(Z, X), np.kron(ONE, Y)], np.kron(ONE, Z), "blocks")


def wilson_dirac(m: float) -> TightBinding:
    """3D Wilson–Dirac: 1;(000) for −3 < m < −1, 0;(111) for |m| < 1, 1;(111) for 1 < m < 3, else 0;(000)."""
    return _dirac(3, m, [np.kron(X, s) for s in (X, Y, Z)], np.kron(Z, ONE), "interleaved")


def wilson_dirac_indices(m: float) -> tuple[int, int, int, int]:
    """Indices of ``wilson_dirac`` from the parities of its eight TRIMs."""
    masses = {n: m + sum(1 - 2 * x for x in n) for n in np.ndindex(2, 2, 2)}
    odd = [sum(mass < 0 for n, mass in masses.items() if n[i] == 1) % 2 for i in range(3)]
    return (sum(mass < 0 for mass in masses.values()) % 2, odd[0], odd[1], odd[2])


HONEYCOMB = np.array([[1.0, 0, 0], [0.5, np.sqrt(3) / 2, 0], [0, 0, 4.0]])
HONEYCOMB_SITES = np.array([[1 / 3, 1 / 3, 0], [2 / 3, 2 / 3, 0]])
_NEAREST = ((0, 0, 0), (-1, 0, 0), (0, -1, 0))
_CLOCKWISE = ((1, 0, 0), (-1, 1, 0), (0, -1, 0))


def kane_mele(lambda_so: float = 0.06, lambda_r: float = 0.0, lambda_v: float = 0.0) -> TightBinding:
    """Kane and Mele, PRL 95, 146802 (2005), t = 1: Z2 = 1 for |λ_v| < 3√3 λ_so at λ_r = 0."""
    hops: list[Hop] = []
    for cell in _NEAREST:
        d = (HONEYCOMB_SITES[1] + cell - HONEYCOMB_SITES[0]) @ HONEYCOMB
        d = d / np.linalg.norm(d)
        hops.append((0, 1, cell, ONE + 1j * lambda_r * (X * d[1] - Y * d[0])))
    for cell in _CLOCKWISE:
        hops += [(0, 0, cell, 1j * lambda_so * Z), (1, 1, cell, -1j * lambda_so * Z)]
    return assemble(HONEYCOMB, HONEYCOMB_SITES, [lambda_v * ONE, -lambda_v * ONE], hops)


def haldane(phi: float = np.pi / 2, m: float = 0.0, t2: float = 0.1) -> TightBinding:
    """Haldane, PRL 61, 2015 (1988), t = 1, without spin: |C| = 1 for |m| < 3√3 t2 |sin φ|."""
    one = np.ones((1, 1))
    hops: list[Hop] = [(0, 1, cell, one) for cell in _NEAREST]
    for cell in _CLOCKWISE:
        hops += [(0, 0, cell, t2 * np.exp(1j * phi) * one), (1, 1, cell, t2 * np.exp(-1j * phi) * one)]
    return assemble(HONEYCOMB, HONEYCOMB_SITES, [m * one, -m * one], hops, None)


def fu_kane_mele(bonds: Sequence[float] = (1.4, 1.0, 1.0, 1.0), soc: float = 0.125) -> TightBinding:
    """Diamond lattice of Fu, Kane and Mele, PRL 98, 106803 (2007), with four bond strengths."""
    lattice = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    sites = np.array([[0, 0, 0], [0.25, 0.25, 0.25]])
    cells = [(0, 0, 0), (-1, 0, 0), (0, -1, 0), (0, 0, -1)]
    d = [(sites[1] + cell) @ lattice for cell in cells]
    hops: list[Hop] = [(0, 1, cell, t * ONE) for cell, t in zip(cells, bonds, strict=True)]
    for p in range(4):
        for q in range(p):
            cell = tuple((np.array(cells[p]) - cells[q]).tolist())
            turn = -8.0 * np.cross(d[p], d[q])
            block = 1j * soc * (turn[0] * X + turn[1] * Y + turn[2] * Z)
            hops += [(0, 0, cell, block), (1, 1, cell, -block)]
    return assemble(lattice, sites, [0 * ONE, 0 * ONE], hops)


def fu_kane_mele_indices(bonds: Sequence[float]) -> tuple[int, int, int, int]:
    """Indices of ``fu_kane_mele`` from the parities −sgn Σ t_p (±1) of its eight TRIMs."""
    odd = {n: bonds[0] + sum(t * (1 - 2 * x) for t, x in zip(bonds[1:], n, strict=True)) < 0
           for n in np.ndindex(2, 2, 2)}  # fmt: skip
    weak = [sum(value for n, value in odd.items() if n[i] == 1) % 2 for i in range(3)]
    return (sum(odd.values()) % 2, weak[0], weak[1], weak[2])


def weyl(k0: float = 0.2, m: float | None = None) -> TightBinding:
    """Two-band Weyl semimetal, mass 2 − m − cos kx − cos ky + cos kz with m = cos 2πk0: nodes (0, 0, ±k0).

    Any other m may be given: for −1 < m < 1 two nodes on kx = ky = 0 where cos 2πkz = m, for 1 < m < 3 four
    on (½, 0) and (0, ½) where it is m − 2, for 3 < m < 5 two on (½, ½) where it is m − 4; a gap otherwise.
    """
    level = np.cos(2 * np.pi * k0) if m is None else m
    hops: list[Hop] = [
        (0, 0, (1, 0, 0), 0.5 / 1j * X - 0.5 * Z),
        (0, 0, (0, 1, 0), 0.5 / 1j * Y - 0.5 * Z),
        (0, 0, (0, 0, 1), 0.5 * Z),
    ]
    return assemble(np.eye(3) * 4.0, np.zeros((1, 3)), [(2.0 - level) * Z], hops, None)


def atomic_limit(hopping: float = 0.1, position: float = 0.3, split: float = 2.0) -> TightBinding:
    """Two Kramers pairs far apart in energy with weak spin–orbit hopping: trivial."""
    sites = np.array([[0, 0, 0], [position, 0.5, 0.1]])
    hops: list[Hop] = []
    for axis, s in enumerate((X, Y, Z)):
        cell = tuple(np.eye(3, dtype=int)[axis].tolist())
        hops += [(0, 1, cell, hopping * (ONE + 0.5j * s)), (0, 0, cell, hopping * (ONE + 0.3j * s))]
    return assemble(np.eye(3) * 4.0, sites, [-0.5 * split * ONE, 0.5 * split * ONE], hops)


def sn_te_like(m: float = 1.65, t: float = 0.9, t_next: float = 0.5, soc: float = 0.3) -> TightBinding:
    """Rock salt of p orbitals, N = 6 of 12: inverted at the four L for m below about 2; Z2 0;(000) always.

    Source: Hsieh et al., Nat. Commun. 3, 982 (2012), equation 3.
    """
    lattice = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    inverse = np.linalg.inv(lattice)
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
    angular = np.zeros((3, 3, 3))
    for a, b, c in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        angular[c, a, b], angular[c, b, a] = 1, -1
    coupling = 1j * soc * sum(np.kron(angular[i], s) for i, s in enumerate((X, Y, Z)))
    hops: list[Hop] = []
    for axis in range(3):
        for sign in (1, -1):
            d = 0.5 * sign * np.eye(3)[axis]
            cell = tuple(np.round(d @ inverse - sites[1]).astype(int).tolist())
            hops.append((0, 1, cell, t * np.kron(np.outer(d, d) / (d @ d), ONE)))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        for sign in (1, -1):
            d = 0.5 * (np.eye(3)[i] + sign * np.eye(3)[j])
            cell = tuple(np.round(d @ inverse).astype(int).tolist())
            block = t_next * np.kron(np.outer(d, d) / (d @ d), ONE)
            hops += [(0, 0, cell, block), (1, 1, cell, -block)]
    one = np.eye(6)
    return assemble(lattice, sites, [m * one + coupling, -m * one + coupling], hops)


def small_pocket(
    radius: float = 0.3, coupling: float = 0.1, k0: tuple[float, float] = (0.13, 0.29), spinful: bool = True
) -> TightBinding:
    """Layer whose bands invert inside a circle of the given radius (rad) around a k0 that is no TRIM.

    Half of ``bhz`` moved to k0, and its time-reversed partner at −k0: |C| = 1 without spin and Z2 = 1 for
    any radius; the gap is about 2 × coupling × radius.
    """
    hops: list[Hop] = []
    for axis, matrix in enumerate((X, Y)):
        up = np.exp(-2j * np.pi * k0[axis]) * (0.5 / 1j * coupling * matrix - 0.5 * Z)
        down = np.exp(2j * np.pi * k0[axis]) * (-0.5 / 1j * coupling * matrix.conj() - 0.5 * Z)
        cell = tuple(np.eye(3, dtype=int)[axis].tolist())
        zero = np.zeros((2, 2))
        hops.append((0, 0, cell, np.block([[up, zero], [zero, down]]) if spinful else up))
    onsite = (2.0 - 0.5 * radius**2) * Z
    if not spinful:
        return assemble(np.eye(3) * 4.0, np.zeros((1, 3)), [onsite], hops, None)
    return assemble(np.eye(3) * 4.0, np.zeros((1, 3)), [np.kron(ONE, onsite)], hops, "blocks")
