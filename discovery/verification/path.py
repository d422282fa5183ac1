"""The standardised primitive cell that every step computes in, and the path of its bands.

A path is right only in the cell it was made for, so both come from seekpath (Hinuma, Pizzi, Kumagai, Oba &
Tanaka, Comput. Mater. Sci. 128, 140 (2017)) and neither is taken on trust: the space group is found again
in seekpath's cell, and a path is given only for a cell that seekpath leaves as it is.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.core import Structure

SYMPREC = 0.01
"""Tolerance in Å of symmetry."""

AGREEMENT = 1e-3
"""Å by which two lattices may differ and still be one."""

STANDARDISE = (
    "Give the crystal at another tolerance or idealised (`discover show` has the standard cell of a "
    "candidate), or leave the bands out."
)


@dataclass(frozen=True)
class BandPath:
    """K-points along the lines of a Brillouin zone.

    Attributes:
        kpoints: (n, 3) fractional, in the reciprocal vectors of the cell.
        distance: (n,) distance walked in 1/Å, 2π included; it stands still where the path jumps.
        labels: (place, name) of the special points, in order; names are seekpath's, `GAMMA` as `Γ`.
    """

    kpoints: np.ndarray
    distance: np.ndarray
    labels: tuple[tuple[int, str], ...]

    @property
    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Distance and label of special points; two at one distance are joined, as in `X|K`."""
        ticks: dict[float, str] = {}
        for place, name in self.labels:
            at = round(float(self.distance[place]), 9)
            known = ticks.get(at)
            ticks[at] = name if known in (None, name) else f"{known}|{name}"
        return tuple(ticks.items())


def space_group(structure: "Structure", symprec: float = SYMPREC) -> int:
    """Return the number of the space group.

    Raises:
        StepError: none was found.
    """
    return int(_dataset(structure, symprec).number)


def inversion_centre(structure: "Structure", symprec: float = SYMPREC) -> np.ndarray | None:
    """Return a fractional centre of inversion (3,), or None where the crystal has none."""
    found = _dataset(structure, symprec)
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        if (rotation == -np.eye(3, dtype=int)).all():
            centre: np.ndarray = np.asarray(translation, dtype=float) / 2.0
            return centre
    return None


def standard_cell(structure: "Structure", symprec: float = SYMPREC) -> "Structure":
    """Return seekpath's primitive cell with sites idealised, and a centre of inversion at the origin.

    Raises:
        StepError: no space group, a cell whose space group is another one, or one that seekpath would
            change again.
    """
    from pymatgen.core import Element, Structure

    number = space_group(structure, symprec)
    found = _seekpath(structure, symprec)
    lattice = np.asarray(found["primitive_lattice"])
    elements = [Element.from_Z(int(z)) for z in found["primitive_types"]]
    cell = Structure(lattice, elements, np.asarray(found["primitive_positions"]) % 1.0)
    centre = inversion_centre(cell, symprec)
    if centre is not None:
        cell = Structure(lattice, elements, _tidy(cell.frac_coords - centre))
    again = space_group(cell, symprec)
    if again != number:
        raise StepError(
            f"space group {number} became {again} in the standardised primitive cell", STANDARDISE
        )
    _require_standard(cell, symprec)
    return cell


def band_path(
    structure: "Structure", spacing: float = 0.025, time_reversal: bool = True, symprec: float = SYMPREC
) -> BandPath:
    """Return the path of a standardised primitive cell.

    Args:
        structure: a cell as `standard_cell` returns it.
        spacing: of neighbouring k-points in 1/Å, 2π included.
        time_reversal: whether E(k) = E(−k); without it and without inversion the path is longer.
        symprec: tolerance in Å of symmetry.

    Raises:
        StepError: the path belongs to another cell.
    """
    found = _require_standard(structure, symprec, spacing, time_reversal)
    labels = tuple(
        (place, "Γ" if name == "GAMMA" else name)
        for place, name in enumerate(found["explicit_kpoints_labels"])
        if name
    )
    return BandPath(
        np.asarray(found["explicit_kpoints_rel"], dtype=float),
        np.asarray(found["explicit_kpoints_linearcoord"], dtype=float),
        labels,
    )


