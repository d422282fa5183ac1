"""Read the data files of wt.x as arrays, plain or gzipped."""

import gzip
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class WtDataError(ValueError):
    """A data file that is empty, cut off or not of the kind asked for; names the file."""


@dataclass(frozen=True)
class WilsonCentres:
    """Flow of the Wannier charge centres on one plane (`wanniercenter3D_Z2_*.dat`).

    Attributes:
        k: (n_k,) along the second direction of the half-plane, 0 to 1 for the whole of it; wt.x adds points
            where the flow is steep.
        centres: (n_k, N) ascending, in [0, 1].
    """

    k: np.ndarray
    centres: np.ndarray


@dataclass(frozen=True)
class Bands:
    """Bands along a path (`bulkek.dat`, `slabek.dat`).

    Attributes:
        distance: (n_k,) along the path in 1/Å; corners occur twice.
        energies: (n_k, n_bands) in eV from the Fermi energy, ascending.
        weights: (n_k, n_bands, n_weights): projections; of a slab its bottom and top surface.
    """

    distance: np.ndarray
    energies: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Spectrum:
    """Spectral function along a path (`dos.dat_l`, `dos.dat_r`, `dos.dat_bulk`).

    Attributes:
        distance: (n_k,) along the path in 1/Å; corners occur twice.
        energies: (n_energies,) in eV from the Fermi energy.
        total: (n_k, n_energies) logarithm of the spectral function.
        surface_only: (n_k, n_energies) what the surface has beyond the bulk, no logarithm; None for the bulk.
    """

    distance: np.ndarray
    energies: np.ndarray
    total: np.ndarray
    surface_only: np.ndarray | None


@dataclass(frozen=True)
class Arcs:
    """Spectral function at one energy over a plane of the surface zone (`arc.dat_l`, `arc.dat_r`).

    Attributes:
        k: (n_1, n_2, 2) Cartesian in 1/Å, x along the first vector of SURFACE.
        total: (n_1, n_2) logarithm of the spectral function.
    """

    k: np.ndarray
    total: np.ndarray


@dataclass(frozen=True)
class Nodes:
    """Touching points between bands N and N + 1 (`Nodes.dat`).

    Attributes:
        k: (n, 3) fractional.
        cartesian: (n, 3) in 1/Å.
        gap: (n,) in eV.
        energy: (n,) in eV from the Fermi energy.
    """

    k: np.ndarray
    cartesian: np.ndarray
    gap: np.ndarray
    energy: np.ndarray


def read_wilson_centres(path: Path) -> WilsonCentres:
    """Read one `wanniercenter3D_Z2_*.dat`."""
    k, values = _curves(path, columns=(2, 2))
    return WilsonCentres(k, np.sort(values[:, :, 0], axis=1))


def read_bands(path: Path) -> Bands:
    """Read `bulkek.dat` or `slabek.dat`."""
    distance, values = _curves(path, columns=(2, 64))
    return Bands(distance, values[:, :, 0], values[:, :, 1:])


def read_spectrum(path: Path) -> Spectrum:
    """Read `dos.dat_l`, `dos.dat_r` or `dos.dat_bulk`."""
    blocks = _grid(path, columns=(3, 4))
    distance, energies = blocks[:, 0, 0], blocks[0, :, 1]
    if np.ptp(blocks[:, :, 0], axis=1).any() or np.ptp(blocks[:, :, 1], axis=0).any():
        raise WtDataError(f"{path} is no grid of k and energies")
    return Spectrum(distance, energies, blocks[:, :, 2], blocks[:, :, 3] if blocks.shape[2] == 4 else None)


def read_arcs(path: Path) -> Arcs:
    """Read `arc.dat_l`, `arc.dat_r` or `arc.dat_bulk`."""
    blocks = _grid(path, columns=(3, 3))
    return Arcs(blocks[:, :, :2], blocks[:, :, 2])


def read_nodes(path: Path) -> Nodes:
    """Read `Nodes.dat`; no node at all is an answer too."""
    rows = [row for block in _blocks(path, columns=(8, 8), empty=True) for row in block]
    table = np.array(rows, dtype=float).reshape(-1, 8)
    return Nodes(table[:, 5:], table[:, :3], table[:, 3], table[:, 4])


def _curves(path: Path, columns: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Read curves over the same abscissae: x (m,) and values (m, n_curves, n_columns − 1)."""
    blocks = _grid(path, columns)
    if np.ptp(blocks[:, :, 0], axis=0).max() > 1e-6:
        raise WtDataError(f"{path}: its curves do not share their k-points")
    return blocks[0, :, 0], blocks[:, :, 1:].transpose(1, 0, 2)


def _grid(path: Path, columns: tuple[int, int]) -> np.ndarray:
    """Read blocks of equal length: (n_blocks, n_rows, n_columns)."""
    blocks = _blocks(path, columns)
    if len({len(block) for block in blocks}) > 1:
        raise WtDataError(
            f"{path} is cut off: its last block has {len(blocks[-1])} of {len(blocks[0])} lines"
        )
    return np.array(blocks)


def _blocks(path: Path, columns: tuple[int, int], empty: bool = False) -> list[list[list[float]]]:
    """Read rows of numbers in blocks that blank lines part; lines with `#` are remarks."""
    open_text = gzip.open if path.suffix == ".gz" else open
    blocks: list[list[list[float]]] = [[]]
    with open_text(path, "rt", encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.lstrip().startswith("#"):
                continue
            words = line.split()
            if not words:
                if blocks[-1]:
                    blocks.append([])
                continue
            try:
                row = [float(word) for word in words]
            except ValueError:
                raise WtDataError(
                    f"{path}, line {number}: {line.strip()[:60]!r} holds more than numbers"
                ) from None
            if not columns[0] <= len(row) <= columns[1] or (blocks[0] and len(row) != len(blocks[0][0])):
                raise WtDataError(
                    f"{path}, line {number}: {len(row)} columns are not those of this kind of file"
                )
            blocks[-1].append(row)
    blocks = [block for block in blocks if block]
    if not blocks and not empty:
        raise WtDataError(f"{path} holds no numbers")
    return blocks
