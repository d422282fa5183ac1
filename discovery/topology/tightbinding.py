"""A tight-binding Hamiltonian as arrays: H(k), its bands and its derivatives, vectorised over k."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

Gauge = Literal["periodic", "atomic"]

HERMITICITY = 1e-5
"""Largest violation of H(−R) = H(R)† that is taken for rounding, in eV; wannier90 prints six decimals."""


class HamiltonianError(ValueError):
    """The Hamiltonian is not one; the message says what is wrong with it."""


@dataclass(frozen=True)
class TightBinding:
    """A Hamiltonian in a Wannier basis.

    Attributes:
        lattice: (3, 3) rows a, b, c in Å.
        cells: (n_cells, 3) int lattice vectors R, each once, and with every R its −R.
        hoppings: (n_cells, n, n) complex ⟨0 m|H|R n⟩ in eV, degeneracies divided out.
        centres: (n, 3) fractional centres of the orbitals.
        spin: how spins are ordered: ``interleaved`` (up, down, up, ...), ``blocks`` (all up, all down) or
            None where it is not known or spinless.

    Raises:
        HamiltonianError: arrays that do not fit, repeated or unpaired R, not finite, not Hermitian.
    """

    lattice: np.ndarray
    cells: np.ndarray
    hoppings: np.ndarray
    centres: np.ndarray
    spin: Literal["interleaved", "blocks"] | None = None

    def __post_init__(self) -> None:
        n = self.hoppings.shape[-1]
        if self.lattice.shape != (3, 3) or abs(np.linalg.det(self.lattice)) < 1e-8:
            raise HamiltonianError("the lattice is not three independent vectors")
        if self.hoppings.shape != (len(self.cells), n, n) or self.centres.shape != (n, 3):
            raise HamiltonianError(
                f"{len(self.cells)} lattice vectors, hoppings of shape {self.hoppings.shape} and centres of "
                f"shape {self.centres.shape} do not fit together"
            )
        if not (np.isfinite(self.hoppings).all() and np.isfinite(self.centres).all()):
            raise HamiltonianError("the Hamiltonian holds numbers that are not finite")
        place = {tuple(cell): i for i, cell in enumerate(self.cells.tolist())}
        if len(place) != len(self.cells):
            raise HamiltonianError("a lattice vector R occurs twice")
        try:
            opposite = [place[tuple(-x for x in cell)] for cell in self.cells.tolist()]
        except KeyError as error:
            raise HamiltonianError(
                f"R = {error.args[0]} is missing: the file is cut off or mixed up"
            ) from None
        violation = np.abs(self.hoppings[opposite] - self.hoppings.conj().transpose(0, 2, 1))
        if violation.size and violation.max() > HERMITICITY:
            cell, row, column = np.unravel_index(violation.argmax(), violation.shape)
            raise HamiltonianError(
                f"not Hermitian: H(R) and H(−R)† differ by {violation.max():.2e} eV at "
                f"R = {tuple(self.cells[cell].tolist())}, orbitals {row + 1} and {column + 1}"
            )

    @property
    def n_orbitals(self) -> int:
        """Size of the basis, spin included."""
        return int(self.hoppings.shape[-1])

    @cached_property
    def reciprocal(self) -> np.ndarray:
        """(3, 3) rows of reciprocal vectors in 1/Å, 2π included."""
        return 2.0 * np.pi * np.linalg.inv(self.lattice).T

    @cached_property
    def _half(self) -> tuple[np.ndarray, np.ndarray]:
        """R of one half space with hoppings, R = 0 at half weight: H(k) is this plus its adjoint."""
        keys = [tuple(cell) for cell in self.cells.tolist()]
        kept = [i for i, cell in enumerate(keys) if cell >= (0, 0, 0)]
        hoppings = self.hoppings[kept].copy()
        hoppings[[keys[i] == (0, 0, 0) for i in kept]] *= 0.5
        return self.cells[kept].astype(float), hoppings

    def hamiltonian(self, k: np.ndarray, gauge: Gauge = "periodic") -> np.ndarray:
        """Return H at fractional k: (..., 3) → (..., n, n), in eV.

        ``periodic`` uses e^{ik·R}, so that H(k + G) = H(k); ``atomic`` uses e^{ik·(R + τ_n − τ_m)}, whose
        eigenvectors are the cell-periodic Bloch functions.
        """
        k = np.asarray(k, dtype=float)
        flat = k.reshape(-1, 3)
        cells, hoppings = self._half
        n = self.n_orbitals
        phases = np.exp(2j * np.pi * (flat @ cells.T))
        h = (phases @ hoppings.reshape(len(cells), n * n)).reshape(-1, n, n)
        h = h + h.conj().transpose(0, 2, 1)
        if gauge == "atomic":
            orbital = np.exp(2j * np.pi * (flat @ self.centres.T))
            h = orbital.conj()[:, :, None] * h * orbital[:, None, :]
        return h.reshape(*k.shape[:-1], n, n)

    def bands(self, k: np.ndarray) -> np.ndarray:
        """Return ascending energies at fractional k: (..., 3) → (..., n), in eV."""
        return np.linalg.eigvalsh(self.hamiltonian(k))

    def states(self, k: np.ndarray, gauge: Gauge = "periodic") -> tuple[np.ndarray, np.ndarray]:
        """Return energies (..., n) in eV and eigenvectors (..., n, n) in columns at fractional k."""
        return np.linalg.eigh(self.hamiltonian(k, gauge))

    def derivatives(self, k: np.ndarray) -> np.ndarray:
        """Return ∂H/∂k in Cartesian directions, atomic gauge: (..., 3) → (..., 3, n, n), in eV Å."""
        k = np.asarray(k, dtype=float)
        flat = k.reshape(-1, 3)
        n = self.n_orbitals
        phases = np.exp(2j * np.pi * (flat @ self.cells.T.astype(float)))
        cartesian = self.cells @ self.lattice
        centres = self.centres @ self.lattice
        orbital = np.exp(2j * np.pi * (flat @ self.centres.T))
        result = np.empty((len(flat), 3, n, n), dtype=complex)
        plain = (phases @ self.hoppings.reshape(len(self.cells), n * n)).reshape(-1, n, n)
        for axis in range(3):
            weighted = (phases * cartesian[:, axis]) @ self.hoppings.reshape(len(self.cells), n * n)
            shift = centres[None, :, axis] - centres[:, None, axis]
            h = 1j * (weighted.reshape(-1, n, n) + shift * plain)
            result[:, axis] = orbital.conj()[:, :, None] * h * orbital[:, None, :]
        return result.reshape(*k.shape[:-1], 3, n, n)
