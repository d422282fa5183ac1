"""Which topology labels a crystal keeps when a small distortion takes its inversion away.

With inversion, the parities at the eight time-reversal-invariant momenta decide the strong Z2 index of an
insulator (L. Fu, C. L. Kane, PRB 76, 045302 (2007)), so a database that looked at them is right both ways.
The index itself needs time reversal and a gap alone and outlives inversion. What the words of the three
databases say about it:

- Materiae and Arsenal: ``TI`` is an odd strong index. ``TCI`` is the rest of the nontrivial indicators, weak
  topological insulators among them. The labels bear this out: in the groups of S4, whose only indicator is
  the strong index, there is no ``TCI``; in those of C3h, whose indicators are mirror Chern numbers, there is
  no ``TI`` in Materiae; the weak insulators BiSe, Bi2TeI and ZrSiO are ``TCI``.
- TQC: ``NLC`` and ``SEBR`` say that the bands are not a sum of atomic ones, not which index is odd; SEBR may
  even be fragile. They contradict or agree, they decide nothing. ``LCEBR`` has the parities of atoms, hence
  no strong index.
- Semimetals lean on nodes that the lost symmetry may have protected, TCIs on the lost symmetry itself.

What cannot be decided: phases without any indicator (mirror Chern numbers that cancel in the parities,
higher-order and boundary-less phases) are "trivial" here, before and after; only the strong index of such a
crystal is known to vanish. Gaps are those of PBE without spin-orbit coupling, so none is asked of a TI, whose
gap often opens through it. Should the distortion close it, a Weyl semimetal comes before a trivial insulator
(S. Murakami, New J. Phys. 9, 356 (2007)): the crystal is still topological, though no longer a TI.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

STRONG, TRIVIAL, NOT_CARRIED = 1, 0, -1

LEAST_GAP = 0.1
"""eV; a smaller one may close."""

_SOURCES = ("materiae_soc", "tqc_class", "arsenal")
_TRIVIAL_WORDS = ({"Triv_Ins"}, {"trivial"}, {"trivial"})
_GAPS = ("megnet_band_gap", "mp20_band_gap", "roost_nonmetal_band_gap")


def read_label_words(labels: Path) -> pa.Table:
    """Read the databases' own words: ``mp_id, materiae_soc, tqc_class, arsenal``."""
    return pq.read_table(labels, columns=["mp_id", *_SOURCES])


def known_gaps(properties: Path, ids: list[str]) -> np.ndarray:
    """Look up PBE gaps by id: (n,) eV, NaN where none is known; where sources differ, the smallest.

    Args:
        properties: table with ``id`` and gap columns (``mp_properties.parquet``).
        ids: names of the n crystals.
    """
    table = pq.read_table(properties, columns=["id", *_GAPS])
    values = np.stack([table[name].to_numpy(zero_copy_only=False).astype(float) for name in _GAPS], axis=1)
    smallest = np.fmin.reduce(values, axis=1)
    place = pc.index_in(pa.array(ids, table["id"].type), value_set=table["id"].combine_chunks())
    rows = place.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return np.where(rows >= 0, smallest[rows], np.nan)


def which_labels_survive(
    words: pa.Table,
    gap: np.ndarray,
    centrosymmetric: np.ndarray,
    even: np.ndarray,
    least_gap: float = LEAST_GAP,
) -> np.ndarray:
    """Decide which crystals have a strong index that is known and outlives inversion.

    Args:
        words: of n crystals, see ``read_label_words``.
        gap: (n,) eV, NaN where unknown.
        centrosymmetric: (n,) bool, whether the group has inversion.
        even: (n,) bool, even number of electrons in the primitive cell.
        least_gap: of a trivial insulator, in eV.

    Returns:
        (n,) int8: ``STRONG``: Materiae or Arsenal says TI, and no database anything else. ``TRIVIAL``: all
        that speak say so, and the gap is known and at least ``least_gap``. ``NOT_CARRIED``: the rest, with
        everything that Materiae calls Unknown (odd or magnetic).
    """
    result = np.full(words.num_rows, NOT_CARRIED, dtype=np.int8)
    columns = [words[name].to_pylist() for name in _SOURCES]
    for row, texts in enumerate(zip(*columns, strict=True)):
        if not (centrosymmetric[row] and even[row]):
            continue
        said = [set(text.split("|")) if text else set() for text in texts]
        if {"TI"} in (said[0], said[2]) and all(one in (set(), {"TI"}) for one in said):
            result[row] = STRONG
        elif any(said) and all(
            not one or one == trivial for one, trivial in zip(said, _TRIVIAL_WORDS, strict=True)
        ):
            # A comparison with NaN is false: an unknown gap does not pass.
            result[row] = TRIVIAL if gap[row] >= least_gap else NOT_CARRIED
    return result
