"""How many electrons a space group lets fill bands up: the filling constraint, exact and free.

Bands that are a sum of atomic orbitals hold two electrons for each site of a Wyckoff position, so an
insulator of this kind has 2 (n₁m₁ + n₂m₂ + …) electrons in the primitive cell, where the m are the
multiplicities of the positions. Any other count leaves bands that cross the Fermi level: a metal, or a
semimetal whose nodes the group enforces (H. Watanabe, H. C. Po, M. P. Zaletel, A. Vishwanath, PRL 117, 096404
(2016), who find that only in groups 199, 214, 220 and 230 other insulators may have fewer).

The multiplicities stand in ``fillings.csv``, written by ``python -m xbert.fillings`` from spglib's symmetry
operations.
"""

import csv
from functools import cache
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("fillings.csv")
_GRID = 24
"""Special positions have coordinates in 24ths."""


@cache
def multiplicities(spacegroup: int) -> tuple[int, ...]:
    """Return the multiplicities in the primitive cell that no others add up to, smallest first."""
    return _table()[spacegroup]


def allows_insulator(spacegroup: np.ndarray, n_electrons: np.ndarray) -> np.ndarray:
    """Return (n,) bool: so many electrons can fill atomic bands in this group.

    Args:
        spacegroup: (n,) numbers.
        n_electrons: (n,) of the primitive cell.
    """
    pairs = n_electrons // 2
    found = np.zeros(len(pairs), dtype=bool)
    for row, (group, count) in enumerate(zip(spacegroup.tolist(), pairs.tolist(), strict=True)):
        found[row] = _reachable(count, multiplicities(group))
    return found & (n_electrons % 2 == 0)


@cache
def _reachable(count: int, parts: tuple[int, ...]) -> bool:
    if count == 0 or not parts:
        return count == 0
    first, rest = parts[0], parts[1:]
    return any(_reachable(count - n * first, rest) for n in range(count // first, -1, -1))


@cache
def _table() -> dict[int, tuple[int, ...]]:
    with FILE.open(newline="", encoding="utf-8") as file:
        return {
            int(row["spacegroup"]): tuple(int(m) for m in row["multiplicities"].split())
            for row in csv.DictReader(file)
        }


def _multiplicities_of(hall_number: int, points: np.ndarray) -> tuple[int, ...]:
    """Count how many operations leave each point where it is, up to a lattice vector."""
    import spglib

    found = spglib.get_symmetry_from_database(hall_number)
    assert found is not None
    rotations, translations = found["rotations"], found["translations"]
    centring = translations[(rotations == np.eye(3)).all(axis=(1, 2))]
    first = {
        rotation.tobytes(): (rotation, shift) for rotation, shift in zip(rotations, translations, strict=True)
    }
    order = np.zeros(len(points), dtype=np.int64)
    for rotation, shift in first.values():
        moved = points @ rotation.T + shift - points
        away = moved[:, None] + centring
        order += (np.abs(away - np.round(away)) < 1e-6).all(2).any(1)
    kept: list[int] = []
    for m in sorted(set((len(first) // order).tolist())):
        if not _reachable(m, tuple(kept)):
            kept.append(m)
    return tuple(kept)


def _write() -> None:
    import spglib

    points = np.stack(np.meshgrid(*[np.arange(_GRID) / _GRID] * 3, indexing="ij"), -1).reshape(-1, 3)
    rows: dict[int, tuple[int, ...]] = {}
    for hall_number in range(1, 531):
        kind = spglib.get_spacegroup_type(hall_number)
        assert kind is not None
        group = kind.number
        if group not in rows:
            rows[group] = _multiplicities_of(hall_number, points)
    with FILE.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["spacegroup", "multiplicities"])
        writer.writerows([group, " ".join(map(str, found))] for group, found in sorted(rows.items()))


if __name__ == "__main__":
    _write()
