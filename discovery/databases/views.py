"""The Materials Project structures and their topology labels, as views of one data directory.

The directory holds ``mp_structures.parquet`` and ``topology_labels.parquet``, and may hold
``mp_properties.parquet``; whoever put them there (a builder of this package or somebody else) is
of no importance, and it may be read-only.
"""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from discovery.databases.fingerprints import fingerprint_files
from discovery.databases.info import Database, DatabaseInfo, DatabaseNotReady, conform, count_classes
from discovery.settings import Settings
from xbert.crystals import CrystalTable

STRUCTURES = "mp_structures.parquet"
STRUCTURES_RECORD = "mp_structures.json"
LABEL_TABLE = "topology_labels.parquet"
PROPERTIES = "mp_properties.parquet"
SOURCE_COLUMNS = {"label_materiae": "materiae_soc", "label_tqc": "tqc_class", "label_arsenal": "arsenal"}
OF_THE_CELL = ("formula", "n_sites")  # not read: the reduced formula is computed, the atoms are counted
BAND_GAP = ("mp20_band_gap", "megnet_band_gap", "roost_nonmetal_band_gap")
HULL = ("mp20_e_above_hull", "mpts52_e_above_hull", "synthnn_e_above_hull")


class MaterialsProjectView(Database):
    """Crystals of the data directory: all of them, or those that one source has labelled.

    Args:
        info: facts of the view.
        settings: data and cache directory.
        label: ``label_materiae``, ``label_tqc`` or ``label_arsenal`` keeps the crystals that have it.
    """

    def __init__(self, info: DatabaseInfo, settings: Settings, label: str | None = None) -> None:
        self.info = info
        self.label = label
        self.directory = settings.data_dir
        self.cache_dir = settings.cache_dir

    @property
    def required(self) -> list[Path]:
        """Files without which the view cannot be opened."""
        names = [STRUCTURES] if self.label is None else [STRUCTURES, LABEL_TABLE]
        return [self.directory / name for name in names]

    def is_ready(self) -> bool:
        """Whether the structures, and the labels of a labelled view, are in the data directory."""
        return all(path.is_file() for path in self.required)

    def open(self) -> CrystalTable:
        """Return the crystals with labels, space group, band gap (eV) and energy above hull (eV/atom).

        Raises:
            DatabaseNotReady: a file is missing or cannot be read.
        """
        self._check()
        structures = self.directory / STRUCTURES
        labels = self._labels()
        if self.label is None or labels is None:
            arrow = _read(structures)
        else:
            wanted = labels.filter(pc.is_valid(labels[self.label]))["mp_id"]
            arrow = _read(structures, wanted.combine_chunks())
        own = arrow["spacegroup_symprec_0.1"] if "spacegroup_symprec_0.1" in arrow.column_names else None
        columns: dict[str, Any] = {} if own is None else {"spacegroup_database": own}
        if labels is not None:
            rows = pc.index_in(arrow["id"], value_set=labels["mp_id"].combine_chunks())
            for name in ("icsd_ids", *SOURCE_COLUMNS):
                columns[name] = labels[name].take(rows)
            stated = labels["spacegroup"].take(rows)
            columns["spacegroup_database"] = stated if own is None else pc.coalesce(stated, own)
        columns |= self._properties(arrow["id"])
        for name, values in columns.items():
            arrow = arrow.append_column(name, values)
        return conform(CrystalTable(arrow))

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of the names and contents of the files behind the view."""
        self._check()
        optional = [self.directory / LABEL_TABLE, self.directory / PROPERTIES]
        paths = {*self.required, *(path for path in optional if path.is_file())}
        return fingerprint_files(sorted(paths), self.cache_dir)

    def class_counts(self) -> dict[str, dict[str, int]]:
        """Return how many crystals of the view carry each class, without reading their geometry."""
        self._check()
        labels = self._labels()
        if labels is None:
            return {}
        ids = pq.read_table(self.directory / STRUCTURES, columns=["id"])["id"].combine_chunks()
        labels = labels.filter(pc.is_in(labels["mp_id"], value_set=ids))
        if self.label is not None:
            labels = labels.filter(pc.is_valid(labels[self.label]))
        return count_classes(labels)

    def notes(self) -> list[str]:
        """Return which structures are missing, and whether band gaps and hull energies are at hand."""
        if not self.is_ready():
            return []
        notes = []
        record = structures_record(self.directory)
        if record.get("missing"):
            notes.append(
                f"{record['missing']:,} of {record['wanted']:,} structures asked for were not to be had from "
                f"{record['source']}."
            )
        if record.get("refused"):
            notes.append(f"{record['refused']:,} crystals were refused when the structures were read.")
        labels = self._labels()
        if labels is not None and self.label is not None:
            labelled = labels.filter(pc.is_valid(labels[self.label]))["mp_id"]
            ids = pq.read_table(self.directory / STRUCTURES, columns=["id"])["id"].combine_chunks()
            without = len(labelled) - pc.sum(pc.is_in(labelled, value_set=ids)).as_py()
            if without:
                notes.append(f"{without:,} of {len(labelled):,} labelled crystals have no structure here.")
        if not (self.directory / PROPERTIES).is_file():
            notes.append(f"Band gaps and energies above hull are unknown: no {PROPERTIES} here.")
        return notes

    def _check(self) -> None:
        missing = " and no ".join(path.name for path in self.required if not path.is_file())
        if missing:
            raise DatabaseNotReady(
                f"The database {self.info.name} is not here: {self.directory} has no {missing}.",
                f"Get it with: discover data fetch {self.info.name}\n"
                f"or set DISCOVER_DATA_DIR to a directory that has these files,\n"
                f"or screen the bundled crystals: --db starter",
            )

    def _labels(self) -> pa.Table | None:
        path = self.directory / LABEL_TABLE
        if not path.is_file():
            return None
        table = pq.read_table(path, columns=["mp_id", "icsd_ids", "spacegroup", *SOURCE_COLUMNS.values()])
        strings = [name for name in table.column_names if name != "spacegroup"]
        for name in strings:
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.string()))
        names = {source: name for name, source in SOURCE_COLUMNS.items()}
        return table.rename_columns([names.get(name, name) for name in table.column_names])

    def _properties(self, ids: pa.ChunkedArray) -> dict[str, Any]:
        path = self.directory / PROPERTIES
        if not path.is_file():
            return {}
        present = set(pq.read_schema(path).names)
        columns: dict[str, Any] = {}
        for name, sources in {"band_gap": BAND_GAP, "e_above_hull": HULL}.items():
            found = [source for source in sources if source in present]
            if found:
                table = pq.read_table(path, columns=["id", *found])
                rows = pc.index_in(ids, value_set=table["id"].cast(pa.string()).combine_chunks())
                columns[name] = pc.coalesce(*(table[source] for source in found)).take(rows)
        return columns


def structures_record(directory: Path) -> dict[str, Any]:
    """Return what the builder wrote beside the structures; empty for a directory that came ready-made."""
    try:
        record = json.loads((directory / STRUCTURES_RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _read(path: Path, ids: pa.Array | None = None) -> pa.Table:
    """Read the structures, or those of some ids, batch by batch: half the peak memory of reading at once."""
    try:
        with pq.ParquetFile(path, memory_map=True) as file:
            wanted = [name for name in file.schema_arrow.names if name not in OF_THE_CELL]
            batches = file.iter_batches(8192, columns=wanted, use_threads=False)
            if ids is not None:
                batches = (batch.filter(pc.is_in(batch["id"], value_set=ids)) for batch in batches)
            return pa.Table.from_batches(list(batches))
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise DatabaseNotReady(
            f"{path} cannot be read: {error}", "Fetch it again with: discover data fetch mp --again"
        ) from error
