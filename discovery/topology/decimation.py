"""The Green's functions of half a crystal and of the whole, by removing every other layer again and again."""

import numpy as np
from scipy.linalg import get_lapack_funcs

PRECISION = 1e-3
"""Part of the broadening by which what is left of the coupling may shift a level; it mostly shifts less."""


def decimate(h0: np.ndarray, h1: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return effective Hamiltonians of a layer at the bottom, at the top and inside of a stack without end.

    Each step removes every other layer, so that i steps see 2^i layers: López Sancho, López Sancho & Rubio,
    J. Phys. F 14, 1205 (1984) and 15, 851 (1985), eqs. (11)–(17). Their first step needs no inverse: it is
    done with the eigenvectors of a layer, for all energies at once.

    Args:
        h0: (n_k, N, N) a principal layer, eV.
        h1: (n_k, N, N) from it to the next above.
        z: (n_e,) complex energies with positive imaginary part, eV.

    Returns:
        Three arrays (n_k, n_e, N, N): the Green's functions are the inverses of z minus them.
    """
    levels, states = np.linalg.eigh(h0)
    size = h0.shape[-1]
    sides = np.concatenate([h1 @ states, _adjoint(h1) @ states], axis=1)[:, None]
    weights = 1.0 / (z[None, :, None] - levels[:, None, :])
    product = (sides * weights[:, :, None, :]) @ _adjoint(sides)
    product = product.reshape(-1, 2 * size, 2 * size)
    shape = (len(h0), len(z), size, size)
    own = np.broadcast_to(h0[:, None], shape).reshape(-1, size, size)
    bottom = own + product[:, :size, :size]
    top = own + product[:, size:, size:]
    bulk = bottom + product[:, size:, size:]
    up, down = product[:, :size, size:].copy(), product[:, size:, :size].copy()
    energy = np.broadcast_to(z, shape[:2]).reshape(-1)
    enough = PRECISION * energy.imag**2
    diagonal = np.arange(size)
    left = np.flatnonzero(_norm(up) * _norm(down) > enough)
    up, down = up[left], down[left]
    while len(left):
        inverse = -bulk[left]
        inverse[:, diagonal, diagonal] += energy[left, None]
        inverse = _invert(inverse)
        from_up, from_down = inverse @ up, inverse @ down
        above, below = up @ from_down, down @ from_up
        bottom[left] += above
        top[left] += below
        bulk[left] += above + below
        # Where the next couplings cannot matter they are not worked out; then it shows where they do not.
        going = _norm(up) * _norm(from_up) * _norm(down) * _norm(from_down) > enough[left]
        left, up, down = left[going], up[going], down[going]
        up, down = up @ from_up[going], down @ from_down[going]
        going = _norm(up) * _norm(down) > enough[left]
        left, up, down = left[going], up[going], down[going]
    return bottom.reshape(shape), top.reshape(shape), bulk.reshape(shape)


def density(effective: np.ndarray, z: np.ndarray, chosen: slice, rest: slice) -> np.ndarray:
    """−Im tr G/π over one layer of a principal layer, the rest beside it: (n_k, n_e, N, N) → (n_k, n_e)."""
    size = effective.shape[-1]
    matrix = z[:, None, None] * np.eye(size, dtype=z.dtype) - effective
    own = matrix[..., chosen, chosen]
    if own.shape[-1] < size:  # the others leave a self-energy
        back = np.linalg.solve(matrix[..., rest, rest], matrix[..., rest, chosen])
        own = own - matrix[..., chosen, rest] @ back
    return -np.trace(np.linalg.inv(own), axis1=-2, axis2=-1).imag / np.pi


def _invert(matrices: np.ndarray) -> np.ndarray:
    """Invert in place; for tens of orbitals faster than NumPy, which solves for the unit matrix."""
    getrf, getri = get_lapack_funcs(("getrf", "getri"), (matrices,))
    work = 64 * matrices.shape[-1]
    for matrix in matrices:
        factors, pivots, _ = getrf(matrix.T, overwrite_a=True)  # the transpose is in Fortran's order
        getri(factors, pivots, lwork=work, overwrite_lu=True)
    return matrices


def _adjoint(matrix: np.ndarray) -> np.ndarray:
    return matrix.conj().swapaxes(-1, -2)


def _norm(matrices: np.ndarray) -> np.ndarray:
    parts = matrices.view(matrices.real.dtype).reshape(len(matrices), 2 * matrices.shape[-1] ** 2)
    return np.sqrt(np.einsum("ij,ij->i", parts, parts))
