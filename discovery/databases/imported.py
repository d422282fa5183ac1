"""A person's own crystals: any path as a database, and imports that keep a copy under a name."""

import json
import os
import re
from collections.abc import Sequence
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from discovery.databases.facts import built_in_names
from discovery.databases.fingerprints import fingerprint_files
from discovery.databases.info import Database, DatabaseError, DatabaseInfo, DatabaseNotReady, conform
from discovery.settings import Settings
from xbert.crystals import CrystalTable

if TYPE_CHECKING:
    from xbert.validation import Refusal

FOLDER = "imported"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
RESERVED = ("mp-api", "optimade")
OWN_LABELS = "Labels, if there are any, are those of the files that were read."


class PathDatabase(Database):
    """Crystal files as a database: a file, a folder or a glob that ``xbert.readers`` understands.

    Attributes:
        refused: crystals that ``open`` left out, with file, id, reason and remedy.
    """

    def __init__(self, path: str, settings: Settings) -> None:
        self.path = path
        self.cache_dir = settings.cache_dir
        self.refused: list[Refusal] = []
        self.info = DatabaseInfo(
            name=path,
            title=Path(path).name or path,
            description="Crystals read from files.",
            licence="that of the files",
            citation=[],
            label_meaning=OWN_LABELS,
        )

    def is_ready(self) -> bool:
        """Whether there is a file at the path."""
        return bool(files_at(self.path))

    def open(self) -> CrystalTable:
        """Return the crystals that could be read; the others are in ``refused``.

        Raises:
            DatabaseNotReady: there is no file, or no crystal in it could be read.
        """
        table, self.refused = _read([self.path])
        return conform(table)

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of the names and contents of all files at the path."""
        return fingerprint_files(files_at(self.path), self.cache_dir)


class ImportedDatabase(Database):
    """Crystals that ``import_crystals`` copied into the data directory."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.file = settings.data_dir / FOLDER / f"{name}.parquet"
        self.cache_dir = settings.cache_dir
        self.record = _record(self.file.with_suffix(".json"))
        self.info = DatabaseInfo(
            name=name,
            title=self.record.get("title") or name,
            description=f"Imported from {', '.join(self.record.get('paths', [])) or 'files'}.",
            licence=self.record.get("licence") or "that of the files",
            citation=self.record.get("citation", []),
            label_meaning=OWN_LABELS,
        )

    def is_ready(self) -> bool:
        """Whether the imported file is still there."""
        return self.file.is_file()

    def open(self) -> CrystalTable:
        """Return the imported crystals."""
        try:
            return conform(CrystalTable.read_parquet(self.file))
        except (OSError, pa.ArrowInvalid, ValueError) as error:
            raise DatabaseNotReady(
                f"The imported database {self.info.name} cannot be read: {error}",
                f"Import it again with: discover data import PATH --as {self.info.name} --replace\n"
                f"or screen the bundled crystals: --db starter",
            ) from error

    def fingerprint(self) -> str:
        """Return the sha256 (hex) of the imported file's name and content."""
        return fingerprint_files([self.file], self.cache_dir)

    def notes(self) -> list[str]:
        """Return how many crystals the import refused."""
        refused = self.record.get("refused", [])
        return [f"{len(refused):,} crystals were refused when it was imported."] if refused else []


def imported_names(settings: Settings) -> list[str]:
    """Return the names of imported databases."""
    return sorted(path.stem for path in (settings.data_dir / FOLDER).glob("*.parquet"))


def import_crystals(
    paths: Sequence[str],
    name: str,
    settings: Settings,
    *,
    licence: str | None = None,
    citation: str | None = None,
    replace: bool = False,
) -> tuple[CrystalTable, list["Refusal"]]:
    """Read crystals and keep them as ``imported/NAME.parquet`` with a record of where they came from.

    Returns:
        The imported crystals, and those that were refused.

    Raises:
        DatabaseError: the name is taken or unusable, nothing could be read, or the data directory
            cannot be written to.
    """
    taken = {known.lower() for known in (*built_in_names(), *RESERVED)}
    if not NAME.fullmatch(name) or name.lower() in taken:
        raise DatabaseError(
            f"{name!r} cannot name an imported database.",
            f"Choose a name of letters, digits, '_', '-' and '.' that begins with a letter and is none of: "
            f"{', '.join(sorted(taken))}.",
        )
    file = settings.data_dir / FOLDER / f"{name}.parquet"
    if file.exists() and not replace:
        raise DatabaseError(
            f"There is an imported database {name!r} already.", "Choose another name, or add --replace."
        )
    make_writable(file.parent, f"or screen the files without importing them: --db {paths[0]}")
    table, refused = _read(paths)
    record = {
        "paths": [str(path) for path in paths],
        "sha256": fingerprint_files([f for path in paths for f in files_at(path)], settings.cache_dir),
        "crystals": len(table),
        "licence": licence,
        "citation": [citation] if citation else [],
        "refused": [{"file": r.file, "id": r.id, "reason": r.reason, "remedy": r.remedy} for r in refused],
    }
    part = file.with_name(f".{name}.{os.getpid()}.part")
    try:
        table.write_parquet(part)
        file.with_suffix(".json").write_text(
            json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8"
        )
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return table, refused


def make_writable(directory: Path, alternative: str = "") -> None:
    """Create a directory below the data directory, or say plainly that it cannot be written to.

    Raises:
        DatabaseError: the directory cannot be made or written to.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = directory / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DatabaseError(
            f"{directory} cannot be written to: {error.strerror}.",
            f"Set DISCOVER_DATA_DIR to a directory of your own\n{alternative}".rstrip(),
        ) from error


def _read(paths: Sequence[str]) -> tuple[CrystalTable, list["Refusal"]]:
    from xbert.readers import iter_crystals

    missing = [path for path in paths if not files_at(path)]
    if missing:
        raise DatabaseNotReady(
            f"There is no file at {missing[0]}.", "Give a file, a folder or a glob that exists."
        )
    tables, refused = [], []
    for table, refusals in iter_crystals(list(paths)):
        tables.append(table.arrow)
        refused += refusals
    merged = pa.concat_tables(tables, promote_options="permissive") if tables else None
    if not merged:
        why = f" The first was refused: {refused[0].reason} ({refused[0].file})" if refused else ""
        raise DatabaseNotReady(
            f"No crystal could be read from {', '.join(map(str, paths))}.{why}",
            "Give CIF, POSCAR, extxyz, ASE db, pymatgen JSON or Parquet files.",
        )
    return CrystalTable(merged), refused


def files_at(path: str) -> list[Path]:
    """Return the files that a path means: itself, those in the folder, or those that match the glob."""
    place = Path(path).expanduser()
    found = [place] if place.exists() else [Path(hit) for hit in glob(str(place), recursive=True)]  # noqa: PTH207
    inside = (file for hit in found for file in (hit.rglob("*") if hit.is_dir() else [hit]))
    return sorted({file for file in inside if file.is_file()})


def _record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
