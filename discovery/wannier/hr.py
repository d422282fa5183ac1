"""Read wannier90's Hamiltonians, ``*_hr.dat`` and ``*_tb.dat``, plain or gzipped."""

import gzip
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from discovery.topology.symmetries import TIME_REVERSAL, time_reversal_violation, with_spin_order
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.geometry import find_geometry
from discovery.wannier.wsvec import find_vectors, spread

SpinOrder = Literal["interleaved", "blocks"]

ENDINGS = ("_tb.dat", "_tb.dat.gz", "_hr.dat", "_hr.dat.gz")
"""Names of Hamiltonians, the preferred first: ``_tb.dat`` brings its own lattice and centres."""


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8", errors="replace")
    except OSError as error:
        raise HamiltonianError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (EOFError, zlib.error):
        raise HamiltonianError(f"{path}: the gzip file is cut off or damaged") from None


def _numbers(text: str, path: Path) -> np.ndarray:
    """Return every number of the text, refusing what is none."""
    words = text.replace("D", "E").split()
    try:
        return np.array(words, dtype=float)
    except ValueError as error:
        raise HamiltonianError(f"{path}: not a number where one is due ({error})") from None


def _header(numbers: np.ndarray, path: Path) -> tuple[int, int, np.ndarray]:
    """Return num_wann, nrpts and the (nrpts,) degeneracies."""
    if len(numbers) < 2:
        raise HamiltonianError(f"{path}: cut off before num_wann and nrpts")
    n, n_cells = numbers[:2]
    if n < 1 or n_cells < 1 or n % 1 or n_cells % 1:
        raise HamiltonianError(f"{path}: num_wann = {n:g} and nrpts = {n_cells:g} make no sense")
    degeneracies = numbers[2 : 2 + int(n_cells)]
    if len(degeneracies) < n_cells:
        raise HamiltonianError(f"{path}: cut off within the degeneracies")
    if (degeneracies < 1).any() or (degeneracies % 1).any():
        raise HamiltonianError(
            f"{path}: the degeneracies are not {int(n_cells)} positive integers: nrpts and the list disagree"
        )
    return int(n), int(n_cells), degeneracies


def _blocks(cells: np.ndarray, indices: np.ndarray, n: int, path: Path) -> np.ndarray:
    """Check blocks of n² elements and return (n_cells, n²) the place n (m − 1) + (n − 1) of each.

    Args:
        cells: (n_cells, 3) R of the blocks, only for messages.
        indices: (n_cells, n², 2) orbitals, from 1.
        n: number of orbitals.
        path: only for messages.
    """
    if (indices < 1).any() or (indices > n).any():
        raise HamiltonianError(f"{path}: orbitals outside 1 to {n}: num_wann and the list disagree")
    places = ((indices[..., 0] - 1) * n + indices[..., 1] - 1).astype(int)
    wrong = np.flatnonzero((np.sort(places, axis=1) != np.arange(n * n)).any(axis=1))
    if len(wrong):
        cell = tuple(cells[wrong[0]].astype(int).tolist())
        raise HamiltonianError(f"{path}: R = {cell} holds an element twice and misses another: mixed up")
    return places


def _hoppings(places: np.ndarray, values: np.ndarray, degeneracies: np.ndarray, n: int) -> np.ndarray:
    """Return (n_cells, n, n) matrices from (n_cells, n²) values at their places."""
    result = np.empty(values.shape, dtype=complex)
    np.put_along_axis(result, places, values, axis=1)
    with np.errstate(invalid="ignore"):  # what is not finite is refused with the model
        return result.reshape(-1, n, n) / degeneracies[:, None, None]


def _build(
    path: Path,
    lattice: np.ndarray,
    cells: np.ndarray,
    hoppings: np.ndarray,
    centres: np.ndarray | None,
    spin: SpinOrder | None,
) -> TightBinding:
    """Make the model; name the file in what is refused, and find the spin order where none is given."""
    if centres is None:
        centres = np.zeros((hoppings.shape[-1], 3))

    def make(file: Path, cells: np.ndarray, hoppings: np.ndarray) -> TightBinding:
        try:
            return TightBinding(
                np.asarray(lattice, dtype=float),
                cells.astype(int),
                hoppings,
                np.asarray(centres, dtype=float),
                spin,
            )
        except HamiltonianError as error:
            raise HamiltonianError(f"{file}: {error}") from None

    model = make(path, cells, hoppings)
    vectors = find_vectors(path, seed_of(path))
    if vectors is not None:
        numbers = _numbers(_text(vectors).partition("\n")[2], vectors)
        model = make(vectors, *spread(numbers, model.cells, model.hoppings, vectors))
    if spin is None and time_reversal_violation(model) <= TIME_REVERSAL:
        model = with_spin_order(model)
    return model


def seed_of(path: Path) -> str:
    """Return the name of a Hamiltonian without its ending, wannier90's seedname."""
    return path.name.removesuffix(next((e for e in ENDINGS if path.name.endswith(e)), path.suffix))


