"""Read crystals from files of any of the usual formats, in batches, refusing what cannot be used."""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from xbert.crystals import GEOMETRY, CrystalTable
from xbert.reading import parquet
from xbert.reading.files import READABLE, find_files, format_of, is_zipped, read_bytes, read_text, stem_of
from xbert.reading.records import Record, Records, UnreadableError
from xbert.validation import MAX_ATOMS, Refusal, check_table

SOURCE = "source_file"

Batch = tuple[CrystalTable, list[Refusal]]


def iter_crystals(
    paths: Iterable[str | Path],
    batch_size: int = 2048,
    on_refusal: Callable[[Refusal], None] | None = None,
    max_atoms: int = MAX_ATOMS,
) -> Iterator[Batch]:
    """Read crystals in batches, whatever their format.

    CIF, POSCAR, extxyz, ASE db, pymatgen JSON and Parquet are read, each also gzipped. What cannot be used
    is refused (see ``xbert.validation``) and reading goes on. Each table has the column ``source_file`` and
    what property columns its files give, so tables may differ in them. Ids are unique: the name in the
    file, else the file's stem; repeated ones are numbered ``name#2``, ``name#3``, ...

    Args:
        paths: files, folders (searched to the bottom) and glob patterns.
        batch_size: crystals in a table, at most.
        on_refusal: called with each refusal as it happens.
        max_atoms: atoms allowed in a cell.

    Yields:
        The crystals that can be used, and the refusals met on the way to them; the table is empty where
        only refusals are left to tell.

    Raises:
        FileNotFoundError: a path does not exist, a glob matches nothing or a folder holds no crystal file.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}")
    # Outside the generator, so that a wrong path is told where iter_crystals is called.
    files = find_files(paths)
    return _batches(files, batch_size, on_refusal, max_atoms)


def _batches(
    files: list[Path], batch_size: int, on_refusal: Callable[[Refusal], None] | None, max_atoms: int
) -> Iterator[Batch]:
    names = _Names()
    waiting: list[tuple[str, str, Record]] = []
    refusals: list[Refusal] = []

    def refuse(refusal: Refusal) -> None:
        refusals.append(refusal)
        if on_refusal:
            on_refusal(refusal)

    def checked(table: CrystalTable) -> Batch:
        good, wrong = check_table(table, max_atoms=max_atoms)
        for refusal in wrong:
            refuse(refusal)
        told = refusals.copy()
        refusals.clear()
        return (table if len(good) == len(table) else table.take(good)), told

    for file in files:
        stem = stem_of(file)
        for item in _guarded(file, batch_size):
            match item:
                case Refusal():
                    refuse(item)
                case UnreadableError():
                    refuse(Refusal(str(file), names.unique(item.id, stem), item.reason, item.remedy))
                case Record():
                    waiting.append((names.unique(item.id, stem), str(file), item))
                case CrystalTable():
                    if waiting:
                        yield checked(_stacked(waiting))
                        waiting.clear()
                    yield checked(_named(item, names, stem, str(file)))
            if len(waiting) == batch_size:
                yield checked(_stacked(waiting))
                waiting.clear()
    if waiting or refusals:
        yield checked(_stacked(waiting))


def _guarded(file: Path, batch_size: int) -> Iterator[Record | UnreadableError | CrystalTable | Refusal]:
    """Read a file, with a refusal of the whole file where reading it breaks."""
    empty = True
    try:
        for item in _read(file, batch_size):
            empty = False
            yield item
        if empty:
            raise UnreadableError("it holds no crystals", "check what wrote it")
    except UnreadableError as error:
        yield Refusal(str(file), "", error.reason, error.remedy)
    except Exception as error:  # parsers raise of every kind on odd input; one file must not end the run
        reason = f"it cannot be read as {format_of(file)} ({type(error).__name__}: {error})"
        yield Refusal(str(file), "", reason, "check that the file is whole and of the format its name tells")


def _read(file: Path, batch_size: int) -> Iterator[Record | UnreadableError | CrystalTable]:
    match format_of(file):
        case "cif":
            from xbert.reading import cif

            yield from cif.read(read_text(file))
        case "poscar":
            from xbert.reading import ase_formats

            yield from ase_formats.read_poscar(read_text(file))
        case "extxyz":
            from xbert.reading import ase_formats

            yield from ase_formats.read_extxyz(read_text(file))
        case "ase":
            yield from _ase_database(file, "db")
        case "json":
            from xbert.reading import pymatgen_json

            content = pymatgen_json.parse(read_text(file))
            if pymatgen_json.is_ase_database(content):
                yield from _ase_database(file, "json")
            else:
                yield from pymatgen_json.read(content)
        case "parquet":
            yield from parquet.read(BytesIO(read_bytes(file)) if is_zipped(file) else file, batch_size)
        case _:
            raise UnreadableError(f"its name {file.name} tells no known format", f"rename it; {READABLE}")


def _ase_database(file: Path, kind: str) -> Records:
    from xbert.reading import ase_formats

    if not is_zipped(file):
        yield from ase_formats.read_database(file, kind, stem_of(file))
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder, f"unzipped.{kind}")
        plain.write_bytes(read_bytes(file))
        yield from ase_formats.read_database(plain, kind, stem_of(file))


class _Names:
    """Ids given so far, so that each is given once."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._last: Counter[str] = Counter()

    def unique(self, name: str | None, stem: str) -> str:
        """Return ``name``, else ``stem``, numbered where it was given before."""
        name = candidate = name or stem
        while candidate in self._given:
            self._last[name] = max(2, self._last[name] + 1)
            candidate = f"{name}#{self._last[name]}"
        self._given.add(candidate)
        return candidate


def _stacked(waiting: list[tuple[str, str, Record]]) -> CrystalTable:
    records = [record for _, _, record in waiting]
    kinds = dict.fromkeys(name for record in records for name in record.properties)
    reserved = {*GEOMETRY.names, SOURCE}
    columns = {
        kind: _column([record.properties.get(kind) for record in records])
        for kind in kinds
        if kind not in reserved
    }
    columns[SOURCE] = pa.array([file for _, file, _ in waiting], pa.string())
    return stack([(name, record) for name, _, record in waiting], columns)


def stack(named: Sequence[tuple[str, Record]], columns: Mapping[str, Any] | None = None) -> CrystalTable:
    """Return records as a table, each under its name, with property ``columns`` of the same length."""
    records = [record for _, record in named]
    counts = [len(record.numbers) for record in records]
    with np.errstate(over="ignore"):  # what single precision cannot hold becomes infinite, and is refused
        return CrystalTable.from_arrays(
            [name for name, _ in named],
            np.array([record.lattice for record in records]).reshape(-1, 3, 3),
            np.concatenate([record.numbers for record in records] or [np.empty(0)]),
            np.concatenate([record.frac_coords for record in records] or [np.empty((0, 3))]),
            np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
            columns,
        )


def _column(values: list[Any]) -> pa.Array:
    """Return plain values as a column; as text where they are of several kinds."""
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def _named(table: CrystalTable, names: _Names, stem: str, file: str) -> CrystalTable:
    """Give a table of a Parquet file its unique ids and its ``source_file``."""
    ids = table.ids
    unique = [names.unique(name, stem) for name in ids]
    if unique != ids:
        column = table.arrow.schema.get_field_index("id")
        table = CrystalTable(table.arrow.set_column(column, "id", pa.array(unique, pa.string())))
    return table.with_columns({SOURCE: pa.array([file] * len(table), pa.string())})
