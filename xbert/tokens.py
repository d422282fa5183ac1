"""The tokens of a crystal: five space-group words, electron count, elements, and what the graph needs."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from xbert.crystals import CrystalTable
from xbert.elements import MAX_Z
from xbert.spacegroups import all_space_groups, space_group

N_WORDS = 5
ELECTRON_BITS = 14
MAX_ELECTRONS = 2**ELECTRON_BITS - 1

SHARED_WORDS = (False, False, True, True, False)
"""Crystal system and Laue class: the words that groups with and without inversion have in common."""

MASK_WORD = "[mask]"
"""Stands for a word that the model is not told."""


@cache
def vocabulary() -> dict[str, int]:
    """Return word → index: every distinct word of the 230 space groups, then the mask.

    Point groups and Laue classes share words, as in the paper, whose list holds 280; ours holds 274
    and the mask because the words of the symmetry token differ.
    """
    words: dict[str, int] = {}
    for role in range(N_WORDS):
        for group in all_space_groups():
            words.setdefault(group.words[role], len(words))
    words[MASK_WORD] = len(words)
    return words


@cache
def words_of_groups() -> np.ndarray:
    """Return (231, 5) int64 word indices by space-group number; row 0 is all masks."""
    vocab = vocabulary()
    table = np.full((231, N_WORDS), vocab[MASK_WORD], dtype=np.int64)
    for group in all_space_groups():
        table[group.number] = [vocab[word] for word in group.words]
    table.setflags(write=False)
    return table


def electron_bits(n_electrons: np.ndarray) -> np.ndarray:
    """Write electron counts in binary.

    Args:
        n_electrons: (n,) electrons of the primitive cell.

    Returns:
        (n, 14) float32 of 0 and 1, most significant bit first.

    Raises:
        ValueError: for a count that 14 bits cannot hold.
    """
    counts = np.asarray(n_electrons, dtype=np.int64)
    if counts.size and (counts.max() > MAX_ELECTRONS or counts.min() < 0):
        raise ValueError(f"electron counts must lie between 0 and {MAX_ELECTRONS}")
    shifts = np.arange(ELECTRON_BITS - 1, -1, -1)
    return ((counts[:, None] >> shifts) & 1).astype(np.float32)


def composition(table: CrystalTable) -> np.ndarray:
    """Return (n, 104) float32 fractions of each element, by atomic number."""
    owner = np.repeat(np.arange(len(table)), table.n_atoms)
    flat = owner * (MAX_Z + 1) + table.numbers_flat.astype(np.int64)
    counts = np.bincount(flat, minlength=len(table) * (MAX_Z + 1)).reshape(len(table), MAX_Z + 1)
    return (counts / np.maximum(counts.sum(1, keepdims=True), 1)).astype(np.float32)


@dataclass(frozen=True)
class TokenSummary:
    """What the model saw of one crystal, in words a person can check."""

    words: tuple[str, ...]
    n_electrons: int
    bits: str
    elements: dict[str, float]


def describe(spacegroup: int, n_electrons: int, numbers: np.ndarray) -> TokenSummary:
    """Spell out the tokens of one crystal.

    Args:
        spacegroup: number, 1–230.
        n_electrons: electrons of the primitive cell.
        numbers: (n,) atomic numbers of the primitive cell.
    """
    from xbert.elements import symbols

    z, counts = np.unique(numbers, return_counts=True)
    fractions = {symbols()[int(a)]: round(float(c) / len(numbers), 4) for a, c in zip(z, counts, strict=True)}
    return TokenSummary(
        space_group(spacegroup).words, n_electrons, format(n_electrons, f"0{ELECTRON_BITS}b"), fractions
    )
