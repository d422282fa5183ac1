"""Expand all facts into the table that ships: ``python -m discovery.databases.starter.build``."""

import pyarrow as pa

from discovery.databases.starter import TABLE
from discovery.databases.starter.expand import expand
from discovery.databases.starter.facts import crystals
from xbert.crystals import CrystalTable


def build() -> CrystalTable:
    """Return a fresh expansion of all facts, in the columns that ``load`` promises.

    Raises:
        ValueError: a fact that is not as it should be, or two crystals of one name.
    """
    from pymatgen.core import Composition

    facts = crystals()
    ids = [fact.id for fact in facts]
    if len(set(ids)) < len(ids):
        twice = sorted({name for name in ids if ids.count(name) > 1})
        raise ValueError(f"entered twice: {', '.join(twice)}")
    empty = pa.nulls(len(facts), pa.string())
    columns = {
        "formula": pa.array([Composition(fact.formula).reduced_formula for fact in facts], pa.string()),
        "icsd_ids": pa.array([fact.icsd_ids for fact in facts], pa.string()),
        "label_materiae": empty,
        "label_tqc": empty,
        "label_arsenal": empty,
        "spacegroup_database": pa.array([fact.prototype.spacegroup for fact in facts], pa.int16()),
        "band_gap": pa.array([fact.band_gap for fact in facts], pa.float64()),
        "e_above_hull": pa.nulls(len(facts), pa.float64()),
        "topology": pa.array([fact.topology for fact in facts], pa.string()),
        "phase": pa.array([fact.phase for fact in facts], pa.string()),
        "source": pa.array([fact.source for fact in facts], pa.string()),
    }
    return CrystalTable.from_crystals([expand(fact) for fact in facts], columns)


if __name__ == "__main__":
    table = build()
    table.write_parquet(TABLE)
    print(f"{len(table)} crystals written to {TABLE}")
