"""What a database is: its facts, its columns, and how it says that it is not there yet."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict

from xbert.crystals import CrystalTable
from xbert.validation import Refusal

LABELS = ("label_materiae", "label_tqc", "label_arsenal")
COLUMNS = pa.schema(
    [
        ("formula", pa.string()),
        ("icsd_ids", pa.string()),
        *((label, pa.string()) for label in LABELS),
        ("spacegroup_database", pa.int16()),
        ("band_gap", pa.float64()),
        ("e_above_hull", pa.float64()),
    ]
)
TRIVIAL = (
    "“Trivial” means not symmetry-indicated: the symmetry eigenvalues at high-symmetry momenta do not show "
    "any topology. It does not mean physically trivial; the Weyl semimetals TaAs and WTe2 carry this label."
)


class Origin(BaseModel):
    """One pinned public file.

    Attributes:
        repository: OWNER/REPO on GitHub.
        commit: full commit id.
        path: path in the repository; a folder ends in ``/`` and is taken from the commit's archive.
        sha256: hash of the file at that commit; null for a folder.
        bytes: size of the file; null for a folder.
        licence: licence of this file, as far as it is known here.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    commit: str
    path: str
    sha256: str | None = None
    bytes: int | None = None
    licence: str = "not known here"

    def __str__(self) -> str:
        return f"{self.repository}@{self.commit[:7]}:{self.path}"


class DatabaseInfo(BaseModel):
    """What a person should know before screening a database or quoting from it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    description: str
    licence: str
    citation: list[str]
    origins: list[Origin] = []
    label_meaning: str = "This database carries no labels."


class DatabaseError(Exception):
    """A database cannot do what was asked; ``remedy`` says what to do about it."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n{self.remedy}" if self.remedy else self.message


class DatabaseNotReady(DatabaseError):
    """The database is known and its files are not here."""


class UnknownDatabase(DatabaseError):
    """No database and no file has this name."""


class Database(ABC):
    """A named source of crystals.

    Attributes:
        info: facts about it.
        refused: crystals that ``open`` left out, with file, id, reason and remedy.
    """

    info: DatabaseInfo
    refused: Sequence[Refusal] = ()

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether ``open`` would find its files."""

    @abstractmethod
    def open(self) -> CrystalTable:
        """Return all crystals, with the columns of ``COLUMNS`` beside the geometry.

        Raises:
            DatabaseNotReady: the files are not here; ``remedy`` is the command that brings them.
        """

    @abstractmethod
    def fingerprint(self) -> str:
        """Return the sha256 (hex) of what the database is made from."""

    def class_counts(self) -> dict[str, dict[str, int]]:
        """Return, for each label column that has values, how many crystals carry each class."""
        return count_classes(self.open().arrow)

    def notes(self) -> list[str]:
        """Return what is unusual about the files at hand, e.g. structures that are missing."""
        return []


def count_classes(table: pa.Table) -> dict[str, dict[str, int]]:
    """Count the classes of every label column (and ``topology``) of a table, most frequent first."""
    counts: dict[str, dict[str, int]] = {}
    for name in (*LABELS, "topology"):
        if name in table.column_names and table[name].null_count < len(table):
            pairs = pc.value_counts(table[name].drop_null()).to_pylist()
            pairs.sort(key=lambda pair: (-pair["counts"], pair["values"]))
            counts[name] = {pair["values"]: pair["counts"] for pair in pairs}
    return counts


def conform(table: CrystalTable) -> CrystalTable:
    """Return the table with every column of ``COLUMNS``: cast where it has one, null where it has none.

    The formula is always the reduced one, computed from the atoms.
    """
    from xbert.formulas import reduced_formulas

    arrow = table.arrow
    values = {"formula": pa.chunked_array([reduced_formulas(table)])}
    for field in COLUMNS:
        if field.name in values:
            column = values[field.name]
        elif field.name in arrow.column_names:
            column = arrow[field.name].cast(field.type)
        else:
            column = pa.chunked_array([pa.nulls(len(arrow), field.type)])
        if field.name in arrow.column_names:
            arrow = arrow.set_column(arrow.column_names.index(field.name), field.name, column)
        else:
            arrow = arrow.append_column(field.name, column)
    return CrystalTable(arrow)


def combined_hash(hashes: Iterable[tuple[str, str]]) -> str:
    """Return one sha256 (hex) for several (name, sha256) pairs, whatever their order."""
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(hashes))
    return hashlib.sha256(lines.encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Return the sha256 (hex) of a file's bytes."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
