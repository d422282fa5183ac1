"""Crystals of a CIF, one for each data block."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

import gemmi
import numpy as np

from xbert.reading.cif_symmetry import LIST_THEM, Operations, expand, find_column, find_operations, find_value
from xbert.reading.records import Record, Records, UnreadableError, disorder
from xbert.overlaps import find_overlaps

FULL = 0.005
"""How far an occupancy may be from one."""
SAME_POSITION = 1e-3
"""Fractional; sites nearer than this share one position."""
FORMULA_TOLERANCE = 0.005
"""How far an atomic fraction may be from the stated formula's."""
P1 = Operations("P 1", np.eye(3)[None], np.zeros((1, 3)))

# Newer dictionaries write _cell.length_a for _cell_length_a.
_DOTTED = re.compile(r"^(\s*_(?:cell|atom_site|symmetry|space_group|chemical_formula)[\w-]*)\.(?=\w)", re.M | re.I)
_BLOCK = re.compile(r"^data_", re.M | re.I)
_TOKEN = re.compile(r"([A-Z][a-z]?)(\d*\.?\d*)")
_MADE_UP = re.compile(r"global|publ|image\d+|vesta_phase_\d+|findsym-output|untitled|crystal|structure", re.I)


def read(text: str) -> Records:
    """Yield the crystal of each data block of a CIF, or why it has none.

    The symmetry is taken from the listed operations, else the Hall symbol, the Hermann–Mauguin symbol or
    the number; a block that states none lists all atoms. Oxidation states, isotopes and moments are dropped.
    """
    blocks = list(_blocks(_DOTTED.sub(r"\1_", text)))
    with_atoms = 0
    results: list[tuple[gemmi.cif.Block, Record | UnreadableError]] = []
    for block in blocks:
        if isinstance(block, UnreadableError):
            results.append((None, block))
            continue
        try:
            results.append((block, _crystal(block)))
            with_atoms += 1
        except UnreadableError as error:
            error.id = block.name or None
            results.append((block, error))
    raise NotImplementedError


