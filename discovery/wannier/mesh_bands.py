"""How well Wannier functions turned out: their spreads, and the bands on wannier90's own mesh."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.geometry import BOHR

ABOVE_FERMI = 2.0
"""eV above the Fermi energy up to which bands are held against each other."""


@dataclass(frozen=True)
class Spreads:
    """What a ``.wout`` says of its functions.

    Attributes:
        largest: largest final spread in Å².
        unfinished: disentanglement stopped at its number of iterations.
    """

    largest: float
    unfinished: bool


@dataclass(frozen=True)
class Mesh:
    """The bands that wannier90 was given.

    Attributes:
        k: (n_k, 3) fractional, in the order of ``.win``.
        energies: (n_k, n_bands) ascending in eV; excluded bands are not among them.
        window_bottom: lowest energy of the outer window, or None.
        frozen: lowest and highest energy of the frozen window, either None where it is not set.
        disentangled: there are more bands than Wannier functions.
    """

    k: np.ndarray
    energies: np.ndarray
    window_bottom: float | None
    frozen: tuple[float | None, float | None]
    disentangled: bool


def read_spreads(path: Path) -> Spreads | None:
    """Return the final spreads of a wannier90 output, or None where it ends before them."""
    text = path.read_text(encoding="utf-8", errors="replace")
    final = text.rpartition("Final State")[2] if "Final State" in text else ""
    found = re.findall(r"WF centre and spread\s+\d+\s+\([^)]*\)\s+(\S+)", final)
    if not found:
        return None
    scale = BOHR**2 if "Lattice Vectors (Bohr)" in text else 1.0
    unfinished = "Maximum number of disentanglement iterations reached" in text
    return Spreads(float(np.array(found, dtype=float).max()) * scale, unfinished)


def read_mesh(win: Path, eig: Path) -> Mesh:
    """Return the bands of a ``.eig`` at the k-points of the ``.win`` beside it.

    Raises:
        HamiltonianError: one of them is cut off, or they do not belong together.
    """
    text = re.sub(r"[!#].*", "", win.read_text(encoding="utf-8", errors="replace"))
    block = re.search(r"begin\s+kpoints\s*\n(.*?)end\s+kpoints", text, re.IGNORECASE | re.DOTALL)
    lines = block[1].splitlines() if block else []
    try:
        k = np.array([[float(x) for x in line.split()[:3]] for line in lines if line.strip()]).reshape(-1, 3)
        rows = np.array(eig.read_text(encoding="utf-8").split(), dtype=float).reshape(-1, 3)
    except ValueError:
        raise HamiltonianError(f"{win} holds no list of k-points, or {eig} no three numbers a line") from None
    if not len(k) or len(rows) % len(k) or rows[-1, 1] != len(k):
        raise HamiltonianError(f"{eig} does not hold the bands of the {len(k)} k-points of {win}")
    energies = np.sort(rows[:, 2].reshape(len(k), -1), axis=1)
    n_wann = _number(text, "num_wann")
    return Mesh(
        k,
        energies,
        _number(text, "dis_win_min"),
        (_number(text, "dis_froz_min"), _number(text, "dis_froz_max")),
        n_wann is not None and n_wann < energies.shape[1],
    )


def upper_limit(mesh: Mesh, fermi: float | None) -> float | None:
    """Return up to which energy in eV bands can be held against each other, or None where nothing says.

    That is 2 eV above the Fermi energy, or the top of the frozen window where that energy is not known, or
    any energy where no band was left out.
    """
    if fermi is not None:
        return fermi + ABOVE_FERMI
    if mesh.frozen[1] is not None:
        return mesh.frozen[1]
    return None if mesh.disentangled else float("inf")


def band_distance(model: TightBinding, mesh: Mesh, limit: float) -> float | None:
    """Return how far Wannier bands lie from those they were made from, in eV; None where none lies below.

    At each k-point of the mesh the bands up to ``limit`` are compared one by one, counted from the bottom of
    the frozen window, or of the outer one, or from the lowest. A band that the Wannier functions lack shows
    as a distance, because the next takes its place. Interpolation is exact on the mesh, so this says nothing
    of the bands between its points.

    Raises:
        HamiltonianError: more Wannier functions than bands, or none where there are bands.
    """
    if model.n_orbitals > mesh.energies.shape[1]:
        raise HamiltonianError(
            f"{mesh.energies.shape[1]} bands on the mesh cannot make {model.n_orbitals} Wannier functions: "
            "the .eig does not belong to the Hamiltonian"
        )
    own = model.bands(mesh.k)
    bottom = mesh.frozen[0] if mesh.frozen[0] is not None else mesh.window_bottom
    worst: float | None = None
    for theirs, ours in zip(mesh.energies, own, strict=True):
        if bottom is not None:
            theirs = theirs[theirs >= bottom - 1e-4]
            # Below the frozen window the two need not agree: count from the same band on.
            ours = ours[ours >= bottom - 1e-3] if mesh.frozen[0] is not None else ours
        theirs = theirs[theirs <= limit]
        if not len(theirs):
            continue
        if not len(ours):
            raise HamiltonianError(
                "no Wannier band lies where bands of the mesh do: other energies, other zero"
            )
        last = np.full(max(0, len(theirs) - len(ours)), ours[-1])  # what is missing is as far as the nearest
        ours = np.concatenate([ours, last])[: len(theirs)]
        worst = max(worst or 0.0, float(np.abs(ours - theirs).max()))
    return worst


def _number(text: str, keyword: str) -> float | None:
    found = re.search(rf"^\s*{keyword}\s*[=:]?\s*([-+.\dDEde]+)", text, re.MULTILINE | re.IGNORECASE)
    return float(found[1].upper().replace("D", "E")) if found else None
