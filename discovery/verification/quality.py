"""How well Wannier functions carry the bands they were made from."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from discovery.topology.tightbinding import TightBinding
    from discovery.verification.eigenvalues import Eigenvalues

ABOVE = 2.0
"""eV above the Fermi energy up to which Wannier bands are held against those of the functional."""


class BandsDifferError(ValueError):
    """The bands cannot be compared: their numbers do not belong together."""


def fermi_energy(bands: "Eigenvalues") -> float:
    """Return the Fermi energy in eV, moved into the gap where there is one.

    Programs place it anywhere in a gap, or beside it with few k-points.
    """
    if bands.metallic:
        return bands.fermi
    return float(np.clip(bands.fermi, bands.highest_filled, bands.lowest_empty))


def band_distance(
    model: "TightBinding", bands: "Eigenvalues", n_excluded: int, above: float = ABOVE
) -> tuple[float, float]:
    """Return how far Wannier bands lie from those they stand for, below E_F + ``above``.

    Bands are compared one by one from the lowest that was not excluded: excluded ones lie below a true gap,
    so the order is the same at every k. A band that the Wannier functions lack altogether shows as a
    distance, because its place is taken by the next.

    Args:
        model: the Wannier Hamiltonian, energies on the scale of ``bands``.
        bands: at k-points that were not in the mesh, such as those of the path; spin–orbit ones.
        n_excluded: bands left out at the bottom.
        above: in eV.

    Returns:
        The largest and the root mean square difference in eV.

    Raises:
        BandsDifferError: fewer Wannier bands than bands below the limit, or other electrons.
    """
    limit = fermi_energy(bands) + above
    wanted = bands.energies[:, n_excluded:]
    below = wanted <= limit
    below[:, : bands.n_filled - n_excluded] = True
    needed = int(below.sum(axis=1).max())
    if needed > model.n_orbitals:
        raise BandsDifferError(
            f"{needed} bands lie below {limit:.2f} eV after {n_excluded} excluded ones, and there are "
            f"{model.n_orbitals} Wannier functions"
        )
    own = model.bands(bands.kpoints)
    n = min(own.shape[1], wanted.shape[1])
    difference = (own[:, :n] - wanted[:, :n])[below[:, :n]]
    return float(np.abs(difference).max()), float(np.sqrt((difference**2).mean()))
