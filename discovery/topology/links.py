"""Overlaps of the occupied bands at neighbouring points, and their unitary parts."""

import numpy as np

NEWTON_SCHULZ = 0.8
"""Smallest singular value from which the iteration of ``unitary_parts`` is exact enough in few steps."""

_STEPS = 3  # error ε becomes 1.5 ε² each time: 0.2 → 5e-5 at worst


def overlaps(a: np.ndarray, b: np.ndarray, centres: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Return ⟨u_a|u_b⟩ (m, N, N) of cell-periodic states from eigenvectors (m, n, N) of the periodic gauge.

    Args:
        a: states at k.
        b: states at k + step; those at k + step − G do as well.
        centres: (n, 3) fractional positions of the orbitals.
        step: (m, 3) fractional step between them.
    """
    phases = np.exp(-2j * np.pi * (step @ centres.T))
    return a.conj().swapaxes(-1, -2) @ (phases[:, :, None] * b)


def singular_bound(matrices: np.ndarray) -> np.ndarray:
    """Return lower bounds (m,) of the smallest singular values of overlaps (m, N, N), exact where N = 1.

    No singular value of an overlap exceeds 1, so Σ(1 − σ²) = N − ‖M‖² bounds 1 − σ_min² from above.
    """
    loss = matrices.shape[-1] - np.einsum("mij,mij->m", matrices, matrices.conj()).real
    return np.sqrt(np.clip(1.0 - loss, 0.0, 1.0))


def unitary_parts(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unitary factors of polar decompositions (m, N, N) and smallest singular values (m,).

    Where a bound shows that all singular values exceed ``NEWTON_SCHULZ``, the bound is returned for them and
    the factor comes from X ← X(3 − X†X)/2, which costs a fifth of a singular value decomposition.

    Source: Higham, Functions of Matrices (SIAM, 2008), section 8.3.
    """
    smallest = singular_bound(matrices)
    x = matrices
    identity = 1.5 * np.eye(matrices.shape[-1])
    for _ in range(_STEPS):
        x = x @ (identity - 0.5 * (x.conj().swapaxes(-1, -2) @ x))
    far = np.flatnonzero(smallest < NEWTON_SCHULZ)
    if len(far):
        u, singular, vh = np.linalg.svd(matrices[far])
        x[far], smallest[far] = u @ vh, singular[:, -1]
    return x, smallest


def circular_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Return how far centres a (N,) must move to become b (N,) on a circle of length 1, both ascending.

    The largest move of the best assignment; on a circle that is one of the N cyclic shifts.
    """
    n = len(a)
    shifted = b[(np.arange(n)[:, None] + np.arange(n)) % n]
    moves = np.abs((shifted - a + 0.5) % 1.0 - 0.5)
    return float(moves.max(axis=1).min())
