"""Reduced formulas of a whole crystal table at once, spelt as pymatgen spells them."""

from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbert.crystals import CrystalTable
from xbert.elements import element_facts, symbols

POLYANION = 1.65  # two last elements closer than this in electronegativity are bracketed together


# What pymatgen does not reduce (Composition.special_formulas): peroxides and the like, and molecules.
_SPECIAL = {
    **{f"{metal}O": f"{metal}2O2" for metal in ("Li", "Na", "K", "Cs", "Rb")},
    "HO": "H2O2",
    **{name: f"{name}2" for name in ("O", "N", "F", "Cl", "H")},
}


@cache
def _element_order() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elements by electronegativity, those without one last: rank by atomic number, the rest by rank."""
    names = np.array(symbols()[1:])
    electronegativity = np.array([float(row["electronegativity"] or "nan") for row in element_facts()])
    order = np.lexsort((names, np.nan_to_num(electronegativity, nan=np.inf)))
    rank = np.zeros(256, dtype=np.int64)
    rank[order + 1] = np.arange(len(order))
    return rank, names[order], electronegativity[order]


def reduced_formulas(table: CrystalTable) -> pa.Array:
    """Reduced formula of every crystal, e.g. ``K2Zr(IO3)6``.

    Agrees with ``pymatgen.core.Composition.reduced_formula``, a few hundred times faster: elements in
    order of electronegativity, a polyanion of the last two in brackets, O2 and its like not halved.

    Returns:
        (n,) string array; null for a crystal without atoms.
    """
    n_atoms = table.n_atoms
    filled = np.flatnonzero(n_atoms)
    if not len(filled):
        return pa.nulls(len(table), pa.string())
    rank, names, electronegativity = _element_order()
    # one entry per (crystal, element), in pymatgen's order of elements
    entries, amounts = np.unique(
        np.repeat(np.arange(len(filled)) * 128, n_atoms[filled]) + rank[table.numbers_flat],
        return_counts=True,
    )
    crystal, element = entries >> 7, entries & 127
    first = np.flatnonzero(np.diff(crystal, prepend=-1))
    last = np.append(first[1:], len(entries)) - 1
    amounts //= np.gcd.reduceat(amounts, first)[crystal]

    ternary = last[last - first >= 2]
    close = electronegativity[element[ternary]] - electronegativity[element[ternary - 1]] < POLYANION
    factor = np.gcd(amounts[ternary], amounts[ternary - 1])
    end, factor = ternary[close & (factor > 1)], factor[close & (factor > 1)]
    amounts[end] //= factor
    amounts[end - 1] //= factor

    opening = np.full(len(entries), "", dtype=object)
    opening[end - 1] = "("
    closing = np.full(len(entries), "", dtype=object)
    closing[end] = [f"){f}" for f in factor]
    spelt = pc.binary_join_element_wise(
        pa.array(opening, pa.string()),
        pa.array(names[element], pa.string()),
        pc.if_else(pa.array(amounts == 1), "", pc.cast(pa.array(amounts), pa.string())),
        pa.array(closing, pa.string()),
        "",
    )
    offsets = pa.array(np.append(first, len(entries)).astype(np.int32))
    formulas = pc.binary_join(pa.ListArray.from_arrays(offsets, spelt), "")
    known = pc.index_in(formulas, value_set=pa.array(list(_SPECIAL)))
    formulas = pc.coalesce(pa.array(list(_SPECIAL.values())).take(known), formulas)
    place = np.full(len(table), -1)
    place[filled] = np.arange(len(filled))
    return formulas.take(pa.array(place, mask=place < 0))
