"""Write crystals as Parquet, extended XYZ or CIF."""

import gzip
import json
import re
from pathlib import Path
from string import punctuation
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from xbert.crystals import Crystal, CrystalTable

if TYPE_CHECKING:
    import gemmi

WRITABLE = ".parquet, .extxyz, .xyz, .cif, and .gz of the last three"
EXTXYZ_KEYS = {"lattice", "properties", "pbc", "stress", "virial"}
"""Keys with a meaning of their own in extxyz, in lower case; a property named so is left out there."""


def write_crystals(table: CrystalTable, path: Path | str) -> None:
    """Write a table in the format that the file's suffix tells; ``iter_crystals`` reads each of them back.

    Parquet keeps everything. extxyz keeps the numbers, texts and truth values of each crystal in its
    comment line, and positions to 1e-8 Å. CIF (one block for each crystal, P 1) keeps ids and geometry to
    1e-8; it has no orientation, and the cell of a left-handed lattice is inverted, which is the same crystal.

    Args:
        table: the crystals.
        path: ends in .parquet, .extxyz, .xyz or .cif; .gz may follow the text formats.

    Raises:
        ValueError: another suffix, or a crystal without a cell.
    """
    path = Path(path)
    match Path(path.name.lower().removesuffix(".gz")).suffix:
        case ".parquet" if path.suffix.lower() == ".parquet":
            table.write_parquet(path)
            return
        case ".extxyz" | ".xyz":
            text = _extxyz(table)
        case ".cif":
            text = _cif(table)
        case _:
            raise ValueError(f"cannot write crystals to {path.name}: the name must end in one of {WRITABLE}")
    content = text.encode("utf-8")
    # Without the time of writing, equal tables give equal files.
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix.lower() == ".gz" else content)


def _extxyz(table: CrystalTable) -> str:
    from ase.data import chemical_symbols

    names = [name for name in table.property_names if name.lower() not in EXTXYZ_KEYS]
    rows = table.arrow.select(names).to_pylist() if names else [{}] * len(table)
    lines = []
    for crystal, row in zip(table, rows, strict=True):
        lattice = crystal.lattice.astype(np.float64)
        cell = " ".join(f"{value:.9g}" for value in lattice.flat)
        pairs = [
            f"{_quoted(name)}={_value(value)}"
            for name, value in ({"id": crystal.id} | row).items()
            if isinstance(value, str | bool | int | float)
        ]
        lines += [
            str(len(crystal.numbers)),
            f'Lattice="{cell}" Properties=species:S:1:pos:R:3 {" ".join(pairs)} pbc="T T T"',
        ]
        for number, place in zip(crystal.numbers, crystal.frac_coords @ lattice, strict=True):
            lines.append(f"{chemical_symbols[number]:2} {place[0]:.8f} {place[1]:.8f} {place[2]:.8f}")
    return "".join(f"{line}\n" for line in lines)


def _value(value: str | bool | int | float) -> str:
    """Return a value as the comment line of an extxyz file gives it back."""
    from ase.io.extxyz import key_val_str_to_dict

    if not isinstance(value, str):
        return "FT"[value] if isinstance(value, bool) else repr(value)
    if value.isprintable():
        read = key_val_str_to_dict(f"key={_quoted(value)}").get("key")
        if isinstance(read, str) and read == value:
            return _quoted(value)
    # A text such as 007 or T would be taken for a number or truth value.
    return _quoted("_JSON " + json.dumps(value))


def _quoted(text: str) -> str:
    if re.fullmatch(r"[\w.+-]+", text, re.ASCII):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cif(table: CrystalTable) -> str:
    import gemmi

    document = gemmi.cif.Document()
    taken: set[str] = set()
    for crystal in table:
        name = stem = re.sub(r"[^!-~]+", "_", crystal.id)[:75] or "crystal"
        number = 1
        while name.lower() in taken:
            number += 1
            name = f"{stem}#{number}"
        taken.add(name.lower())
        _fill(document.add_new_block(name), crystal)
    return document.as_string()


def _fill(block: "gemmi.cif.Block", crystal: Crystal) -> None:
    import gemmi

    lattice = crystal.lattice.astype(np.float64)
    frac_coords = crystal.frac_coords.astype(np.float64)
    if np.linalg.det(lattice) < 0:
        # A CIF cell is right-handed; turning all three vectors around keeps every atom where it is.
        frac_coords = -frac_coords
    lengths = np.linalg.norm(lattice, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        unit = lattice / lengths[:, None]
    angles = np.degrees([np.arccos(unit[i] @ unit[j]) for i, j in ((1, 2), (0, 2), (0, 1))])
    if not np.isfinite(angles).all():
        raise ValueError(f"cannot write {crystal.id} as CIF: it has no cell; give it one, or leave it out")
    symbols = [gemmi.Element(int(z)).name for z in crystal.numbers]
    counts = {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}
    # A CIF is ASCII; per cent escapes carry any other name through it.
    block.set_pair("_xbert_id", gemmi.cif.quote(quote(crystal.id, safe=punctuation.replace("%", ""))))
    block.set_pair(
        "_chemical_formula_sum", gemmi.cif.quote(" ".join(f"{symbol}{n}" for symbol, n in counts.items()))
    )
    for axis, length in zip("abc", lengths, strict=True):
        block.set_pair(f"_cell_length_{axis}", f"{length:.8f}")
    for name, angle in zip(("alpha", "beta", "gamma"), angles, strict=True):
        block.set_pair(f"_cell_angle_{name}", f"{angle:.8f}")
    block.set_pair("_space_group_name_H-M_alt", "'P 1'")
    block.set_pair("_space_group_IT_number", "1")
    block.init_loop("_space_group_symop_", ["operation_xyz"]).add_row(["'x, y, z'"])
    tags = ["type_symbol", "label", "fract_x", "fract_y", "fract_z", "occupancy"]
    loop = block.init_loop("_atom_site_", tags)
    for i, (symbol, position) in enumerate(zip(symbols, frac_coords + 0.0, strict=True), start=1):
        loop.add_row([symbol, f"{symbol}{i}", *(f"{value:.9f}" for value in position), "1"])
