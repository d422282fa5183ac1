"""Other descriptions of the same crystal: cell, basis, order and origin of the orbitals."""

from dataclasses import replace

import numpy as np
from scipy.linalg import expm

from discovery.topology.symmetries import kramers_partners
from discovery.topology.tightbinding import TightBinding


def change_cell(model: TightBinding, matrix: np.ndarray) -> TightBinding:
    """Describe the crystal by the lattice vectors matrix @ lattice; the matrix is unimodular."""
    inverse = np.round(np.linalg.inv(matrix)).astype(int)
    return replace(
        model, lattice=matrix @ model.lattice, cells=model.cells @ inverse, centres=model.centres @ inverse
    )


def change_indices(nu: tuple[int, int, int, int], matrix: np.ndarray) -> tuple[int, ...]:
    """Indices in the cell of ``change_cell``: ν0 stays, k'_i = Σ matrix_ij k_j, and the ν_i with it."""
    return (nu[0], *((matrix @ np.array(nu[1:])) % 2).tolist())


def random_cell(rng: np.random.Generator, steps: int = 3) -> np.ndarray:
    """Return a unimodular (3, 3) matrix made of shears."""
    matrix = np.eye(3, dtype=int)
    for _ in range(steps):
        i, j = rng.choice(3, 2, replace=False)
        shear = np.eye(3, dtype=int)
        shear[i, j] = rng.choice([-1, 1])
        matrix = shear @ matrix
    return matrix


def change_basis(model: TightBinding, rng: np.random.Generator) -> TightBinding:
    """Mix all orbitals by a random unitary that commutes with time reversal."""
    assert model.spin is not None
    n = model.n_orbitals
    partner, sign = kramers_partners(n, model.spin)
    generator = rng.normal(size=(n, n)) + 1j * rng.normal(size=(n, n))
    generator = generator - generator.conj().T
    reversed_ = generator.conj()[np.ix_(partner, partner)] * np.outer(sign, sign)
    unitary = expm(0.5 * (generator + reversed_))
    return replace(model, hoppings=unitary @ model.hoppings @ unitary.conj().T)


def reorder(model: TightBinding, order: np.ndarray, spin: str | None) -> TightBinding:
    """List the orbitals in another order."""
    return replace(
        model, hoppings=model.hoppings[:, order][:, :, order], centres=model.centres[order], spin=spin
    )


def blocks_from_interleaved(n_orbitals: int, rng: np.random.Generator) -> np.ndarray:
    """Return an order that shuffles the orbitals and lists all up before all down."""
    spatial = rng.permutation(n_orbitals // 2)
    return np.concatenate([2 * spatial, 2 * spatial + 1])