def read_hr(
    path: str | Path, lattice: np.ndarray, centres: np.ndarray | None = None, spin: SpinOrder | None = None
) -> TightBinding:
    """Read a ``*_hr.dat``; a ``*_wsvec.dat`` of the same name beside it spreads the hoppings over images.

    Args:
        path: the file, plain or gzipped.
        lattice: (3, 3) rows a, b, c in Å.
        centres: (n, 3) fractional centres; the origin for all where None.
        spin: order of the spins (``interleaved``: Quantum ESPRESSO, VASP 6; ``blocks``: VASP 5); found by
            time reversal where None, and left None if that holds in no order.

    Raises:
        HamiltonianError: names the file; cut off, mixed up, counts that disagree, not Hermitian, or a
            ``_wsvec.dat`` that is not its own.

    Source: wannier90 user guide, section "seedname_hr.dat".
    """
    path = Path(path)
    numbers = _numbers(_text(path).partition("\n")[2], path)
    n, n_cells, degeneracies = _header(numbers, path)
    body = numbers[2 + n_cells :]
    expected = n_cells * n * n * 7
    if len(body) != expected:
        what = "cut off" if len(body) < expected else "too long"
        raise HamiltonianError(
            f"{path}: {what}: {n_cells} R of {n} × {n} elements make {expected // 7} lines, there are "
            f"{len(body) / 7:g}"
        )
    rows = body.reshape(n_cells, n * n, 7)
    if (rows[:, :, :5] % 1).any():
        raise HamiltonianError(f"{path}: R or orbitals that are no integers: the columns are mixed up")
    cells = rows[:, 0, :3]
    if (rows[:, :, :3] != cells[:, None]).any():
        raise HamiltonianError(f"{path}: the elements of one R do not stand together: mixed up")
    places = _blocks(cells, rows[:, :, 3:5], n, path)
    hoppings = _hoppings(places, rows[:, :, 5] + 1j * rows[:, :, 6], degeneracies, n)
    return _build(path, lattice, cells, hoppings, centres, spin)


def read_tb(path: str | Path, spin: SpinOrder | None = None) -> TightBinding:
    """Read a ``*_tb.dat``: its lattice, its Hamiltonian, and the centres ⟨0n|r|0n⟩; images as in ``read_hr``.

    Args:
        path: the file, plain or gzipped.
        spin: see ``read_hr``.

    Raises:
        HamiltonianError: see ``read_hr``.

    Source: wannier90 user guide, section "seedname_tb.dat".
    """
    path = Path(path)
    numbers = _numbers(_text(path).partition("\n")[2], path)
    if len(numbers) < 9:
        raise HamiltonianError(f"{path}: cut off within the lattice")
    lattice = numbers[:9].reshape(3, 3)
    n, n_cells, degeneracies = _header(numbers[9:], path)
    body = numbers[11 + n_cells :]
    sizes = n_cells * (3 + 4 * n * n), n_cells * (3 + 8 * n * n)
    if len(body) != sum(sizes):
        what = "cut off" if len(body) < sum(sizes) else "too long"
        raise HamiltonianError(
            f"{path}: {what}: {n_cells} R of {n} × {n} elements make {sum(sizes)} numbers after the "
            f"degeneracies, there are {len(body)}"
        )
    first, second = np.split(body, [sizes[0]])
    first, second = first.reshape(n_cells, -1), second.reshape(n_cells, -1)
    cells, elements = first[:, :3], first[:, 3:].reshape(n_cells, n * n, 4)
    positions = second[:, 3:].reshape(n_cells, n * n, 8)
    if (cells % 1).any() or (cells != second[:, :3]).any():
        raise HamiltonianError(f"{path}: R of the Hamiltonian and of the positions disagree: mixed up")
    places = _blocks(cells, elements[:, :, :2], n, path)
    hoppings = _hoppings(places, elements[:, :, 2] + 1j * elements[:, :, 3], degeneracies, n)
    home = np.flatnonzero(~cells.any(axis=1))
    if len(home) != 1:
        raise HamiltonianError(f"{path}: R = (0, 0, 0) is missing")
    at_home = _blocks(cells[home], positions[home, :, :2], n, path)[0]
    centres = np.empty((n * n, 3))
    centres[at_home] = positions[home[0], :, 2::2]
    return _build(path, lattice, cells, hoppings, centres[:: n + 1] @ np.linalg.inv(lattice), spin)


def find_hamiltonian(path: str | Path) -> Path:
    """Return the one Hamiltonian a path means: itself, or the only one of the kind preferred in a folder."""
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise HamiltonianError(f"{path}: no such file or folder")
        return path
    for kind in ("_tb.dat", "_hr.dat"):
        found = sorted(p for p in path.iterdir() if p.name.endswith((kind, f"{kind}.gz")))
        if len(found) > 1:
            raise HamiltonianError(
                f"{path}: several Hamiltonians ({', '.join(p.name for p in found)}): name one"
            )
        if found:
            return found[0]
    raise HamiltonianError(f"{path}: no *_tb.dat or *_hr.dat, plain or gzipped, in this folder")


def read_model(path: str | Path) -> TightBinding:
    """Read the Hamiltonian of a file or folder with the lattice and centres from the files beside it.

    Args:
        path: a ``*_tb.dat`` or ``*_hr.dat`` (or either gzipped), or a folder that holds one. Beside an
            ``hr.dat`` a ``.win``, ``.wout`` or ``wt.in`` must give the lattice; ``.wout``, ``_centres.xyz``
            or ``wt.in`` give the centres, which are at the origin otherwise.

    Raises:
        HamiltonianError: names the file and the reason.
    """
    path = find_hamiltonian(path)
    seed = seed_of(path)
    if path.name.endswith(("_tb.dat", "_tb.dat.gz")):
        return read_tb(path)
    geometry = find_geometry(path, seed)
    if geometry.lattice is None:
        raise HamiltonianError(
            f"{path}: no lattice: put {seed}.win, {seed}.wout or wt.in beside it, or write {seed}_tb.dat"
        )
    model = read_hr(path, geometry.lattice)
    if geometry.centres is not None:
        if len(geometry.centres) != model.n_orbitals:
            raise HamiltonianError(
                f"{path} has {model.n_orbitals} orbitals, the files beside it {len(geometry.centres)} "
                "centres: do they belong together?"
            )
        model = replace(model, centres=geometry.centres @ np.linalg.inv(geometry.lattice))
    return model if model.spin is not None else replace(model, spin=geometry.spin)
