"""Crystals of one formula that are the same structure."""

import pyarrow as pa

from xbert.crystals import GEOMETRY, CrystalTable


def drop_matching_structures(rows: pa.Table) -> pa.Table:
    """Keep, of structures of one formula that match, the one that comes first.

    Matching is pymatgen's ``StructureMatcher`` with its own tolerances, on primitive cells scaled to one
    volume.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    crystals = CrystalTable(rows.select(GEOMETRY.names))
    kept: dict[str, list] = {}
    rows_kept = []
    for row, formula in enumerate(rows.column("formula").to_pylist()):
        structure = crystals[row].to_structure()
        others = kept.setdefault(formula, [])
        if any(matcher.fit(structure, other) for other in others):
            continue
        others.append(structure)
        rows_kept.append(row)
    return rows.take(pa.array(rows_kept, pa.int64()))
