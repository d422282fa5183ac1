"""The three label sources as published, joined to Materials Project structures in one table.

Materiae and topological quantum chemistry state mp ids. The Arsenal states formulas and space groups; each
entry goes to the mp ids that share both.
"""

import csv
import warnings
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from discovery.databases.info import DatabaseError

ARSENAL_FILES = {
    "raw_data/case1_ccmp.txt": "trivial",
    "raw_data/case3_ccmp.txt": "TSM",
    "raw_data/ti_ccmp.txt": "TI",
    "raw_data/tci_ccmp.txt": "TCI",
}
TQC_FILE = "utils/topo_MPdata_28k.csv"
MATERIAE_FILES = ("mp_id_str.txt", "idstr.txt", "icsd_id_str.txt", "data_spacegroup.txt", "classes.txt")
TEXT = pa.large_string()
SCHEMA = pa.schema(
    [
        ("mp_id", TEXT),
        ("reduced_formula", TEXT),
        ("spacegroup", pa.int64()),
        ("materiae_id", TEXT),
        ("icsd_ids", TEXT),
        ("materiae_soc", TEXT),
        ("materiae_nsoc", TEXT),
        ("tqc_class", TEXT),
        ("tqc_subclass", TEXT),
        ("tqc_crossing", TEXT),
        ("arsenal", TEXT),
    ]
)


class Structure(NamedTuple):
    """What the joins need to know of a structure; the space groups are at 0.1 and 0.01 Å, 0 if unknown."""

    formula: str
    n_atoms: int
    spacegroup: int
    spacegroup_tight: int


Row = dict[str, str | int | None]
Key = tuple[str, int]
"""Reduced formula and space group."""


def read_materiae(files: Mapping[str, Path]) -> dict[str, Row]:
    """Return the Materiae row of each mp id; ``files`` maps the names of ``MATERIAE_FILES`` to paths."""
    columns = [_lines(files[name])[1:] for name in MATERIAE_FILES]
    if len({len(column) for column in columns}) != 1:
        raise _unexpected(files["classes.txt"], "the parallel files of Materiae differ in length")
    rows: dict[str, Row] = {}
    for mp_id, identifier, icsd, spacegroup, classes in zip(*columns, strict=True):
        soc, nsoc = classes.split()
        rows[mp_id] = {
            "materiae_id": identifier,
            "icsd_ids": icsd.strip("[]").replace(",", ""),
            "spacegroup": int(float(spacegroup)),
            "materiae_soc": soc,
            "materiae_nsoc": nsoc,
        }
    return rows


def read_tqc(file: Path) -> dict[str, Row]:
    """Return the topological quantum chemistry row of each mp id."""
    with file.open(encoding="utf-8", newline="") as handle:
        reader = csv.DictReader(handle, delimiter=";")
        if reader.fieldnames != ["material_id", "topo_class", "sub_class", "cross_type"]:
            raise _unexpected(file, f"its columns are {reader.fieldnames}")
        return {
            row["material_id"]: {
                "tqc_class": row["topo_class"].rstrip("*"),
                "tqc_subclass": row["sub_class"].rstrip("†"),
                "tqc_crossing": row["cross_type"] or None,
            }
            for row in reader
        }


def read_arsenal(files: Mapping[str, Path]) -> dict[Key, str]:
    """Return the Arsenal class of each reduced formula and space group; two, joined by |, in a conflict."""
    from pymatgen.core import Composition

    found: dict[Key, set[str]] = defaultdict(set)
    for name, label in ARSENAL_FILES.items():
        for line in _lines(files[name]):
            spacegroup, _, formula = line.partition(",")
            if not spacegroup.strip().isdigit() or not formula.strip():
                raise _unexpected(files[name], f"it holds the line {line!r}")
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pymatgen tells of elements without electronegativity
                reduced = Composition(formula.strip()).reduced_formula
            found[reduced, int(spacegroup)].add(label)
    return {key: "|".join(sorted(labels)) for key, labels in sorted(found.items())}


