"""Atomic orbitals by name, in wannier90's order, and how a rotation or reflection of space mixes them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

SHELLS: dict[str, tuple[str, ...]] = {
    "s": ("s",),
    "p": ("pz", "px", "py"),
    "d": ("dz2", "dxz", "dyz", "dx2-y2", "dxy"),
    "f": ("fz3", "fxz2", "fyz2", "fzx2", "fxyz", "fx3", "fy3"),
}
"""Real harmonics of each shell in wannier90's order (user guide, table 3.1), with WannierTools' names."""

_SHELL_OF = {name: shell for shell, names in SHELLS.items() for name in names}


def shell_of(orbital: str) -> str:
    """Return the shell (s, p, d or f) of an orbital.

    Raises:
        ValueError: a name that is none of `SHELLS`.
    """
    try:
        return _SHELL_OF[orbital]
    except KeyError:
        raise ValueError(f"unknown orbital {orbital!r}: known are {', '.join(_SHELL_OF)}") from None


def _harmonics(shell: str, r: np.ndarray) -> np.ndarray:
    """Values of a shell's harmonics at points: (m, 3) → (m, 2l + 1), all of one shell with the same norm."""
    x, y, z = r.T
    square = x * x + y * y + z * z
    if shell == "s":
        return np.ones((len(r), 1))
    if shell == "p":
        return np.stack([z, x, y], axis=1)
    if shell == "d":
        root = np.sqrt(3.0)
        return np.stack(
            [(3 * z * z - square) / 2, root * x * z, root * y * z, root / 2 * (x * x - y * y), root * x * y],
            axis=1,
        )
    a, b, c = np.sqrt(3 / 8), np.sqrt(15.0), np.sqrt(5 / 8)
    return np.stack(
        [
            z * (5 * z * z - 3 * square) / 2,
            a * x * (5 * z * z - square),
            a * y * (5 * z * z - square),
            b / 2 * z * (x * x - y * y),
            b * x * y * z,
            c * x * (x * x - 3 * y * y),
            c * y * (3 * x * x - y * y),
        ],
        axis=1,
    )


def representation(shell: str, operation: np.ndarray) -> np.ndarray:
    """Return how an operation acts on a shell's harmonics.

    Args:
        shell: s, p, d or f.
        operation: (3, 3) orthogonal matrix acting on Cartesian columns; proper or improper.

    Returns:
        (2l + 1, 2l + 1) real orthogonal D with operation · Y_i = Σ_j D[j, i] Y_j, in the order of `SHELLS`.
    """
    points = np.random.default_rng(0).normal(size=(24, 3))
    moved = points @ np.asarray(operation, dtype=float)  # O⁻¹ r, written for rows
    return np.linalg.lstsq(_harmonics(shell, points), _harmonics(shell, moved), rcond=None)[0]


class Site(Protocol):
    """An atom and its orbitals; spin is not counted among them."""

    @property
    def element(self) -> str:
        """Symbol; sites with the same one and the same orbitals are alike."""

    @property
    def position(self) -> Sequence[float]:
        """Fractional coordinates."""

    @property
    def orbitals(self) -> Sequence[str]:
        """Names as in `SHELLS`, in the order of the basis."""


def action(orbitals: Sequence[str], operation: np.ndarray) -> np.ndarray:
    """Return how an operation acts on the orbitals of a site: (m, m) real, columns are images.

    Raises:
        ValueError: the operation turns one of them into a function that is not among them.
    """
    matrix = np.zeros((len(orbitals), len(orbitals)))
    for shell in dict.fromkeys(map(shell_of, orbitals)):
        rows = [i for i, name in enumerate(orbitals) if shell_of(name) == shell]
        places = [SHELLS[shell].index(orbitals[i]) for i in rows]
        matrix[np.ix_(rows, rows)] = representation(shell, operation)[np.ix_(places, places)]
    if not np.allclose(matrix @ matrix.T, np.eye(len(orbitals)), atol=1e-6):
        raise ValueError(f"the operation mixes {', '.join(orbitals)} with orbitals that are not among them")
    return matrix
