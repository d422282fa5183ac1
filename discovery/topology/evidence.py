"""Everything a verdict on a Hamiltonian rests on, measured in the order in which it makes sense."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from discovery.topology.gap import GapResult, check_occupied, find_gap
from discovery.topology.invariants import Z2Result, z2_indices
from discovery.topology.mirror import MirrorChern, mirror_chern_numbers
from discovery.topology.nodes import NodesResult, find_nodes
from discovery.topology.orbitals import Site
from discovery.topology.parities import ParityResult
from discovery.topology.symmetries import TIME_REVERSAL, time_reversal_violation
from discovery.topology.tightbinding import HamiltonianError, TightBinding

DISTANCE = 0.03
"""Distance in eV of Wannier bands from those of the density functional below E_F + 2 eV that is too large."""


@dataclass(frozen=True)
class Evidence:
    """What was measured, before anything is concluded.

    Attributes:
        gap: the gap between bands N and N + 1.
        nodes: what the two bands do; None where time reversal is broken and should not be.
        time_reversal: by how much it is broken in eV; infinite for an odd number of orbitals.
        magnetic: no time reversal is expected.
        z2: indices by Wilson loops; None where the gap closes or the crystal is magnetic. Where time reversal
            is broken and should not be, they only show how the Wannier functions fail.
        parities: indices by Fu and Kane's parities, where somebody computed them.
        mirrors: mirror Chern numbers; None where they were not computed, and
        without_mirrors: why not, where something stood against it.
        distance_ev: distance of Wannier bands from those of the density functional, where known.
        distance_limit: what that must not exceed, eV.
        spread: largest spread of a Wannier function in Å², where known.
        spread_limit: V^(2/3) of the cell in Å²: a larger function does not fit into it.
    """

    gap: GapResult
    nodes: NodesResult | None
    time_reversal: float
    magnetic: bool = False
    z2: Z2Result | None = None
    parities: ParityResult | None = None
    mirrors: tuple[MirrorChern, ...] | None = None
    without_mirrors: str = ""
    distance_ev: float | None = None
    distance_limit: float = DISTANCE
    spread: float | None = None
    spread_limit: float = float("inf")


def measure(
    model: TightBinding,
    n_occupied: int,
    *,
    magnetic: bool = False,
    parities: ParityResult | None = None,
    sites: Sequence[Site] | None = None,
    without_sites: str = "",
    distance_ev: float | None = None,
    distance_limit: float = DISTANCE,
    spread: float | None = None,
    workers: int = 1,
) -> Evidence:
    """Measure time reversal, gap, nodes, and with a gap the Z2 indices and mirror Chern numbers.

    Args:
        model: the Hamiltonian.
        n_occupied: N, the number of bands below the gap.
        magnetic: the crystal has no time reversal, or the model no spin: there is no Z2 index to look for.
        parities: indices from parities, to compare with.
        sites: atoms with orbitals in the order of the basis, for mirror Chern numbers; None computes none.
        without_sites: why there are no sites.
        distance_ev: distance of Wannier bands from those of the density functional, eV.
        distance_limit: what that must not exceed, eV.
        spread: largest spread of a Wannier function, Å².
        workers: planes of Wilson loops computed at once.

    Raises:
        HamiltonianError: an impossible number of bands, an odd one where bands come in Kramers pairs.
    """
    check_occupied(model, n_occupied)
    violation = time_reversal_violation(model)
    if n_occupied % 2 and not magnetic and violation <= TIME_REVERSAL:
        raise HamiltonianError(
            f"{n_occupied} occupied bands: time reversal holds, so bands come in Kramers pairs and an even "
            "number of them lies below a gap"
        )
    gap = find_gap(model, n_occupied)
    broken = not magnetic and violation > TIME_REVERSAL
    z2, mirrors, without_mirrors = None, None, without_sites
    nodes = None
    if not broken:
        nodes = find_nodes(model, n_occupied, gap)
        gap = nodes.gap
    # Nodes of a Hamiltonian that breaks it mean nothing; whether Kramers partners pair shows what went wrong.
    if not magnetic and (broken or not gap.closed) and n_occupied % 2 == model.n_orbitals % 2 == 0:
        tolerance = float("inf") if broken else TIME_REVERSAL
        z2 = z2_indices(model, n_occupied, time_reversal_tolerance=tolerance, workers=workers)
        if sites is not None and not broken and z2.nu is not None:
            try:
                mirrors = mirror_chern_numbers(model, n_occupied, sites)
            except HamiltonianError as error:
                without_mirrors = str(error)
    return Evidence(
        gap=gap,
        nodes=nodes,
        time_reversal=violation,
        magnetic=magnetic,
        z2=z2,
        parities=parities,
        mirrors=mirrors,
        without_mirrors=without_mirrors,
        distance_ev=distance_ev,
        distance_limit=distance_limit,
        spread=spread,
        spread_limit=float(abs(np.linalg.det(model.lattice)) ** (2 / 3)),
    )
