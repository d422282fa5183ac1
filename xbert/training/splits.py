"""Splits of labelled crystals that do not leak: all crystals of one formula fall on one side."""

import hashlib

import numpy as np

from xbert.elements import symbols
from xbert.spacegroups import group_flags


def formula_keys(composition: np.ndarray) -> list[str]:
    """Return one key per crystal, equal for equal reduced formulas.

    Args:
        composition: (n, 104) element fractions by atomic number.
    """
    keys = []
    for row in composition:
        z = np.flatnonzero(row)
        keys.append("-".join(f"{symbols()[i]}{row[i]:.4f}" for i in z))
    return keys


def formula_fold(keys: list[str], n_folds: int, seed: int = 0) -> np.ndarray:
    """Assign each formula to a fold by hash, the same on every machine: (n,) int64."""
    digests = (hashlib.sha256(f"{seed}:{key}".encode()).digest() for key in keys)
    return np.array([int.from_bytes(digest[:8], "big") % n_folds for digest in digests], dtype=np.int64)


def random_fold(n: int, n_folds: int, seed: int = 0) -> np.ndarray:
    """Assign rows to folds at random: (n,) int64. Leaks polymorphs; only beside published numbers."""
    return np.random.default_rng(seed).permutation(n) % n_folds


def transfer_split(
    spacegroup: np.ndarray, n_electrons: np.ndarray, keys: list[str], labelled: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Split by symmetry class: learn where there is inversion, test where there is none but an indicator.

    Args:
        spacegroup: (n,) numbers.
        n_electrons: (n,) of the primitive cell.
        keys: formula keys.
        labelled: (n,) bool, whether a majority label exists.

    Returns:
        rows to train on (centrosymmetric, no formula of the test) and to test on (even electrons).
    """
    inversion, undiagnosable = group_flags(spacegroup)
    test = labelled & ~inversion & ~undiagnosable & (n_electrons % 2 == 0)
    held_out = {keys[i] for i in np.flatnonzero(test)}
    fresh = np.array([key not in held_out for key in keys], dtype=bool)
    return np.flatnonzero(inversion & fresh), np.flatnonzero(test)
