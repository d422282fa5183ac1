"""A WAVECAR with real wavefunctions in VASP's own format: silicon from its empirical pseudopotential.

Form factors: Cohen & Bergstresser, Phys. Rev. 141, 789 (1966). No spin–orbit coupling: every band stands for
a Kramers pair, one spinor up and one down. Format: as `pymatgen.io.vasp.outputs.Wavecar` documents it.
"""

from itertools import product
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure

from discovery.verification.path import standard_cell

A = 5.43
FORM_FACTORS = {3: -0.21, 8: 0.04, 11: 0.08}
"""|G|² in (2π/a)² → Rydberg."""

RYDBERG = 13.605826
ENERGY = 1 / 0.262465831
"""ħ²/2m in eV Å², as VASP has it."""

CUTOFF = 75.0
N_PAIRS = 8


def silicon() -> Structure:
    return standard_cell(Structure.from_spacegroup("Fd-3m", Lattice.cubic(A), ["Si"], [[0, 0, 0]]))


def plane_waves(structure: Structure, k: np.ndarray) -> np.ndarray:
    """Return the (n, 3) G below the cutoff in VASP's order: first index fastest, 0, 1, ..., −1."""
    order = [*range(6), *range(-5, 0)]
    g = np.array([(x, y, z) for z, y, x in product(order, repeat=3)])
    cartesian = (g + k) @ structure.lattice.reciprocal_lattice.matrix
    return g[ENERGY * (cartesian**2).sum(axis=1) < CUTOFF]


def states(structure: Structure, k: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return energies (eV), coefficients (n_g, n_bands) and G of the lowest bands."""
    g = plane_waves(structure, k)
    reciprocal = structure.lattice.reciprocal_lattice.matrix
    kinetic = ENERGY * (((g + k) @ reciprocal) ** 2).sum(axis=1)
    steps = g[:, None] - g[None]
    length = np.rint(((steps @ reciprocal) ** 2).sum(axis=-1) * (A / (2 * np.pi)) ** 2).astype(int)
    potential = np.zeros(length.shape)
    for size, value in FORM_FACTORS.items():
        potential[length == size] = value * RYDBERG
    structure_factor = np.exp(2j * np.pi * (steps @ structure.frac_coords.T)).mean(axis=-1)
    energies, vectors = np.linalg.eigh(np.diag(kinetic) + potential * structure_factor)
    return energies[:N_PAIRS], vectors[:, :N_PAIRS], g


def odd_pairs(structure: Structure, k: np.ndarray, n_pairs: int) -> int:
    """Return how many of the lowest pairs are odd about the origin: (n − tr P)/2."""
    _, vectors, g = states(structure, k)
    place = {tuple(one): i for i, one in enumerate(g.tolist())}
    mirror = [place[tuple(one)] for one in (-g - np.rint(2 * k).astype(int)).tolist()]
    trace = np.einsum("gn,gn->", vectors[mirror, :n_pairs].conj(), vectors[:, :n_pairs]).real
    return round((n_pairs - trace) / 2)


def write_wavecar(path: Path, structure: Structure, kpoints: np.ndarray, n_pairs: int) -> None:
    """Write spinors of all k-points; the lowest ``n_pairs`` are filled."""
    found = [states(structure, k) for k in kpoints]
    n_bands = 2 * N_PAIRS
    record = max([16 * len(g) for _, _, g in found] + [8 * (4 + 3 * n_bands)])

    def padded(data: bytes) -> bytes:
        return data + b"\0" * (record - len(data))

    head = [len(kpoints), n_bands, CUTOFF, *structure.lattice.matrix.ravel(), 0.0]
    parts = [padded(np.array([record, 1, 45200.0]).tobytes()), padded(np.array(head, dtype=float).tobytes())]
    for k, (energies, vectors, g) in zip(kpoints, found, strict=True):
        doubled = np.repeat(energies, 2)
        rows = [x for n, e in enumerate(doubled) for x in (e, 0.0, float(n < 2 * n_pairs))]
        parts.append(padded(np.array([2 * len(g), *k, *rows]).tobytes()))
        for n in range(n_bands):
            spinor = np.zeros((2, len(g)), dtype=np.complex64)
            spinor[n % 2] = vectors[:, n // 2]
            parts.append(padded(spinor.tobytes()))
    path.write_bytes(b"".join(parts))
