"""HSE06 in pw.x: the check of an inversion by the parities of a self-consistent hybrid calculation.

Exchange is not a functional of the density, so no run at fixed density can follow: the eight TRIMs are among
the k-points of the self-consistent run itself, which a Γ-centred mesh of even divisions has.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.verification.engines import StepError
from discovery.verification.meshes import TRIMS, Mesh, mesh_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from discovery.verification.options import Options

NAME = "HSE06"


def require(options: "Options") -> None:
    """Refuse checks that pw.x does not do.

    Raises:
        StepError: mBJ, or a magnetic crystal.
    """
    if options.check == "mbj":
        raise StepError(
            "Quantum ESPRESSO 6.7 has no mBJ for spinors",
            "Take --check hse06, --engine vasp, or leave --check out.",
        )
    if options.check and options.magnetic:
        raise StepError(
            "without time reversal there are no parities for Quantum ESPRESSO to check",
            "Leave --check or --magnetic out, or take --engine vasp.",
        )


def mesh(structure: "Structure", spacing: float) -> Mesh:
    """Return the mesh of a check: even divisions, so that the TRIMs lie on it.

    A hybrid costs the square of the points, and is asked for the order of bands at the TRIMs only.

    Args:
        structure: the crystal.
        spacing: of the density's mesh in 1/Å, 2π included; here it is twice that.
    """
    a, b, c = (n + n % 2 for n in mesh_of(structure, 2.0 * spacing))
    return a, b, c


def exchange_mesh(divisions: Mesh) -> Mesh:
    """Return the mesh over which exchange is summed: each second point, of two all."""
    a, b, c = (n // 2 if n > 2 else n for n in divisions)
    return a, b, c


def kpoints(divisions: Mesh) -> np.ndarray:
    """Return (n, 4) points of an even mesh with their weights, one of each k and −k, the TRIMs first."""
    axes = np.meshgrid(*(np.arange(n) for n in divisions), indexing="ij")
    points = np.reshape(axes, (3, -1)).T
    opposite = -points % divisions
    rank = [np.ravel_multi_index(tuple(p.T), divisions) for p in (points, opposite)]
    kept = points[rank[0] < rank[1]] / divisions
    listed = np.vstack([TRIMS, kept])
    weights = np.concatenate([np.ones(len(TRIMS)), np.full(len(kept), 2.0)])
    return np.column_stack([listed, weights / weights.sum()])


def variables(exchange: Mesh, ecutwfc: float) -> dict[str, Any]:
    """Return the variables that make a run one of HSE06.

    Args:
        exchange: mesh over which exchange is summed.
        ecutwfc: cutoff of the wavefunctions, Ry.
    """
    return {
        "input_dft": "hse",
        "nqx1": exchange[0],
        "nqx2": exchange[1],
        "nqx3": exchange[2],
        # Products of orbitals on a smaller grid than that of the density: a quarter of the work.
        "ecutfock": ecutwfc,
        # The points are listed; time reversal stays, and halves them.
        "nosym": True,
    }
