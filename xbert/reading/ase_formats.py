"""Crystals of the formats that ASE reads: POSCAR, extxyz, ASE databases."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xbert.reading.records import Record, Records, UnreadableError, disorder, plain_properties

if TYPE_CHECKING:
    from ase import Atoms

ID_KEYS = ("id", "material_id", "mp_id", "entry_id", "name")
NO_CELL = ("it has no cell", "give it a cell; a molecule is not a crystal")


def read_poscar(text: str) -> Records:
    """Yield the one crystal of a POSCAR or CONTCAR, version 4 or 5."""
    from ase.io.vasp import read_vasp

    lines = text.splitlines()
    old, new = (line.split() for line in (*lines, *[""] * 7)[5:7])
    counts = next((words for words in (old, new) if words and all(map(str.isdigit, words))), [])
    if counts is old and counts and not _names(lines[0], len(counts)):
        raise UnreadableError(
            "it does not name its elements (VASP 4 format)", "write the element symbols above the atom counts"
        )
    if (atoms := sum(map(int, counts))) > len(lines):
        raise UnreadableError(f"it counts {atoms} atoms but ends after {len(lines)} lines", "export it again")
    yield _record(read_vasp(StringIO(text)), None)


def read_extxyz(text: str) -> Records:
    """Yield the crystals of an extended XYZ file; plain values of the comment line become properties."""
    from ase.io.extxyz import read_xyz

    lines = text.removesuffix("\n").split("\n")
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        count = lines[start].strip()
        if not (count.isascii() and count.isdigit()):
            raise UnreadableError(
                f"line {start + 1} should be a number of atoms, not {count[:40]!r}",
                "correct the file from there on; what stands above was read",
            )
        end = start + 2 + int(count)
        try:
            if end > len(lines):
                raise UnreadableError(f"it ends {end - len(lines)} lines early", "export it again")
            atoms = next(read_xyz(StringIO("\n".join(lines[start:end])), 0))
            yield _record(atoms, _id(atoms.info))
        except UnreadableError as error:
            yield error
        except Exception as error:  # ASE raises of every kind on odd input; only this frame is lost
            reason = f"its frame at line {start + 1} cannot be read ({error})"
            yield UnreadableError(reason, "correct the frame")
        start = end


def read_database(path: Path, kind: str, stem: str) -> Records:
    """Yield the crystals of an ASE database.

    Args:
        path: of the database.
        kind: ``db`` (SQLite) or ``json``.
        stem: names a row, with its number, that has no id among its keys.
    """
    from ase.db import connect

    for row in connect(str(path), type=kind, use_lock_file=False).select():
        name = f"{stem}#{row.id}"
        try:
            pairs = dict(row.key_value_pairs)
            name = _id(pairs) or name
            properties = plain_properties(pairs | {"energy": row.get("energy")})
            cell, positions = np.array(row.cell, dtype=float), np.array(row.positions, dtype=float)
            yield _periodic(name, cell, row.numbers, positions, row.pbc, properties)
        except UnreadableError as error:
            yield UnreadableError(error.reason, error.remedy, name)
        except Exception as error:  # an odd row loses only itself
            yield UnreadableError(f"its row {row.id} cannot be read ({error})", "write the row again", name)


def _names(comment: str, kinds: int) -> bool:
    """Whether a POSCAR's first line names as many elements as there are counts."""
    from ase.data import atomic_numbers

    words = comment.split()
    return len(words) == kinds and all(word in atomic_numbers for word in words)


def _id(info: Mapping[str, Any]) -> str | None:
    for key in ID_KEYS:
        if key in info and not isinstance(info[key], dict | list | np.ndarray):
            return str(info[key])
    return None


def _record(atoms: "Atoms", name: str | None) -> Record:
    for site, parts in (atoms.info.get("occupancy") or {}).items():
        if len(parts) > 1 or any(abs(part - 1) > 0.005 for part in parts.values()):
            raise disorder(str(site), parts)
    results = atoms.calc.results if atoms.calc is not None else {}
    properties = plain_properties({**results, **atoms.info})
    return _periodic(name, atoms.cell.array, atoms.numbers, atoms.positions, atoms.pbc, properties)


def _periodic(
    name: str | None,
    cell: np.ndarray,
    numbers: np.ndarray,
    positions: np.ndarray,
    pbc: np.ndarray,
    properties: dict[str, Any],
) -> Record:
    if not np.any(cell):
        raise UnreadableError("it has no cell: all lattice vectors are zero", NO_CELL[1], name)
    if not np.any(pbc):
        raise UnreadableError("it is not periodic (pbc is false)", NO_CELL[1], name)
    try:
        frac_coords = np.linalg.solve(cell.T, positions.T).T
    except np.linalg.LinAlgError:
        frac_coords = np.zeros_like(positions)
    return Record(name, cell, numbers, frac_coords, properties)
