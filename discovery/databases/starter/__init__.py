"""The bundled database: real crystals entered as facts and expanded by code.

``crystals/*.csv`` hold one crystal a line, ``prototypes.toml`` the structure types they share,
``references.csv`` the literature. ``python -m discovery.databases.starter.build`` expands them
into ``starter.parquet``, which is all that ``load`` reads.
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xbert.crystals import CrystalTable

FOLDER = Path(__file__).parent
TABLE = FOLDER / "starter.parquet"


def load() -> "CrystalTable":
    """Return the bundled crystals, as published (conventional cells), in the order of their ids.

    Columns beside the geometry: ``formula`` (reduced), ``icsd_ids``, ``label_materiae``, ``label_tqc``,
    ``label_arsenal`` (all null: no label of those catalogues is copied), ``spacegroup_database``
    (int16, as entered), ``band_gap`` (eV; measured, 0 for metals, null where not stated),
    ``e_above_hull`` (null), ``topology`` (class in the literature), ``phase``
    (``insulator|semimetal|metal``) and ``source`` (citations).
    """
    from xbert.crystals import CrystalTable

    return CrystalTable.read_parquet(TABLE)
