"""Energy windows of the disentanglement, from eigenvalues."""

from dataclasses import dataclass

import numpy as np

from discovery.verification.eigenvalues import Array
from discovery.verification.valence import PlanError

ABOVE_FERMI = 2.0
"""eV above the Fermi energy up to which bands are to be reproduced as they are."""

MARGIN = 0.1
"""eV kept from a limit set by eigenvalues of a mesh, which another mesh may move."""


@dataclass(frozen=True)
class Windows:
    """Limits in eV, on the scale of the eigenvalues.

    Attributes:
        outer: ``dis_win_min``, ``dis_win_max``: every state that is left.
        frozen: ``dis_froz_min``, ``dis_froz_max``: states kept as they are.
        notes: one sentence for each decision that is not the usual one.
    """

    outer: tuple[float, float]
    frozen: tuple[float, float]
    notes: tuple[str, ...] = ()


def frozen_limit(energies: Array, num_wann: int) -> float:
    """Return the energy that a frozen window must stay below: the lowest of band num_wann + 1.

    Args:
        energies: (n_k, n_bands) eV without excluded bands, ascending at each k.
        num_wann: number of Wannier functions.
    """
    return float(energies[:, num_wann].min()) if energies.shape[1] > num_wann else float("inf")


def between_levels(energies: Array, target: float, reach: float) -> float:
    """Return the middle of the widest interval without a state within ``target`` ± ``reach``.

    A limit that touches a level takes in one Kramers partner and leaves the other, by rounding.
    """
    inside = energies[(energies > target - reach) & (energies < target + reach)]
    ends = np.concatenate([[target - reach], np.sort(inside), [target + reach]])
    widest = int(np.argmax(np.diff(ends)))
    return float(ends[widest : widest + 2].mean())


def outer_limit(energies: Array, num_wann: int) -> float:
    """Return where the outer window ends: below the energy from which on bands were not computed.

    The highest computed bands may cut a multiplet, and then take other states of it at k than at −k: with
    them in the window the Wannier functions lose time reversal, by 20 meV in silicon. Where num_wann states
    at every k reach higher than that, the window follows them all the same.

    Args:
        energies: (n_k, n_bands) eV without excluded bands, ascending at each k.
        num_wann: number of Wannier functions.
    """
    complete = float(energies[:, -1].min())
    needed = float(energies[:, num_wann - 1].max())
    if needed < complete:
        reach = min(MARGIN, (complete - needed) / 2)
        return between_levels(energies, complete - reach, 0.9 * reach)
    return between_levels(energies, needed + MARGIN, 0.9 * MARGIN)


def decide_windows(energies: Array, num_wann: int, n_occupied: int, fermi: float) -> Windows:
    """Freeze what lies below E_F + 2 eV, or less where more than num_wann states would be frozen at a k.

    Args:
        energies: (n_k, n_bands) eV without excluded bands, ascending at each k.
        num_wann: number of Wannier functions.
        n_occupied: bands below the gap in question.
        fermi: Fermi energy in eV.

    Raises:
        PlanError: no frozen window holds all occupied states.
    """
    bottom, top = float(energies.min()), outer_limit(energies, num_wann)
    occupied = float(energies[:, :n_occupied].max())
    limit = frozen_limit(energies, num_wann)
    if limit <= occupied + 2e-3:
        raise PlanError(
            f"band {num_wann + 1} above the excluded ones comes down to {limit:.3f} eV, below the highest "
            f"occupied state at {occupied:.3f} eV: no frozen window holds all occupied states",
            "Project more shells (wannier.projections), so that num_wann grows.",
        )
    target = max(fermi, occupied) + ABOVE_FERMI
    notes: tuple[str, ...] = ()
    if energies[:, -1].min() < energies[:, num_wann - 1].max():
        notes = (
            f"the outer window reaches {top - fermi:.2f} eV above the Fermi energy, bands are complete up to "
            f"{energies[:, -1].min() - fermi:.2f} eV only: more bands would keep time reversal exactly",
        )
    if target > limit - MARGIN:
        target = max(limit - MARGIN, (limit + occupied) / 2)
        notes = (
            *notes,
            f"the frozen window ends {target - fermi:.2f} eV above the Fermi energy: band {num_wann + 1} "
            f"begins at {limit - fermi:.2f} eV",
        )
    reach = min(MARGIN / 2, 0.9 * (limit - target), 0.9 * (target - occupied))
    frozen = between_levels(energies, target, reach)
    return Windows((bottom - MARGIN, max(top, frozen)), (bottom - MARGIN, frozen), notes)
