"""Where bands N and N + 1 touch: points with their charge, lines, and what that makes of the model."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from discovery.topology.crossings import NodalLine
from discovery.topology.gap import CLOSED, GapResult, find_gap
from discovery.topology.node_search import Node, NodeSearch
from discovery.topology.tightbinding import TightBinding
from discovery.topology.zone import wrap

Kind = Literal["gapped", "metal", "Weyl", "Dirac", "touching", "nodal line", "nodal surface"]

FINEST, FINEST_WORK = 4e5, 4e7
"""Points, and points times orbitals squared, of the finest mesh searched while charges do not cancel."""


@dataclass(frozen=True)
class NodesResult:
    """What bands N and N + 1 do.

    Attributes:
        kind: ``gapped``; ``metal`` (a direct gap everywhere but bands overlap in energy, or N cuts through a
            degenerate pair); ``Weyl`` (points of charge); ``Dirac`` (points without net charge); ``touching``
            (quadratic in all directions, without charge); ``nodal line``; ``nodal surface``.
        nodes: isolated points, those of one set of copies together.
        lines: nodal lines.
        gap: the gap this started from.
        net_chirality: sum over the zone, zero in a complete answer (Nielsen & Ninomiya, Nucl. Phys. B 185, 20
            (1981)); None where it is not defined.
        complete: whether every charge is known and they cancel, or none is to be had. A missed pair of
            opposite charges would not show.
        reason: one sentence.
    """

    kind: Kind
    nodes: tuple[Node, ...]
    lines: tuple[NodalLine, ...]
    gap: GapResult
    net_chirality: int | None
    complete: bool
    reason: str


def find_nodes(
    model: TightBinding,
    n_occupied: int,
    gap: GapResult | None = None,
    mesh: int | tuple[int, int, int] | None = None,
    closed_below_ev: float = CLOSED,
) -> NodesResult:
    """Find and classify the crossings of bands N and N + 1.

    Args:
        model: the Hamiltonian.
        n_occupied: N.
        gap: what ``find_gap`` said of the same model and N, if at hand.
        mesh: divisions of the first mesh; None chooses them.
        closed_below_ev: direct gap in eV that counts as none.

    Raises:
        HamiltonianError: N leaves no band above or below.
    """
    gap = gap or find_gap(model, n_occupied, mesh, closed_below_ev)
    gap = replace(gap, closed_below_ev=closed_below_ev, closed=gap.direct_min_ev < closed_below_ev)
    if gap.degenerate_fraction > 0.3:
        reason = f"bands {n_occupied} and {n_occupied + 1} are one degenerate pair in much of the zone"
        return NodesResult("metal", (), (), gap, None, True, reason)
    search = NodeSearch(model, n_occupied, closed_below_ev)
    search.add(gap.minima[gap.minima_ev < 100 * closed_below_ev])
    search.add_charged(gap.on_mesh)
    if not (gap.closed or search.points or search.lines):
        opening = f"direct gap of {1e3 * gap.direct_min_ev:.3g} meV"
        if gap.overlap:
            reason = f"{opening}, bands overlap by {-gap.indirect_ev:.3g} eV"
            return NodesResult("metal", (), (), gap, None, True, reason)
        return NodesResult("gapped", (), (), gap, None, True, opening)
    if not gap.closed:
        closest = min(search.points, key=lambda point: point.gap_ev, default=None)
        if closest is not None:
            gap = replace(gap, direct_min_ev=closest.gap_ev, k_direct=wrap(closest.k))
        gap = replace(gap, closed=True)
    search.add(search.images())
    nodes = search.nodes()
    size = gap.mesh
    while not search.lines and (search.suspects or search.unexplained or _net(nodes) not in (0, None)):
        search.add(search.beside_suspects())
        size = _finer(size)
        if np.prod(size) > min(FINEST, FINEST_WORK / model.n_orbitals**2):
            nodes = search.nodes()
            break
        again = find_gap(model, n_occupied, size, closed_below_ev)
        search.add(again.minima[again.minima_ev < 100 * closed_below_ev])
        search.add(search.images())
        search.add_charged(again.on_mesh)
        nodes = search.nodes()
    return _classify(search, nodes, gap)


def _finer(size: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return half as many divisions again, even in number, where there is more than one."""
    a, b, c = (n if n == 1 else 2 * ((3 * n + 3) // 4) for n in size)
    return a, b, c


def _net(nodes: list[Node]) -> int | None:
    charges = [node.chirality for node in nodes]
    return None if None in charges else sum(charge for charge in charges if charge is not None)


def _classify(search: NodeSearch, nodes: list[Node], gap: GapResult) -> NodesResult:
    net = _net(nodes)
    known = (net == 0 and not search.unexplained) or search.dimensions < 3
    lines = tuple(search.lines)
    kind: Kind
    if search.surface:
        kind, reason = "nodal surface", "the bands touch on a surface"
    elif lines:
        kind, reason = "nodal line", f"{len(lines)} line(s) of touching, {len(nodes)} isolated point(s)"
    elif any(node.chirality for node in nodes):
        charges = sorted({abs(node.chirality or 0) for node in nodes} - {0})
        kind, reason = "Weyl", f"{len(nodes)} point(s), charges ±{', ±'.join(map(str, charges))}, sum {net}"
    elif nodes and all(node.slopes[0] < 1e-2 * search.steepness for node in nodes):
        kind, reason = "touching", f"{len(nodes)} point(s) of quadratic touching without charge"
    else:
        kind, reason = "Dirac", f"{len(nodes)} point(s) without net charge"
        known = known and bool(nodes)
    return NodesResult(kind, tuple(nodes), lines, gap, None if lines else net, known or bool(lines), reason)
