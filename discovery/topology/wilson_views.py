"""Wannier charge centres on evenly spaced lines: an index needs few lines, an eye wants many."""

from dataclasses import replace

import numpy as np

from discovery.topology.invariants import Z2Result
from discovery.topology.sweep import run, sweep
from discovery.topology.tightbinding import TightBinding
from discovery.topology.wilson import require_kramers_pairs

LINES = 49
"""Lines over half a plane."""


def evenly(
    model: TightBinding, n_occupied: int, z2: Z2Result, lines: int = LINES, workers: int = 1
) -> Z2Result:
    """Return the same indices with charge centres on at least so many lines a plane.

    A plane whose lines could not be resolved stays as it is.

    Args:
        model: the Hamiltonian that ``z2`` was counted for.
        n_occupied: number of bands below the gap.
        z2: the six planes.
        lines: over half a plane, both ends included.
        workers: threads that diagonalise.
    """
    paired = require_kramers_pairs(model, n_occupied, float("inf"))
    t = np.linspace(0.0, 0.5, lines)
    planes = dict(z2.planes)
    for name, plane in planes.items():
        if not plane.decided:
            continue
        where = (plane.origin, plane.e1, plane.e2)
        (swept,) = run([sweep(paired, n_occupied, where, t, True, _alike)], n_occupied, 0.01, workers)
        if not swept.reason:
            centres = np.sort(np.array([loop.centres for loop in swept.loops]) % 1.0, axis=1)
            planes[name] = replace(plane, k=swept.t, centres=centres)
    return replace(z2, planes=planes)


def _alike(*_: object) -> bool:
    """Lines need no others between them for the sake of their centres."""
    return False
