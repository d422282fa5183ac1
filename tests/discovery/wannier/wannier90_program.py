"""Run the real wannier90.x on overlaps and projections of a tight-binding model."""

import re
import shutil
import subprocess
from itertools import pairwise, product
from pathlib import Path

import numpy as np

from discovery.topology.tightbinding import TightBinding

PROGRAM = shutil.which("wannier90.x")

POINTS = {"G": (0, 0, 0), "A": (0.5, 0.37, 0), "B": (0.13, 0.5, 0.5), "C": (0.31, -0.27, 0.81)}


def interpolate(folder: Path, model: TightBinding, mesh: tuple[int, int, int], ws_distance: bool) -> Path:
    """Have wannier90.x make Wannier functions of a model from a mesh, and interpolate its bands.

    All bands are taken and each orbital is projected on itself, so the Wannier functions are the orbitals. A
    mesh shorter than the model's hoppings folds these, as it does those of a crystal.

    Returns:
        The ``w_hr.dat``; beside it lie ``w.win``, ``w.wout``, ``w_tb.dat``, ``w_wsvec.dat``, ``w_band.dat``.
    """
    assert PROGRAM
    k = np.array(list(product(*(np.arange(m) / m for m in mesh))))
    _write_win(folder / "w.win", model, mesh, k, ws_distance)
    subprocess.run([PROGRAM, "-pp", "w"], cwd=folder, check=True, timeout=60)
    neighbours = _neighbours(folder / "w.nnkp")
    energies, states = model.states(k)
    n = model.n_orbitals
    eig = [f"{b + 1} {i + 1} {e:.12f}" for i, row in enumerate(energies) for b, e in enumerate(row)]
    (folder / "w.eig").write_text("\n".join(eig) + "\n")
    amn = ["projections", f"{n} {len(k)} {n}"]
    for i, own in enumerate(states):
        amn += [f"{b + 1} {o + 1} {i + 1} {own[o, b].real:.14f} {-own[o, b].imag:.14f}"
                for o, b in np.ndindex(n, n)]  # fmt: skip
    (folder / "w.amn").write_text("\n".join(amn) + "\n")
    mmn = ["overlaps", f"{n} {len(k)} {len(neighbours) // len(k)}"]
    for here, there, *shift in neighbours.tolist():
        step = k[there - 1] + np.array(shift) - k[here - 1]
        phases = np.exp(-2j * np.pi * (model.centres @ step))
        overlap = states[here - 1].conj().T @ (phases[:, None] * states[there - 1])
        mmn.append(" ".join(map(str, (here, there, *shift))))
        mmn += [f"{x.real:.14f} {x.imag:.14f}" for x in overlap.T.ravel()]
    (folder / "w.mmn").write_text("\n".join(mmn) + "\n")
    subprocess.run([PROGRAM, "w"], cwd=folder, check=True, timeout=60)
    return folder / "w_hr.dat"


def band_path(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return (m, 3) k and (m, n) energies of wannier90's own interpolation."""
    k = np.loadtxt(folder / "w_band.kpt", skiprows=1)[:, :3]
    # Six decimals of k are 1e-5 eV: between the corners the points are evenly spaced.
    at = [int(line.split()[1]) - 1 for line in (folder / "w_band.labelinfo.dat").read_text().splitlines()]
    corners = np.array([POINTS[name] for name in POINTS], dtype=float)
    exact = np.stack([np.interp(np.arange(len(k)), at, corners[:, axis]) for axis in range(3)], axis=1)
    np.testing.assert_allclose(exact, k, atol=1e-6)
    k = exact
    energies = np.loadtxt(folder / "w_band.dat")[:, 1].reshape(-1, len(k)).T
    return k, np.sort(energies, axis=1)


def _write_win(
    path: Path, model: TightBinding, mesh: tuple[int, int, int], k: np.ndarray, ws_distance: bool
) -> None:
    def rows(block: np.ndarray) -> str:
        return "\n".join(" ".join(f"{x:.12f}" for x in row) for row in block)

    names = list(POINTS)
    lines = "\n".join(
        f"{a} {' '.join(map(str, POINTS[a]))} {b} {' '.join(map(str, POINTS[b]))}" for a, b in pairwise(names)
    )
    projections = "\n".join(
        f"f={','.join(f'{x:.8f}' for x in centre)}:s" for centre in model.centres
    )  # -pp wants some; the .amn decides
    path.write_text(
        f"""num_wann = {model.n_orbitals}
num_iter = 0
write_hr = T
write_tb = T
bands_plot = T
bands_num_points = 7
use_ws_distance = {"T" if ws_distance else "F"}
mp_grid = {" ".join(map(str, mesh))}
begin unit_cell_cart
{rows(model.lattice)}
end unit_cell_cart
begin atoms_frac
H 0 0 0
end atoms_frac
begin projections
{projections}
end projections
begin kpoint_path
{lines}
end kpoint_path
begin kpoints
{rows(k)}
end kpoints
"""
    )


def _neighbours(path: Path) -> np.ndarray:
    """Return (m, 5): a k-point, its neighbour, and the reciprocal vector beyond it."""
    block = re.search(r"begin nnkpts\s+\d+\n(.*?)end nnkpts", path.read_text(), re.DOTALL)
    assert block
    return np.array(block[1].split(), dtype=int).reshape(-1, 5)
