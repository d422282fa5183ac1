"""Band energies of a first-principles run, and the gaps that the electron count says they have."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

TRUE_GAP = 1e-3
"""Gap in eV below which neighbouring bands count as touching."""


class ElectronCountError(ValueError):
    """The electrons fill no whole number of bands."""


@dataclass(frozen=True)
class Eigenvalues:
    """States at k-points, in ascending order of energy at each.

    Attributes:
        kpoints: (n_k, 3) fractional in the reciprocal vectors of the calculation's cell.
        weights: (n_k,) summing to one on a mesh; zeros on a path.
        energies: (n_k, n_bands) eV.
        occupations: (n_k, n_bands) in 0…1, whether a state holds one electron or two.
        fermi: Fermi energy in eV as the program gave it; no gap is taken from it.
        n_electrons: electrons that the calculation treats (NELECT).
        spin_orbit: whether states are spinors, which hold one electron each.
        spin_polarised: whether states of two collinear spins are sorted together; they hold one each as well.

    Raises:
        ValueError: arrays that do not fit each other, or energies that are not finite.
    """

    kpoints: Array
    weights: Array
    energies: Array
    occupations: Array
    fermi: float
    n_electrons: float
    spin_orbit: bool
    spin_polarised: bool = False

    def __post_init__(self) -> None:
        n_k, n_bands = np.shape(self.energies)
        shapes = np.shape(self.kpoints), np.shape(self.weights), np.shape(self.occupations)
        if shapes != ((n_k, 3), (n_k,), (n_k, n_bands)) or not n_k or not n_bands:
            raise ValueError(f"{n_k} × {n_bands} energies with k-points, weights, occupations {shapes}")
        if not np.isfinite(self.energies).all() or not np.isfinite([self.fermi, self.n_electrons]).all():
            raise ValueError("energies that are not finite")
        if (np.diff(self.energies, axis=1) < -1e-6).any():
            raise ValueError("energies do not ascend at every k-point")

    @property
    def electrons_per_state(self) -> int:
        """Electrons that a state holds (1 or 2)."""
        return 1 if self.spin_orbit or self.spin_polarised else 2

    @property
    def n_filled(self) -> int:
        """Bands that the electrons fill, whatever the Fermi energy.

        Raises:
            ElectronCountError: no whole number of them, or more than were computed.
        """
        filled = self.n_electrons / self.electrons_per_state
        if abs(filled - round(filled)) > 1e-3 or filled < 0.5:
            raise ElectronCountError(
                f"{self.n_electrons:g} electrons, {self.electrons_per_state} to a band, fill no whole number"
            )
        n = round(filled)
        if n >= self.energies.shape[1]:
            raise ElectronCountError(f"{self.energies.shape[1]} bands hold no empty one above {n} filled")
        return n

    def gap_above(self, n: int) -> float:
        """Return the true gap between bands n and n + 1 in eV: lowest of n + 1 less highest of n.

        ``n`` counts from one; the gap is negative where the bands overlap in energy.
        """
        if not 0 < n < self.energies.shape[1]:
            raise ValueError(f"no gap above band {n} of {self.energies.shape[1]}")
        return float(self.energies[:, n].min() - self.energies[:, n - 1].max())

    def direct_gap_above(self, n: int) -> float:
        """Return the smallest distance of bands n and n + 1 at one of these k-points in eV (≥ 0)."""
        if not 0 < n < self.energies.shape[1]:
            raise ValueError(f"no gap above band {n} of {self.energies.shape[1]}")
        return float((self.energies[:, n] - self.energies[:, n - 1]).min())

    def true_gaps_below(self, n: int, least: float = TRUE_GAP) -> tuple[int, ...]:
        """Return every m < n such that more than ``least`` eV lie between bands m and m + 1 at all k."""
        lower, upper = self.energies[:, : n - 1].max(axis=0), self.energies[:, 1:n].min(axis=0)
        return tuple(int(m) + 1 for m in np.flatnonzero(upper - lower > least))

    @property
    def direct_gap(self) -> float:
        """Smallest direct gap above the filled bands at these k-points, eV."""
        return self.direct_gap_above(self.n_filled)

    @property
    def indirect_gap(self) -> float:
        """Gap between the filled bands and the next, eV; negative where they overlap."""
        return self.gap_above(self.n_filled)

    @property
    def metallic(self) -> bool:
        """Whether the filled bands and the next overlap in energy; a direct gap may still exist."""
        return self.indirect_gap <= 0

    @property
    def highest_filled(self) -> float:
        """Highest energy of the filled bands, eV."""
        return float(self.energies[:, self.n_filled - 1].max())

    @property
    def lowest_empty(self) -> float:
        """Lowest energy of the bands above them, eV."""
        return float(self.energies[:, self.n_filled].min())
