"""Lattice, Wannier centres and spin order from the files that lie beside a Wannier Hamiltonian."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from discovery.topology.tightbinding import HamiltonianError

BOHR = 0.529177210903
"""Å, CODATA 2018; wannier90's own (CODATA 2006) differs by 4e-10."""

LATTICE_AGREEMENT = 1e-3
"""Å by which two files may differ and still mean one lattice; .wout prints six decimals."""

SPIN_ORDERS: dict[str, Literal["interleaved", "blocks"]] = {
    "QE": "interleaved",
    "VASP6": "interleaved",
    "VASP": "blocks",
}
"""Spin order of the projections by WannierTools' ``Package`` (its readHmnR.f90)."""


@dataclass(frozen=True)
class Geometry:
    """What one file says.

    Attributes:
        path: the file.
        lattice: (3, 3) rows in Å, or None.
        centres: (n, 3) Cartesian Wannier centres in Å, or None.
        spin: spin order, or None.
    """

    path: Path
    lattice: np.ndarray | None = None
    centres: np.ndarray | None = None
    spin: Literal["interleaved", "blocks"] | None = None


def _rows(text: str, where: str, path: Path) -> np.ndarray:
    """Return the (m, 3) numbers that start the lines of a block."""
    try:
        return np.array(
            [[float(x) for x in line.split()[:3]] for line in text.splitlines() if line.strip()]
        ).reshape(-1, 3)
    except ValueError:
        raise HamiltonianError(f"{path}: {where} does not hold three numbers a line") from None


def read_win(path: Path) -> Geometry:
    """Return the lattice of a wannier90 input (``unit_cell_cart``, Å or bohr)."""
    text = re.sub(r"[!#].*", "", path.read_text(encoding="utf-8", errors="replace"))
    block = re.search(
        r"begin\s+unit_cell_cart\s*\n(.*?)end\s+unit_cell_cart", text, re.IGNORECASE | re.DOTALL
    )
    if block is None:
        return Geometry(path)
    lines = [line for line in block.group(1).splitlines() if line.strip()]
    unit = lines[0].strip().lower() if lines and lines[0].strip()[:1].isalpha() else ""
    lattice = _rows("\n".join(lines[1:] if unit else lines), "unit_cell_cart", path)
    if lattice.shape != (3, 3):
        raise HamiltonianError(f"{path}: unit_cell_cart holds {len(lattice)} vectors, three are needed")
    return Geometry(path, lattice * (BOHR if unit.startswith("bohr") else 1.0))


def read_wout(path: Path) -> Geometry:
    """Return the lattice and the final centres of a wannier90 output."""
    text = path.read_text(encoding="utf-8", errors="replace")
    rows = re.findall(r"^\s*a_[123]\s+(\S+)\s+(\S+)\s+(\S+)\s*$", text, re.MULTILINE)
    scale = BOHR if "Lattice Vectors (Bohr)" in text else 1.0
    lattice = np.array(rows[:3], dtype=float) * scale if len(rows) >= 3 else None
    final = text.rpartition("Final State")[2] if "Final State" in text else ""
    found = re.findall(r"WF centre and spread\s+\d+\s+\(\s*(\S+),\s*(\S+),\s*(\S+)\s*\)", final)
    centres = np.array(found, dtype=float) * scale if found else None
    return Geometry(path, lattice, centres)


def read_centres_xyz(path: Path) -> Geometry:
    """Return the centres of ``*_centres.xyz``: its lines that begin with X, in Å."""
    lines = [line[1:] for line in map(str.strip, path.read_text(encoding="utf-8").splitlines())
             if re.match(r"X\s", line)]  # fmt: skip
    return Geometry(path, centres=_rows("\n".join(lines), "the list of centres", path) if lines else None)


def card(text: str, name: str) -> list[str]:
    """Return the lines that follow a card of wt.in, up to an empty line or the next name."""
    found = re.search(rf"^\s*{name}\b[^\n]*\n", text, re.MULTILINE | re.IGNORECASE)
    if found is None:
        return []
    lines = []
    for line in text[found.end() :].splitlines():
        if not line.strip() or line.strip()[0] == "&":
            break
        lines.append(line.strip())
    return lines


def read_wt_in(path: Path) -> Geometry:
    """Return lattice, centres (WANNIER_CENTRES) and spin order (``Package``) of a WannierTools input."""
    text = re.sub(r"!.*", "", path.read_text(encoding="utf-8", errors="replace"))
    lattice_card, centres_card = card(text, "LATTICE"), card(text, "WANNIER_CENTRES")
    if len(lattice_card) < 4:
        raise HamiltonianError(f"{path}: no LATTICE of a unit and three vectors")
    scale = BOHR if lattice_card[0].lower().startswith("bohr") else 1.0
    lattice = _rows("\n".join(lattice_card[1:4]), "LATTICE", path) * scale
    centres = None
    if centres_card:
        centres = _rows("\n".join(centres_card[1:]), "WANNIER_CENTRES", path)
        centres = centres @ lattice if centres_card[0].lower().startswith("direct") else centres * scale
    package = re.search(r"^\s*package\s*=\s*['\"]([^'\"]+)['\"]", text, re.MULTILINE | re.IGNORECASE)
    spin = SPIN_ORDERS.get(package.group(1).strip().upper()) if package else None
    return Geometry(path, lattice, centres, spin)


def _folders(hamiltonian: Path) -> Iterator[list[Path]]:
    """Folders in which what belongs to a Hamiltonian is looked for: its own, then those one down."""
    yield [hamiltonian.parent]
    yield sorted(p for p in hamiltonian.parent.iterdir() if p.is_dir())


def beside(hamiltonian: Path, name: str) -> list[Path]:
    """Return the files of a name in a Hamiltonian's folder, or those one folder down if none is there."""
    for level in _folders(hamiltonian):
        found = [folder / name for folder in level if (folder / name).is_file()]
        if found:
            return found
    return []


def find_geometry(hamiltonian: Path, seed: str) -> Geometry:
    """Return what the files beside a Hamiltonian, or one folder down if none is beside it, say together.

    Args:
        hamiltonian: path of the ``*_hr.dat`` or ``*_tb.dat``.
        seed: its name without that ending; ``SEED.win``, ``SEED.wout``, ``SEED_centres.xyz`` and ``wt.in``
            are read.

    Raises:
        HamiltonianError: the lattices of two files differ.
    """
    readers = {
        f"{seed}.win": read_win,
        f"{seed}.wout": read_wout,
        f"{seed}_centres.xyz": read_centres_xyz,
        "wt.in": read_wt_in,
    }
    found: list[Geometry] = []
    for level in _folders(hamiltonian):
        found = [
            reader(folder / name)
            for name, reader in readers.items()
            for folder in level
            if (folder / name).is_file()
        ]
        if any(geometry.lattice is not None for geometry in found):
            break
    lattices = [(g.path, g.lattice) for g in found if g.lattice is not None]
    for path, lattice in lattices[1:]:
        if np.abs(lattice - lattices[0][1]).max() > LATTICE_AGREEMENT:
            raise HamiltonianError(
                f"{path} and {lattices[0][0]} hold different lattices: do they belong together?"
            )
    return Geometry(
        path=lattices[0][0] if lattices else hamiltonian.parent,
        lattice=lattices[0][1] if lattices else None,
        centres=next((g.centres for g in found if g.centres is not None), None),
        spin=next((g.spin for g in found if g.spin is not None), None),
    )