class Sources(NamedTuple):
    """The three sources as read: two by mp id, the Arsenal by reduced formula and space group."""

    materiae: dict[str, Row]
    tqc: dict[str, Row]
    arsenal: dict[Key, str]


def join_labels(sources: Sources, structures: Mapping[str, Structure]) -> tuple[pa.Table, dict[Key, str]]:
    """Join the three sources on mp ids.

    A row has the space group that Materiae states, else that of its structure at 0.1 Å. It carries the
    Arsenal class of its formula and space group. An Arsenal entry without such a row goes to its best
    structure (see ``best_matches``). Labels of ids without a structure are left out.

    Returns:
        The label table (``SCHEMA``) in order of mp ids, and the best mp id of each Arsenal entry.
    """
    rows: dict[str, Row] = {}
    for source in (sources.materiae, sources.tqc):
        for mp_id, values in source.items():
            if mp_id in structures:
                rows.setdefault(mp_id, {}).update(values)
    for mp_id, row in rows.items():
        row.setdefault("spacegroup", structures[mp_id].spacegroup)
        row["arsenal"] = sources.arsenal.get((structures[mp_id].formula, int(row["spacegroup"] or 0)))
    best = best_matches(sources, structures)
    for key, mp_id in best.items():
        if mp_id not in rows:
            rows[mp_id] = {"spacegroup": key[1], "arsenal": sources.arsenal[key]}
    ids = sorted(rows, key=id_order)
    columns = {
        "mp_id": ids,
        "reduced_formula": [structures[mp_id].formula for mp_id in ids],
        **{name: [rows[mp_id].get(name) for mp_id in ids] for name in SCHEMA.names[2:]},
    }
    return pa.table(columns, schema=SCHEMA), best


def best_matches(sources: Sources, structures: Mapping[str, Structure]) -> dict[Key, str]:
    """Return the best structure of each Arsenal entry that has one.

    It has the formula, and the space group at 0.1 or 0.01 Å. Of several, one that Materiae puts into that
    space group is preferred, then one in the topological quantum chemistry list, then the smallest cell, then
    the lowest id.
    """
    candidates: dict[Key, list[str]] = defaultdict(list)
    for mp_id, structure in structures.items():
        for spacegroup in {structure.spacegroup, structure.spacegroup_tight}:
            if (structure.formula, spacegroup) in sources.arsenal:
                candidates[structure.formula, spacegroup].append(mp_id)

    def rank(key: Key, mp_id: str) -> tuple[bool, bool, int, tuple[str, int]]:
        stated = sources.materiae.get(mp_id, {}).get("spacegroup")
        return stated != key[1], mp_id not in sources.tqc, structures[mp_id].n_atoms, id_order(mp_id)

    return {key: min(ids, key=lambda mp_id: rank(key, mp_id)) for key, ids in sorted(candidates.items())}


def write_arsenal(path: Path, arsenal: Mapping[Key, str], best: Mapping[Key, str]) -> None:
    """Write every Arsenal entry with its best mp id, where it has one, as CSV."""
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(["reduced_formula", "spacegroup", "label", "mp_id"])
        for (formula, spacegroup), label in sorted(arsenal.items()):
            writer.writerow([formula, spacegroup, label, best.get((formula, spacegroup), "")])


def id_order(mp_id: str) -> tuple[str, int]:
    """Sort key that puts mp-9 before mp-10, and mp- before mvc-."""
    prefix, _, number = mp_id.partition("-")
    return ("" if prefix == "mp" else prefix), int(number)


def _lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def _unexpected(path: Path, what: str) -> DatabaseError:
    return DatabaseError(
        f"{path} is not the file that it should be: {what}.",
        "Delete it and fetch again; with DISCOVER_MIRROR set, check the mirror.",
    )
