"""Spread hoppings over the lattice vectors of ``*_wsvec.dat``, as wannier90 does when it interpolates bands.

With ``use_ws_distance``, its default, H_mn(R) belongs to those images R + T of the second Wannier function
that lie nearest to the first one. They are not in ``*_hr.dat`` or ``*_tb.dat``: without them bands between
the points of a coarse mesh differ.
"""

from pathlib import Path

import numpy as np

from discovery.topology.tightbinding import HamiltonianError

ENDINGS = ("_wsvec.dat", "_wsvec.dat.gz")


def find_vectors(hamiltonian: Path, seed: str) -> Path | None:
    """Return ``SEED_wsvec.dat``, plain or gzipped, beside a Hamiltonian, or None where there is none."""
    return next((p for e in ENDINGS if (p := hamiltonian.with_name(seed + e)).is_file()), None)


def spread(
    numbers: np.ndarray, cells: np.ndarray, hoppings: np.ndarray, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells (m, 3) and hoppings (m, n, n) of a Hamiltonian whose elements are spread over images.

    Args:
        numbers: all numbers of the file after its first line: for every R, m and n the number of images and
            as many vectors T, by which the second function is moved.
        cells: (n_cells, 3) R of the Hamiltonian.
        hoppings: (n_cells, n, n) in eV, degeneracies of R divided out.
        path: the file, only for messages.

    Raises:
        HamiltonianError: cut off, mixed up, or made for another Hamiltonian.

    Source: wannier90 user guide, section "seedname_wsvec.dat".
    """
    n = hoppings.shape[-1]
    if not np.isfinite(numbers).all() or (numbers % 1).any():
        raise HamiltonianError(f"{path}: holds numbers that are no integers: not a list of lattice vectors")
    integers = numbers.astype(int)
    starts = _starts(integers, path)
    expected = len(cells) * n * n
    if len(starts) != expected:
        raise HamiltonianError(
            f"{path}: {len(starts)} elements, the Hamiltonian beside it has {expected} ({len(cells)} R of "
            f"{n} × {n}): they do not belong together"
        )
    heads = integers[starts[:, None] + np.arange(6)]
    own = {tuple(cell): i for i, cell in enumerate(cells.tolist())}
    place = np.array([own.get(tuple(cell), -1) for cell in heads[:, :3].tolist()])
    orbitals = heads[:, 3:5] - 1
    if (place < 0).any() or (orbitals < 0).any() or (orbitals >= n).any():
        wrong = heads[np.argmax((place < 0) | ((orbitals < 0) | (orbitals >= n)).any(axis=1)), :5]
        raise HamiltonianError(
            f"{path}: R = {tuple(wrong[:3].tolist())} of orbitals {wrong[3]} and {wrong[4]} is not in the "
            "Hamiltonian beside it: they do not belong together"
        )
    elements = (place * n + orbitals[:, 0]) * n + orbitals[:, 1]
    if len(np.unique(elements)) != expected:
        raise HamiltonianError(f"{path}: holds an element twice and misses another: mixed up")
    images = heads[:, 5]
    record = np.repeat(np.arange(expected), images)
    nth = np.arange(len(record)) - np.repeat(np.cumsum(images) - images, images)
    shifts = integers[(starts[record] + 6 + 3 * nth)[:, None] + np.arange(3)]
    found, cell = np.unique(heads[record, :3] + shifts, axis=0, return_inverse=True)
    target = (cell.reshape(-1) * n + orbitals[record, 0]) * n + orbitals[record, 1]
    share = hoppings.reshape(-1)[elements[record]] / images[record]
    size = len(found) * n * n
    total = np.bincount(target, share.real, size) + 1j * np.bincount(target, share.imag, size)
    return found, total.reshape(-1, n, n)


def _starts(integers: np.ndarray, path: Path) -> np.ndarray:
    """Return where each element's R, m, n, number of images and vectors begin."""
    starts, at, end = [], 0, len(integers)
    values = integers.tolist()
    while at + 6 <= end:
        starts.append(at)
        images = values[at + 5]
        if images < 1:
            raise HamiltonianError(f"{path}: an element with {images} images: mixed up")
        at += 6 + 3 * images
    if at != end or not starts:
        raise HamiltonianError(f"{path}: cut off, or not a list of R, orbitals, images and their vectors")
    return np.array(starts)
