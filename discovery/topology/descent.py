"""Minimise a function of k from many starting points at once, without derivatives."""

from collections.abc import Callable
from itertools import product

import numpy as np


def _stencil(d: int) -> np.ndarray:
    """Return the centre, faces and edges of the cube [−1, 1]^d: enough to fit any quadratic."""
    points = np.array(list(product((0, 1, -1), repeat=d)), dtype=float)
    return points[np.abs(points).sum(axis=1) <= 2]


def _quadratic_terms(x: np.ndarray) -> np.ndarray:
    d = x.shape[1]
    pairs = [x[:, i] * x[:, j] for i in range(d) for j in range(i, d)]
    return np.stack([np.ones(len(x)), *x.T, *pairs], axis=1)


def _newton_step(values: np.ndarray, fit: np.ndarray, d: int) -> np.ndarray:
    """Return (m, d) steps to the minimum of the fitted quadratics, at most two stencil radii long."""
    coefficients = values @ fit.T
    gradient = coefficients[:, 1 : d + 1]
    curvature = np.zeros((len(values), d, d))
    place = d + 1
    for i in range(d):
        for j in range(i, d):
            curvature[:, i, j] += coefficients[:, place]
            curvature[:, j, i] += coefficients[:, place]
            place += 1
    eigenvalues, axes = np.linalg.eigh(curvature)
    # A direction that curves down is followed downhill; a flat one is not followed to infinity.
    floor = 1e-6 * np.abs(eigenvalues).max(axis=1, keepdims=True) + 1e-300
    along = np.einsum("mdi,md->mi", axes, gradient) / np.maximum(np.abs(eigenvalues), floor)
    step = -np.einsum("mdi,mi->md", axes, along)
    length = np.linalg.norm(step, axis=1, keepdims=True)
    return step * np.minimum(1.0, 2.0 / np.maximum(length, 1e-300))


def minimise(
    function: Callable[[np.ndarray], np.ndarray],
    starts: np.ndarray,
    radius: float,
    basis: np.ndarray,
    accuracy: float = 1e-5,
    max_steps: int = 40,
) -> tuple[np.ndarray, np.ndarray]:
    """Minimise from every start by quadratics fitted on a shrinking stencil.

    Args:
        function: fractional k (n, 3) → values (n,). Continuous; the nearer to a quadratic the quicker.
        starts: (m, 3) fractional k.
        radius: first radius of the stencil, in the units of ``basis``.
        basis: (d, 3) fractional vectors of unit length in those units, orthogonal.
        accuracy: radius at which a start has converged.
        max_steps: bound on the number of stencils.

    Returns:
        (m, 3) fractional minima and (m,) values there.
    """
    d = len(basis)
    k = np.array(starts, dtype=float)
    if d == 0 or not len(k):
        return k, function(k)
    stencil = _stencil(d)
    fit = np.linalg.pinv(_quadratic_terms(stencil))
    radii = np.full(len(k), radius)
    best = np.full(len(k), np.inf)
    for _ in range(max_steps):
        live = np.flatnonzero(radii > accuracy)
        if not len(live):
            break
        around = k[live, None] + radii[live, None, None] * (stencil @ basis)
        values = function(around.reshape(-1, 3)).reshape(len(live), -1)
        step = _newton_step(values, fit, d)
        proposal = k[live] + radii[live, None] * (step @ basis)
        proposed = function(proposal)
        point = values.argmin(axis=1)
        lowest = values.min(axis=1)
        jumped = proposed < lowest
        best[live] = np.where(jumped, proposed, lowest)
        k[live] = np.where(jumped[:, None], proposal, around[np.arange(len(live)), point])
        length = np.linalg.norm(step, axis=1)
        stayed = ~jumped & (point == 0)
        near = jumped & (length < 1.0)
        shrink = np.where(near, np.clip(length, 0.05, 0.3), np.where(stayed, 0.2, 1.0))
        radii[live] *= shrink
    return k, best
