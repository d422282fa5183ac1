"""How well Wannier functions carry the bands they were made from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit

from discovery.topology.evidence import DISTANCE

if TYPE_CHECKING:
    from discovery.topology.tightbinding import TightBinding
    from discovery.verification.eigenvalues import Eigenvalues

ABOVE = 2.0
"""eV above the Fermi energy up to which Wannier bands are held against those of the functional."""


SMEARING = 0.1
"""eV over which states above that limit stop counting."""


OF_GAP = 0.1
"""Part of the functional's direct gap up to which a distance is not too large: it does not close that gap."""


FROZEN = "frozen up to (eV from E_F)"
COMPARED = "bands compared up to (eV from E_F)"
BANDS, BANDS_LIMIT = "band distance (meV)", "band distance limit (meV)"
SPREAD, SPREAD_LIMIT = "largest spread (Å²)", "spread limit (Å²)"
BROKEN = "broken time reversal (meV)"
"""Numbers of the step ``wannier``."""


class BandsDifferError(ValueError):
    """The bands cannot be compared: their numbers do not belong together."""


def fermi_energy(bands: "Eigenvalues") -> float:
    """Return the Fermi energy in eV, moved into the gap where there is one.

    Programs place it anywhere in a gap, or beside it with few k-points.
    """
    if bands.metallic:
        return bands.fermi
    return float(np.clip(bands.fermi, bands.highest_filled, bands.lowest_empty))


@dataclass(frozen=True)
class BandDistance:
    """How far Wannier bands lie from those they stand for.

    Attributes:
        eta: root mean square over states below the limit, which fades out over `SMEARING`; eV.
        largest: the largest difference below the limit, eV.
        largest_at: where that is, in eV from the Fermi energy.
        largest_filled: the largest difference of a filled band, eV.
        limit: what ``eta`` must not exceed, eV.
    """

    eta: float
    largest: float
    largest_at: float
    largest_filled: float
    limit: float


def band_distance(
    model: "TightBinding", bands: "Eigenvalues", n_excluded: int, above: float = ABOVE
) -> BandDistance:
    """Return how far Wannier bands lie from those they stand for, below E_F + ``above``.

    Bands are compared one by one from the lowest that was not excluded: excluded ones lie below a true gap,
    so the order is the same at every k. A band that the Wannier functions lack altogether shows as a
    distance, because its place is taken by the next.

    Source: η of Vitale et al., npj Comput. Mater. 6, 66 (2020), with their smearing and, for ``above`` = 2,
    their η₂. Filled bands count in full.

    Args:
        model: the Wannier Hamiltonian, energies on the scale of ``bands``.
        bands: at k-points that were not in the mesh, such as those of the path; spin–orbit ones.
        n_excluded: bands left out at the bottom.
        above: in eV.

    Raises:
        BandsDifferError: no more Wannier functions than filled bands.
    """
    n_filled = bands.n_filled - n_excluded
    if not 0 < n_filled < model.n_orbitals:
        raise BandsDifferError(
            f"{bands.n_filled} filled bands after {n_excluded} excluded ones, and {model.n_orbitals} Wannier "
            "functions"
        )
    n = min(model.n_orbitals, bands.energies.shape[1] - n_excluded)
    own = model.bands(bands.kpoints)[:, :n]
    wanted = bands.energies[:, n_excluded : n_excluded + n]
    fermi = fermi_energy(bands)
    limit = fermi + above
    weight = np.sqrt(expit((limit - own) / SMEARING) * expit((limit - wanted) / SMEARING))
    weight[:, :n_filled] = 1.0
    difference = np.abs(own - wanted)
    below = wanted <= limit
    below[:, :n_filled] = True
    place = np.unravel_index(np.where(below, difference, -1.0).argmax(), difference.shape)
    return BandDistance(
        eta=float(np.sqrt((weight * difference**2).sum() / weight.sum())),
        largest=float(difference[place]),
        largest_at=float(wanted[place] - fermi),
        largest_filled=float(difference[:, :n_filled].max()),
        limit=max(DISTANCE, OF_GAP * bands.direct_gap),
    )


def qualities(
    model: "TightBinding", bands: "Eigenvalues | None", n_excluded: int, frozen_top: float, magnetic: bool
) -> dict[str, float]:
    """Return the numbers by which Wannier functions are judged, name with unit → value.

    Args:
        model: the Wannier Hamiltonian.
        bands: what its bands should be, where they are known.
        n_excluded: bands left out at the bottom.
        frozen_top: where the frozen window ends, eV from E_F: above it no state is promised to be kept.
        magnetic: there is no time reversal to keep.

    Raises:
        BandsDifferError: no more Wannier functions than filled bands.
    """
    from discovery.topology.symmetries import time_reversal_violation

    numbers: dict[str, float] = {}
    if bands is not None:
        above = min(ABOVE, frozen_top)
        found = band_distance(model, bands, n_excluded, above)
        numbers = {
            BANDS: 1e3 * found.eta,
            BANDS_LIMIT: 1e3 * found.limit,
            COMPARED: above,
            "largest of a filled band (meV)": 1e3 * found.largest_filled,
            "largest (meV)": 1e3 * found.largest,
            "largest at (eV from E_F)": found.largest_at,
        }
    if not magnetic:
        violation = time_reversal_violation(model)
        if np.isfinite(violation):  # infinite without spins: no mesh and no bands bring them back
            numbers[BROKEN] = 1e3 * violation
    return numbers
