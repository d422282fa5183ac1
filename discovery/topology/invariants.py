"""Z2 indices of crystals and layers from Wilson loops on time-reversal planes."""

from dataclasses import dataclass

from discovery.topology.plane import axis_plane
from discovery.topology.symmetries import TIME_REVERSAL
from discovery.topology.tightbinding import TightBinding
from discovery.topology.wilson import (
    Tolerances,
    WilsonPlane,
    half_planes,
    require_kramers_pairs,
    wilson_plane,
)


@dataclass(frozen=True)
class Z2Result:
    """Strong and weak indices, with the planes they come from.

    Attributes:
        planes: the six planes by name, ``k1=0``, ``k1=1/2``, ``k2=0``, …
        nu0: strong index along each axis, Z2(k_i = 0) + Z2(k_i = 1/2); None where a plane is undecided.
        nu: (ν0, ν1, ν2, ν3) with ν_i = Z2(k_i = 1/2); None unless all is decided and consistent.
        consistent: the strong indices that are decided agree.
        decided: all six planes are.
        kramers_error: largest distance of Kramers partners at the planes' ends, fraction of a cell.
        reasons: why there is no ``nu``; empty where there is one.
    """

    planes: dict[str, WilsonPlane]
    nu0: tuple[int | None, int | None, int | None]
    nu: tuple[int, int, int, int] | None
    consistent: bool
    decided: bool
    kramers_error: float
    reasons: tuple[str, ...]


def z2_indices(
    model: TightBinding,
    n_occupied: int,
    *,
    position_tolerance: float = 0.01,
    time_reversal_tolerance: float = TIME_REVERSAL,
    workers: int = 1,
) -> Z2Result:
    """Return ν0;(ν1 ν2 ν3) from the Wilson loops of six planes.

    Args:
        model: spin–orbit Hamiltonian with time reversal.
        n_occupied: number N of bands below the gap, even.
        position_tolerance: largest error of a Wannier charge centre, fraction of the cell.
        time_reversal_tolerance: largest breaking of time reversal in eV that is taken for noise.
        workers: threads that diagonalise.

    Raises:
        HamiltonianError: no time reversal, an odd or impossible number of bands.

    Source: Fu and Kane, PRB 76, 045302 (2007); Soluyanov and Vanderbilt, PRB 83, 235401 (2011).
    """
    paired = require_kramers_pairs(model, n_occupied, time_reversal_tolerance)
    where = {
        f"k{axis + 1}={name}": (axis, value)
        for axis in range(3)
        for name, value in (("0", 0.0), ("1/2", 0.5))
    }

    wanted = [axis_plane(*place) for place in where.values()]
    done = half_planes(paired, n_occupied, wanted, Tolerances(position_tolerance), workers)
    planes = dict(zip(where, done, strict=True))
    strong: list[int | None] = []
    for axis in (1, 2, 3):
        at_0, at_half = planes[f"k{axis}=0"].z2, planes[f"k{axis}=1/2"].z2
        strong.append(None if at_0 is None or at_half is None else (at_0 + at_half) % 2)
    reasons = [f"{name}: {plane.reason}" for name, plane in planes.items() if not plane.decided]
    decided = not reasons
    consistent = len({value for value in strong if value is not None}) <= 1
    if not consistent:
        reasons.append(f"the strong index differs along the three axes: {strong}")
    nu = None
    weak = [planes[f"k{axis}=1/2"].z2 for axis in (1, 2, 3)]
    if decided and consistent and strong[0] is not None:
        nu = (strong[0], weak[0] or 0, weak[1] or 0, weak[2] or 0)
    return Z2Result(
        planes=planes,
        nu0=(strong[0], strong[1], strong[2]),
        nu=nu,
        consistent=consistent,
        decided=decided,
        kramers_error=max(plane.pairing_error for plane in planes.values()),
        reasons=tuple(reasons),
    )


def z2_2d(model: TightBinding, n_occupied: int, axis: int = 2) -> WilsonPlane:
    """Return the Z2 index of a layer, in the plane k_axis = 0, with its Wannier charge centres.

    Args:
        model: spin–orbit Hamiltonian of a layer with time reversal.
        n_occupied: number N of bands below the gap, even.
        axis: lattice vector that leaves the layer: 0, 1 or 2.

    Raises:
        HamiltonianError: no time reversal, an odd or impossible number of bands.
    """
    return wilson_plane(model, n_occupied, axis_plane(axis, 0.0))
