"""Overlaps of the occupied bands at neighbouring points, and their unitary parts."""

import numpy as np

_STEPS = 3
"""0.3 → 1e-3 at worst, where the next step is to add a point; 0.1 → 2e-7."""


def overlaps(a: np.ndarray, b: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Return ⟨u_a|u_b⟩ (m, N, N) of cell-periodic states from eigenvectors (m, n, N) of the periodic gauge.

    Args:
        a: states at k.
        b: states at k + step; those at k + step − G do as well.
        turns: (m, n) step · centre of each orbital, both fractional.
    """
    return a.conj().swapaxes(-1, -2) @ (np.exp(-2j * np.pi * turns)[:, :, None] * b)


def singular_bound(matrices: np.ndarray) -> np.ndarray:
    """Return lower bounds (m,) of the smallest singular values of overlaps (m, N, N), exact where N = 1.

    No singular value of an overlap exceeds 1, so Σ(1 − σ²) = N − ‖M‖² bounds 1 − σ_min² from above.
    """
    loss = matrices.shape[-1] - np.einsum("mij,mij->m", matrices, matrices.conj()).real
    return np.sqrt(np.clip(1.0 - loss, 0.0, 1.0))


def unitary_parts(matrices: np.ndarray) -> np.ndarray:
    """Return the unitary factors (m, N, N) of polar decompositions, for singular values from 0.7 to 1.

    X ← X(3 − X†X)/2 costs a fifth of a singular value decomposition and takes an error ε to 1.5 ε².

    Source: Higham, Functions of Matrices (SIAM, 2008), section 8.3.
    """
    x = matrices
    identity = 1.5 * np.eye(matrices.shape[-1])
    for _ in range(_STEPS):
        x = x @ (identity - 0.5 * (x.conj().swapaxes(-1, -2) @ x))
    return x


def smallest_cosines(matrices: np.ndarray, enough: float) -> np.ndarray:
    """Return the smallest singular values (m,) of overlaps; above ``enough`` they are only lower bounds."""
    smallest = singular_bound(matrices)
    doubtful = np.flatnonzero(smallest < enough)
    if len(doubtful):
        m = matrices[doubtful]
        squares = np.linalg.eigvalsh(m.conj().swapaxes(-1, -2) @ m)[:, 0]
        smallest[doubtful] = np.sqrt(np.maximum(squares, 0.0))
    return smallest


def circular_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far centres a (N,) must move to become b (N,) on a circle of length 1, both ascending.

    The largest move of the best assignment; on a circle that is one of the N cyclic shifts.
    """
    n = len(a)
    shifted = b[(np.arange(n)[:, None] + np.arange(n)) % n]
    moves = np.abs((shifted - a + 0.5) % 1.0 - 0.5)
    return float(moves.max(axis=1).min())