def _require_standard(
    structure: "Structure", symprec: float, spacing: float = 0.5, time_reversal: bool = True
) -> dict[str, Any]:
    """Return seekpath's path, refusing a cell that is not the one it belongs to."""
    found = _seekpath(structure, symprec, spacing, time_reversal)
    if len(found["primitive_types"]) != len(structure) or not _same_lattice(structure, found, symprec):
        raise StepError(
            "the cell is not the standardised primitive one that its band path belongs to "
            f"(space group {found['spacegroup_number']}, lattice {found['bravais_lattice_extended']})",
            STANDARDISE,
        )
    return found


def _same_lattice(structure: "Structure", found: dict[str, Any], symprec: float) -> bool:
    """Whether fractional k-points mean the same in this cell and in seekpath's.

    seekpath may turn the crystal and choose other vectors. That is harmless if the vectors have the same
    lengths and angles and the choice leaves the point group in place: of a tetragonal crystal whose a and c
    happen to be equal, the fourfold axis must not change its name.
    """
    lattice, standard = structure.lattice.matrix, np.asarray(found["primitive_lattice"])
    chosen = standard @ np.asarray(found["rotation_matrix"]) @ np.linalg.inv(lattice)
    whole = np.rint(chosen)
    if np.abs(whole @ lattice - chosen @ lattice).max() > AGREEMENT:
        return False
    scale = np.sqrt(np.abs(np.diag(standard @ standard.T)))
    if (np.abs(lattice @ lattice.T - standard @ standard.T) > AGREEMENT * (scale[:, None] + scale)).any():
        return False
    rotations = np.asarray(_dataset(structure, symprec).rotations, dtype=float)
    # Columns of `rotations` act on fractional coordinates of the old vectors, whose rows `whole` combines.
    basis = np.linalg.inv(whole.T)
    moved = np.rint(basis @ rotations @ whole.T).astype(int)
    return {tuple(r.ravel()) for r in moved} == {tuple(r.ravel()) for r in rotations.astype(int)}


def _seekpath(
    structure: "Structure", symprec: float, spacing: float = 0.5, time_reversal: bool = True
) -> dict[str, Any]:
    import seekpath

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # edge cases of nearly equal axes: the checks here decide
            found: dict[str, Any] = seekpath.get_explicit_k_path(
                _tuple(structure), time_reversal, reference_distance=spacing, symprec=symprec
            )
    except Exception as error:  # seekpath raises its own kinds, of no common base
        raise StepError(f"seekpath finds no path: {error}", STANDARDISE) from None
    return found


def _dataset(structure: "Structure", symprec: float) -> Any:
    import spglib

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = spglib.get_symmetry_dataset(_tuple(structure), symprec=symprec)
        except Exception as error:  # spglib raises its own kinds from 2.7 on, and none before
            raise StepError(f"no space group at {symprec} Å: {error}", STANDARDISE) from None
    if found is None:
        raise StepError(f"no space group at {symprec} Å", STANDARDISE)
    return found


def _tuple(structure: "Structure") -> tuple[list[list[float]], list[list[float]], list[int]]:
    if not structure.is_ordered:
        raise StepError(
            f"{structure.composition.reduced_formula} has partly occupied sites",
            "Give an ordered structure.",
        )
    numbers = [int(site.specie.Z) for site in structure]
    return structure.lattice.matrix.tolist(), structure.frac_coords.tolist(), numbers


def _tidy(frac_coords: np.ndarray) -> np.ndarray:
    """Wrap into [0, 1) without leaving 0.9999999 where 0 is meant."""
    wrapped = np.asarray(frac_coords) % 1.0
    wrapped[np.abs(wrapped - 1.0) < 1e-9] = 0.0
    return wrapped
