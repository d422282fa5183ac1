"""Read what wannier90.x writes about itself: `.wout`, and the numbers of `.eig`, `.nnkp`, `.mmn`, `.amn`."""

import re
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from discovery.verification.engines import StepError
from discovery.wannier.geometry import BOHR

FINISHED = "All done: wannier90 exiting"
_WF = re.compile(
    r"WF centre and spread\s+\d+\s+\(\s*([-+.\dE]+),\s*([-+.\dE]+),\s*([-+.\dE]+)\s*\)\s+([-+.\dE*]+|NaN)"
)
_DIS = re.compile(r"^\s*\d+\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+\s+<-- DIS\s*$", re.MULTILINE)
_B_ROW = re.compile(r"^ \|\s+\d+(?:\s+[-+.\d]+){4}\s+\|\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Wout:
    """One run of wannier90.x.

    Attributes:
        version: such as ``3.1.0``.
        num_wann: Wannier functions.
        num_bands: states at each k-point that they are made from.
        volume: of the cell in Å³.
        n_neighbours: b-vectors of each k-point (nntot); None where the run did not get so far.
        centres: (num_wann, 3) final centres in Å, Cartesian; None before the end.
        spreads: (num_wann,) final spreads in Å².
        omega_i: gauge-invariant part of their sum in Å².
        disentangled: whether the disentanglement converged; None where there was none.
        changes: relative changes of Ω_I, iteration by iteration.
        warnings: lines that warn.
        error: message with which the run broke off, empty otherwise.
        finished: the run reached its last line.
        seconds: wall time as the program has it.
    """

    version: str
    num_wann: int
    num_bands: int
    volume: float
    n_neighbours: int | None
    centres: np.ndarray | None
    spreads: np.ndarray | None
    omega_i: float | None
    disentangled: bool | None
    changes: np.ndarray
    warnings: tuple[str, ...]
    error: str
    finished: bool
    seconds: float | None

    @property
    def largest_spread(self) -> float:
        """Largest final spread in Å²; infinite where there are none or they are no numbers."""
        if self.spreads is None or not np.isfinite(self.spreads).all():
            return float("inf")
        return float(self.spreads.max())

    @property
    def spread_limit(self) -> float:
        """V^(2/3) of the cell in Å²: a larger function does not fit into it."""
        return float(self.volume ** (2 / 3))


def parse_wout(text: str) -> Wout:
    """Read a `.wout`, as far as it came.

    Raises:
        StepError: not one, or it ends before the crystal and the counts.
    """
    head = re.search(r"Release:\s*(\S+)", text)
    if head is None or "WANNIER90" not in text:
        raise StepError("this is no output of wannier90.x")
    volume = re.search(r"Unit Cell Volume:\s+(\S+)\s+\((Ang|Bohr)\^3\)", text)
    counts = re.search(r"Number of Wannier Functions\s+:\s+(\d+)", text)
    bands = re.search(r"Number of input Bloch states\s+:\s+(\d+)", text)
    error = re.search(r"^ *Exiting\.+\s*\n(.*)", text, re.MULTILINE)
    if not (volume and counts and bands):
        why = f": {error[1].strip()}" if error else ""
        raise StepError(
            f"the .wout ends before the counts{why}", "Look at the .win and at the standard output."
        )
    length = BOHR if volume[2] == "Bohr" else 1.0
    final = text.rpartition("Final State")[2] if "Final State" in text else ""
    found = _WF.findall(final)[: int(counts[1])]
    numbers = np.array([[_number(x) for x in row] for row in found]).reshape(-1, 4)
    complete = len(numbers) == int(counts[1])
    table = text.partition("b_k Vectors")[2].partition("b_k Directions")[0]
    omega_i = re.search(r"Omega I\s+=\s+(\S+)", final)
    seconds = re.search(r"Total Execution Time\s+(\S+)", text)
    return Wout(
        version=head[1],
        num_wann=int(counts[1]),
        num_bands=int(bands[1]),
        volume=float(volume[1]) * length**3,
        n_neighbours=len(_B_ROW.findall(table)) or None,
        centres=numbers[:, :3] * length if complete else None,
        spreads=numbers[:, 3] * length**2 if complete else None,
        omega_i=_number(omega_i[1]) * length**2 if omega_i else None,
        disentangled=_disentangled(text),
        changes=np.array([_number(change) for _, _, change in _DIS.findall(text)]),
        warnings=tuple(line.strip(" <>|*") for line in text.splitlines() if "warning" in line.lower()),
        error=error[1].strip() if error else "",
        finished=FINISHED in text,
        seconds=float(seconds[1]) if seconds else None,
    )


def _disentangled(text: str) -> bool | None:
    if "Disentanglement convergence criteria satisfied" in text:
        return True
    return False if "Maximum number of disentanglement iterations reached" in text else None


def _number(word: str) -> float:
    """Fortran prints stars where a number does not fit."""
    try:
        return float(word)
    except ValueError:
        return float("nan")


def read_wout(path: Path) -> Wout:
    """Read the `.wout` of a run.

    Raises:
        StepError: see `parse_wout`; also where there is no such file.
    """
    try:
        return parse_wout(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        raise StepError(f"{path} is missing: wannier90.x did not start") from None
    except StepError as error:
        raise StepError(f"{path}: {error.reason}", error.remedy) from None


def read_eig(path: Path) -> np.ndarray:
    """Return the energies of a `.eig`: (n_k, n_bands) in eV.

    Raises:
        StepError: missing, cut off or mixed up.
    """
    again = "Run the step wannier_input again."
    try:
        rows = np.array(path.read_text(encoding="utf-8").split(), dtype=float).reshape(-1, 3)
    except OSError:
        raise StepError(f"{path} is missing", again) from None
    except ValueError as error:
        raise StepError(f"{path} is cut off or mixed up: {error}", again) from None
    band, k = rows[:, 0].astype(int) - 1, rows[:, 1].astype(int) - 1
    n_bands, n_k = (band.max() + 1, k.max() + 1) if len(rows) else (0, 0)
    if not len(rows) or len(np.unique(k * n_bands + band)) != len(rows) or len(rows) != n_bands * n_k:
        raise StepError(f"{path} is cut off or mixed up: {len(rows)} energies", again)
    energies = np.empty((n_k, n_bands))
    energies[k, band] = rows[:, 2]
    return energies


@dataclass(frozen=True)
class Nnkp:
    """What `wannier90.x -pp` asks for.

    Attributes:
        kpoints: (n_k, 3) fractional.
        neighbours: (n_k, nntot, 4) int: number of the neighbour from 0, and the reciprocal vector beyond it.
        n_projections: projections, spin included.
        excluded: numbers of the excluded bands, from 1.
    """

    kpoints: np.ndarray
    neighbours: np.ndarray
    n_projections: int
    excluded: tuple[int, ...]


def read_nnkp(path: Path) -> Nnkp:
    """Read a `.nnkp`.

    Raises:
        StepError: missing or cut off.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise StepError(f"{path} is missing: wannier90.x -pp did not end well") from None
    blocks = dict(re.findall(r"begin (\w+)\s*\n(.*?)end \1", text, re.DOTALL))
    projections = blocks.get("spinor_projections", blocks.get("projections"))
    if projections is None or not {"kpoints", "nnkpts", "exclude_bands"} <= set(blocks):
        raise StepError(f"{path} is cut off", "Run wannier90.x -pp again.")
    try:
        kpoints = np.array(blocks["kpoints"].split()[1:], dtype=float).reshape(-1, 3)
        per_k, *rows = (int(word) for word in blocks["nnkpts"].split())
        listed = np.array(rows).reshape(len(kpoints), per_k, 5)
        _, *excluded = (int(word) for word in blocks["exclude_bands"].split())
        n_projections = int(projections.split()[0])
    except (ValueError, IndexError):
        raise StepError(f"{path} is cut off or mixed up", "Run wannier90.x -pp again.") from None
    neighbours = listed[..., 1:].copy()
    neighbours[..., 0] -= 1
    return Nnkp(kpoints, neighbours, n_projections, tuple(excluded))


def header(path: Path) -> tuple[int, int, int]:
    """Return the three counts of a `.mmn` (bands, k-points, nntot) or `.amn` (bands, k-points, projections).

    Raises:
        StepError: missing or without them.
    """
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            second = list(islice(stream, 2))[1]
        a, b, c = (int(word) for word in second.split()[:3])
    except OSError:
        raise StepError(f"{path} is missing", "Run the step wannier_input again.") from None
    except (ValueError, IndexError):
        raise StepError(
            f"{path} has no counts in its second line", "Run the step wannier_input again."
        ) from None
    return a, b, c
