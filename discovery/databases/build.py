"""``fetch``: bring the pinned files and make the data directory's files from them."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from discovery.databases import labels
from discovery.databases.cifs import Refused
from discovery.databases.download import Downloader, DownloadError, Report
from discovery.databases.facts import origins
from discovery.databases.imported import make_writable
from discovery.databases.info import DatabaseError
from discovery.databases.structure_sources import find_structures
from discovery.databases.structures import build_structures
from discovery.databases.views import LABEL_TABLE, STRUCTURES, STRUCTURES_RECORD, structures_record
from discovery.settings import Settings

ARSENAL_TABLE = "arsenal_formula_spacegroup.csv"
LISTED = 1000
"""How many missing or refused ids the record beside the structures names."""


@dataclass(frozen=True)
class Fetched:
    """What the data directory holds after ``fetch``.

    Attributes:
        structures: crystals in the structure file.
        labels: rows of the label table.
        missing: structures that the source should have had and did not.
        refused: crystals that could not be used, with the reason.
        made: names of the files that were written; empty when everything was there.
    """

    structures: int
    labels: int
    missing: int
    refused: list[Refused]
    made: list[str]


def fetch(
    settings: Settings,
    *,
    again: bool = False,
    report: Report = lambda name, done, total: None,
    workers: int | None = None,
    downloader: Downloader | None = None,
) -> Fetched:
    """Make ``mp_structures.parquet``, ``topology_labels.parquet`` and the Arsenal table.

    All of ``topoA``, ``topoB``, ``materiae`` and ``mp`` are views of these files. What is there and complete
    is kept.

    Args:
        settings: data directory, cache directory and mirror.
        again: make the files even if they are there.
        report: told about the progress of downloads and of reading structures.
        workers: processes for reading structures.
        downloader: in place of one made from ``settings``.

    Raises:
        DatabaseError: a file could not be had or is not the pinned one, or a directory cannot be written to.
    """
    directory = settings.data_dir
    have_structures = not again and _complete(directory)
    if have_structures and _joined(directory):
        return _summary(directory, [], [])
    make_writable(directory)
    make_writable(settings.cache_dir)
    made: list[str] = []
    refused: list[Refused] = []
    try:
        with downloader or Downloader(settings, report) as loader:
            sources = read_sources(loader)
            if not have_structures:
                labelled = sources.materiae.keys() | sources.tqc.keys()
                refused = _fetch_structures(loader, settings, labelled, report, workers)
                made.append(STRUCTURES)
            write_labels(directory, sources)
            made += [LABEL_TABLE, ARSENAL_TABLE]
    except OSError as error:
        raise DatabaseError(
            f"A file could not be written: {error}.",
            "Make room, or set DISCOVER_DATA_DIR and DISCOVER_CACHE_DIR to other directories,\n"
            "then run the same command again: it goes on where it stopped.",
        ) from error
    return _summary(directory, refused, made)


def read_sources(loader: Downloader) -> labels.Sources:
    """Return what the three label sources say, from their pinned files."""
    files = {name: {o.path: loader.file(o) for o in origins(name)} for name in ("materiae", "tqc", "arsenal")}
    return labels.Sources(
        labels.read_materiae(files["materiae"]),
        labels.read_tqc(files["tqc"][labels.TQC_FILE]),
        labels.read_arsenal(files["arsenal"]),
    )


def write_labels(directory: Path, sources: labels.Sources) -> None:
    """Join the sources to the structures of the data directory and write both label files."""
    table, best = labels.join_labels(sources, _known_structures(directory / STRUCTURES))
    csv_part, table_part = directory / f".{ARSENAL_TABLE}.part", directory / f".{LABEL_TABLE}.part"
    labels.write_arsenal(csv_part, sources.arsenal, best)
    pq.write_table(table, table_part, compression="zstd")
    csv_part.replace(directory / ARSENAL_TABLE)
    table_part.replace(directory / LABEL_TABLE)
    if record := structures_record(directory):
        _write_record(directory, record | {"joined": True})


def _known_structures(path: Path) -> dict[str, labels.Structure]:
    from xbert.crystals import CrystalTable
    from xbert.formulas import reduced_formulas

    table = CrystalTable.read_parquet(path, ["spacegroup_symprec_0.1", "spacegroup_symprec_0.01"])
    rows = zip(
        reduced_formulas(table).to_pylist(),
        table.n_atoms.tolist(),
        *(table.arrow[name].fill_null(0).to_pylist() for name in table.property_names),
        strict=True,
    )
    return {mp_id: labels.Structure(*row) for mp_id, row in zip(table.ids, rows, strict=True)}


def _fetch_structures(
    loader: Downloader, settings: Settings, labelled: set[str], report: Report, workers: int | None
) -> list[Refused]:
    source = find_structures(loader, origins("structures")[0], labelled)
    chunks, new = settings.cache_dir / "structures", settings.data_dir / f".{STRUCTURES}.new"
    try:
        crystals, refused = build_structures(
            source.cifs,
            chunks,
            new,
            workers=workers,
            report=lambda read, _: report(STRUCTURES, read, source.wanted or None),
        )
    except DownloadError:
        _forget_archive(source.archive, settings)
        raise
    if not crystals:
        raise DatabaseError(f"{source.place} has no structure that could be read.", "Check DISCOVER_MIRROR.")
    _keep_the_larger(settings.data_dir / STRUCTURES, new, crystals, source.place, len(source.missing))
    record = {
        "source": source.place,
        "crystals": crystals,
        "wanted": source.wanted or crystals + len(refused),
        "missing": len(source.missing),
        "missing_ids": source.missing[:LISTED],
        "refused": len(refused),
        "refusals": [entry._asdict() for entry in refused[:LISTED]],
        "joined": False,
    }
    _write_record(settings.data_dir, record)
    new.replace(settings.data_dir / STRUCTURES)
    shutil.rmtree(chunks, ignore_errors=True)
    _forget_archive(source.archive, settings)
    return refused


def _forget_archive(archive: Path | None, settings: Settings) -> None:
    if archive is not None and archive.is_relative_to(settings.cache_dir):
        archive.unlink()


def _keep_the_larger(old: Path, new: Path, crystals: int, place: str, missing: int) -> None:
    """Refuse to put what an incomplete mirror has in place of more."""
    if missing and old.is_file() and (had := pq.read_metadata(old).num_rows) > crystals:
        new.unlink()
        raise DatabaseError(
            f"{place} has only {crystals:,} structures; {old} holds {had:,} and was kept.",
            "Use a complete mirror, or move that file away first.",
        )


def _write_record(directory: Path, record: dict[str, Any]) -> None:
    part = directory / f".{STRUCTURES_RECORD}.part"
    part.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    part.replace(directory / STRUCTURES_RECORD)


def _complete(directory: Path) -> bool:
    """Whether all structures are there; a file without a record came ready-made and is taken as it is."""
    path, record = directory / STRUCTURES, structures_record(directory)
    if not path.is_file() or not record:
        return path.is_file()
    return not record.get("missing") and record.get("crystals") == pq.read_metadata(path).num_rows


def _joined(directory: Path) -> bool:
    """Whether the label table is there and was made for the structures at hand."""
    return (directory / LABEL_TABLE).is_file() and bool(structures_record(directory).get("joined", True))


def _summary(directory: Path, refused: list[Refused], made: list[str]) -> Fetched:
    return Fetched(
        pq.read_metadata(directory / STRUCTURES).num_rows,
        pq.read_metadata(directory / LABEL_TABLE).num_rows,
        structures_record(directory).get("missing", 0),
        refused,
        made,
    )
