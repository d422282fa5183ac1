"""Overlaps, projections and energies of a tight-binding model, as a first-principles program leaves them.

A model with more orbitals than Wannier functions has bands above them, to be disentangled.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from discovery.topology.tightbinding import TightBinding
from discovery.verification.wout import read_nnkp

PROGRAM = shutil.which("wannier90.x")


def with_high_orbitals(
    model: TightBinding, level: float, coupling: float = 0.3, pairs: int = 1, width: float = 0.5
) -> TightBinding:
    """Return a model with pairs of s orbitals added, coupled to all, whose bands lie around ``level`` eV.

    The coupling is real and without spin, so that time reversal stays. Spins are interleaved.
    """
    n, m = model.n_orbitals, 2 * pairs
    cells = {tuple(cell): i for i, cell in enumerate(model.cells.tolist())}
    for axis in np.eye(3, dtype=int):
        for sign in (1, -1):
            cells.setdefault(tuple((sign * axis).tolist()), len(cells))
    hoppings = np.zeros((len(cells), n + m, n + m), dtype=complex)
    hoppings[: len(model.cells), :n, :n] = model.hoppings
    home = cells[0, 0, 0]
    spins = np.eye(2)
    for pair in range(pairs):
        own = slice(n + 2 * pair, n + 2 * pair + 2)
        hoppings[home, own, own] += (level + 1.5 * width * pair) * spins
        for site in range(n // 2):
            block = coupling * (-1) ** (site * pair) * spins
            hoppings[home, 2 * site : 2 * site + 2, own] += block
            hoppings[home, own, 2 * site : 2 * site + 2] += block
        for axis in np.eye(3, dtype=int):
            for sign in (1, -1):
                hoppings[cells[tuple((sign * axis).tolist())], own, own] += width / 6 * spins
    places = np.array([[0.5, 0.5, 0.5], [0.25, 0.75, 0.5], [0.75, 0.25, 0.25]])[np.arange(pairs) % 3]
    centres = np.concatenate([model.centres, np.repeat(places, 2, axis=0)])
    return TightBinding(model.lattice, np.array(list(cells)), hoppings, centres, "interleaved")


def write_overlaps(
    folder: Path,
    seed: str,
    model: TightBinding,
    orbitals: Sequence[int],
    extent: float = 0.0,
    n_bands: int = 0,
) -> None:
    """Write `.mmn`, `.amn` and `.eig` for the neighbours that `.nnkp` asks for.

    Orbitals are points, or Gaussians of the given size in Å: ⟨e^{-ib·r}⟩ is that of their centres times
    e^{-b² extent² / 2}, so each has the spread 3 extent².

    Args:
        folder: holds ``SEED.nnkp``.
        seed: name of the files.
        model: the crystal; all its bands but the excluded ones are written.
        orbitals: numbers of the model's orbitals that are projected on.
        extent: size of the orbitals in Å.
        n_bands: lowest bands that were computed; 0 for all.
    """
    nnkp = read_nnkp(folder / f"{seed}.nnkp")
    kept = [i for i in range(n_bands or model.n_orbitals) if i + 1 not in nnkp.excluded]
    energies, states = model.states(nnkp.kpoints)
    states = states[:, :, kept]
    rows = [
        f"{n + 1:5d}{k + 1:5d}{energies[k, b]:20.12f}" for k in range(len(states)) for n, b in enumerate(kept)
    ]
    (folder / f"{seed}.eig").write_text("\n".join(rows) + "\n")
    lines = ["projections of a model", f"{len(kept)} {len(states)} {len(orbitals)}"]
    for k, own in enumerate(states):
        lines += [
            f"{n + 1:5d}{p + 1:5d}{k + 1:5d}{own[orbital, n].real:20.14f}{-own[orbital, n].imag:20.14f}"
            for p, orbital in enumerate(orbitals)
            for n in range(len(kept))
        ]
    (folder / f"{seed}.amn").write_text("\n".join(lines) + "\n")
    lines = ["overlaps of a model", f"{len(kept)} {len(states)} {nnkp.neighbours.shape[1]}"]
    for k, listed in enumerate(nnkp.neighbours):
        for there, *cell in listed.tolist():
            b = nnkp.kpoints[there] + cell - nnkp.kpoints[k]
            damping = np.exp(-0.5 * extent**2 * ((b @ model.reciprocal) ** 2).sum())
            phases = damping * np.exp(-2j * np.pi * (model.centres @ b))
            overlap = states[k].conj().T @ (phases[:, None] * states[there])
            lines.append(f"{k + 1:5d}{there + 1:5d}" + "".join(f"{x:5d}" for x in cell))
            lines += [f"{x.real:20.14f}{x.imag:20.14f}" for x in overlap.T.ravel()]
    (folder / f"{seed}.mmn").write_text("\n".join(lines) + "\n")
