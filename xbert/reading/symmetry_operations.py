"""Symmetry operations of a CIF block, and the atoms that they make of its sites."""

from collections.abc import Sequence
from dataclasses import dataclass

import gemmi
import numpy as np

from xbert.reading.records import UnreadableError

SAME_SITE = 0.1
"""Å; images of one site nearer than this are one atom whose coordinates were rounded."""

OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
)
MAGNETIC_OPERATIONS = ("_space_group_symop_magn_operation.xyz", "_space_group_symop_magn_operation_xyz")
MAGNETIC_CENTRINGS = ("_space_group_symop_magn_centering.xyz", "_space_group_symop_magn_centering_xyz")
HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall", "_space_group.name_Hall")
SYMBOL = (
    "_space_group_name_H-M_alt",
    "_symmetry_space_group_name_H-M",
    "_space_group_name_H-M",
    "_space_group.name_H-M_alt",
)
NUMBER = ("_space_group_IT_number", "_symmetry_Int_Tables_number", "_space_group.IT_number")
TWO_ORIGINS = "list the symmetry operations (_space_group_symop_operation_xyz)"


@dataclass(frozen=True)
class Operations:
    """Symmetry operations x → Rx + t on fractional coordinates, one for each general position.

    Attributes:
        rotations: (m, 3, 3) integers.
        translations: (m, 3) fractions of the cell.
    """

    rotations: np.ndarray
    translations: np.ndarray

    def __len__(self) -> int:
        return len(self.rotations)


IDENTITY = Operations(np.eye(3)[None], np.zeros((1, 3)))
