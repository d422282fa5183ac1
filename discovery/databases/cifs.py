"""Structures from CIF files: out of a commit archive that is never unpacked, or one by one."""

import gzip
import re
import tarfile
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from discovery.databases.download import ChecksumError, DownloadError
from discovery.databases.labels import id_order
from xbert.crystals import Crystal, CrystalTable

LARGEST = 5_000_000  # bytes; the CIF of the largest Materials Project cell has a tenth of it
FIRST_NOT_OPEN = 3_000_000  # mp-3000000 and up are CC-BY-ND
MEMBER = re.compile(r"[^/]+/cif/(?P<id>(?:mp|mvc)-\d{1,9})\.cif")


class Cif(NamedTuple):
    """One CIF file: its id and bytes."""

    id: str
    content: bytes


class Refused(NamedTuple):
    """A crystal, or a member of the archive, that was left out, with the reason."""

    id: str
    reason: str


def is_open(mp_id: str) -> bool:
    """Whether the entry may be redistributed in another form (CC-BY 4.0)."""
    return id_order(mp_id)[1] < FIRST_NOT_OPEN


def archive_cifs(path: Path, commit: str) -> Iterator[Cif | Refused]:
    """Yield the CIF files of the folder ``cif/`` of a commit archive, in the archive's order.

    Nothing is written to disk. What is no regular file with a name like ``REPO-COMMIT/cif/mp-1.cif`` is not
    read; inside ``cif/`` that is a refusal. Entries that are not CC-BY are passed over.

    Raises:
        ChecksumError: the archive is not of this commit (its pax header says which it is of).
        DownloadError: the archive is damaged.
    """
    seen: set[str] = set()
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            stated = archive.pax_headers.get("comment")
            if stated != commit:
                raise ChecksumError(
                    f"{path} is not the archive of commit {commit}: "
                    f"its header {f'names {stated}' if stated else 'names no commit'}.",
                    "Fetch again; with DISCOVER_MIRROR set, check the mirror:\n"
                    "the archive must come from `git archive` or from GitHub.",
                )
            for member in archive:
                match = MEMBER.fullmatch(member.name)
                if not match or not member.isreg():
                    if "/cif/" in member.name and not member.isdir():
                        yield Refused(member.name, "no regular file with an mp id for its name")
                    continue
                mp_id = match["id"]
                if not is_open(mp_id):
                    continue
                if mp_id in seen or member.size > LARGEST:
                    reason = "the archive has it twice" if mp_id in seen else f"it has {member.size:,} bytes"
                    yield Refused(mp_id, reason)
                    continue
                seen.add(mp_id)
                handle = archive.extractfile(member)
                yield Cif(mp_id, handle.read() if handle else b"")
            while stream.read(1 << 20):  # to the end, where gzip keeps the checksum of it all
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DownloadError(
            f"The archive {path} is damaged: {error}.",
            "Fetch again; with DISCOVER_MIRROR set, check the mirror.",
        ) from error


def parse_cifs(cifs: list[Cif]) -> tuple[pa.Table, list[Refused]]:
    """Read CIF files into the columns of ``mp_structures.parquet``.

    The cell is oriented as pymatgen orients it (c along z, a in the xz plane). Space groups are given at
    0.1 and 0.01 Å, null where none was found.

    Returns:
        The crystals that could be read, and the others with the reason.
    """
    from pymatgen.core import Composition, Lattice

    from xbert.reading.cif import read
    from xbert.reading.records import UnreadableError
    from xbert.symmetry import standardise
    from xbert.validation import check_table

    refused: list[Refused] = []
    crystals: list[Crystal] = []
    for cif in cifs:
        try:
            records = list(read(cif.content.decode("utf-8", errors="replace")))
        except Exception as error:  # one broken file of 170,000 must not end the rest
            refused.append(Refused(cif.id, f"{type(error).__name__}: {error}"))
            continue
        if len(records) != 1:
            refused.append(Refused(cif.id, f"{len(records)} crystals in one file"))
            continue
        record = records[0]
        if isinstance(record, UnreadableError):
            refused.append(Refused(cif.id, record.reason))
            continue
        lattice = Lattice.from_parameters(*Lattice(record.lattice).parameters).matrix
        crystals.append(Crystal(cif.id, lattice, record.numbers, record.frac_coords))
    table = CrystalTable.from_crystals(crystals)
    rows, wrong = check_table(table)
    refused += [Refused(refusal.id, refusal.reason) for refusal in wrong]
    table = table.take(rows)
    symmetry = standardise(table)
    loose: list[int | None] = [None] * len(table)
    tight: list[int | None] = [None] * len(table)
    for row, number, tight_number in zip(
        symmetry.rows, symmetry.spacegroup.tolist(), symmetry.spacegroup_tight.tolist(), strict=True
    ):
        loose[row], tight[row] = number, tight_number or None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pymatgen tells of elements without electronegativity
        formulas = [Composition.from_dict(_counts(crystal)).formula.replace(" ", "") for crystal in table]
    arrow = table.arrow
    columns = {
        "id": arrow["id"],
        "formula": pa.array(formulas, pa.string()),
        "n_sites": pa.array(table.n_atoms.astype("int16")),
        **{name: arrow[name] for name in ("lattice", "atomic_numbers", "frac_coords")},
        "spacegroup_symprec_0.1": pa.array(loose, pa.int16()),
        "spacegroup_symprec_0.01": pa.array(tight, pa.int16()),
    }
    return pa.table(columns), refused


def _counts(crystal: Crystal) -> dict[str, int]:
    import numpy as np
    from ase.data import chemical_symbols

    numbers, counts = np.unique(crystal.numbers, return_counts=True)
    return {chemical_symbols[z]: int(count) for z, count in zip(numbers, counts, strict=True)}
