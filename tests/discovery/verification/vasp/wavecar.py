"""A WAVECAR with real wavefunctions in VASP's own format: of a model, or silicon's.

Silicon comes from its empirical pseudopotential.

Form factors: Cohen & Bergstresser, Phys. Rev. 141, 789 (1966). No spin–orbit coupling: every band stands for
a Kramers pair, one spinor up and one down. Format: as `pymatgen.io.vasp.outputs.Wavecar` documents it.
"""

from itertools import product
from pathlib import Path

import numpy as np
from pymatgen.core import Lattice, Structure

from discovery.topology.tightbinding import TightBinding
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
    """Write silicon's spinors of all k-points; the lowest ``n_pairs`` are filled."""
    found = []
    for k in kpoints:
        energies, vectors, g = states(structure, k)
        spinors = np.zeros((len(g), 2, 2 * N_PAIRS), dtype=complex)
        spinors[:, 0, 0::2] = spinors[:, 1, 1::2] = vectors
        found.append((np.repeat(energies, 2), spinors))
    write_spinors(path, structure, kpoints, found, 2 * n_pairs)


def write_model(
    path: Path, structure: Structure, kpoints: np.ndarray, model: TightBinding, n_filled: int
) -> None:
    """Write the states of a model of s orbitals as plane waves: a Gaussian for each, made orthogonal.

    Löwdin's way of that keeps the symmetry, so that irrep counts the parities of the model.

    Args:
        path: of the file.
        structure: its sites carry the orbitals, spins interleaved.
        kpoints: (n, 3) fractional.
        model: two orbitals for each site.
        n_filled: spinors.
    """
    found = []
    for k in kpoints:
        g = plane_waves(structure, k)
        cartesian = (g + k) @ structure.lattice.reciprocal_lattice.matrix
        phases = np.exp(-2j * np.pi * (g + k) @ structure.frac_coords.T)
        bloch = phases * np.exp(-0.25 * (cartesian**2).sum(axis=1))[:, None]
        values, vectors = np.linalg.eigh(bloch.conj().T @ bloch)
        bloch = bloch @ (vectors / np.sqrt(values)) @ vectors.conj().T
        energies, mixed = model.states(k)
        found.append((energies, np.einsum("gj,jsn->gsn", bloch, mixed.reshape(len(structure), 2, -1))))
    write_spinors(path, structure, kpoints, found, n_filled)


def write_spinors(
    path: Path,
    structure: Structure,
    kpoints: np.ndarray,
    found: list[tuple[np.ndarray, np.ndarray]],
    n_filled: int,
) -> None:
    """Write VASP's format.

    Args:
        path: of the file.
        structure: the crystal.
        kpoints: (n, 3) fractional.
        found: for each of them energies (n_bands) in eV and coefficients (n_g, 2, n_bands).
        n_filled: bands.
    """
    n_bands = len(found[0][0])
    record = max([16 * len(spinors) for _, spinors in found] + [8 * (4 + 3 * n_bands), 8 * 13])

    def padded(data: bytes) -> bytes:
        return data + b"\0" * (record - len(data))

    head = [len(kpoints), n_bands, CUTOFF, *structure.lattice.matrix.ravel(), 0.0]
    parts = [padded(np.array([record, 1, 45200.0]).tobytes()), padded(np.array(head, dtype=float).tobytes())]
    for k, (energies, spinors) in zip(kpoints, found, strict=True):
        rows = [x for n, e in enumerate(energies) for x in (e, 0.0, float(n < n_filled))]
        parts.append(padded(np.array([2 * len(spinors), *k, *rows]).tobytes()))
        parts += [padded(spinors[:, :, n].T.astype(np.complex64).tobytes()) for n in range(n_bands)]
    path.write_bytes(b"".join(parts))
