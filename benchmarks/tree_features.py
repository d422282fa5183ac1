"""What gradient-boosted trees are told of a crystal: composition, electrons, space group, and its bonds."""

from functools import cache

import numpy as np

from xbert.elements import MAX_Z
from xbert.features import Features
from xbert.spacegroups import TRIVIAL_INDICATOR, all_space_groups
from xbert.statistics import FACTS, facts_table

SHELL = 1.15
"""Neighbours up to so many times the nearest distance of an atom are its first shell."""


def composition_features(features: Features) -> np.ndarray:
    """(n, 140) mean, spread, least and greatest of the element facts, and the element fractions."""
    fractions, table = features.composition, facts_table().astype(np.float64)
    mean = fractions @ table
    spread = np.sqrt(np.maximum(fractions @ table**2 - mean**2, 0.0))
    present = fractions > 0
    low, high = np.full_like(mean, np.inf), np.full_like(mean, -np.inf)
    for z in range(1, MAX_Z + 1):  # element by element: all at once takes gigabytes for a whole database
        has = present[:, z]
        low[has], high[has] = np.minimum(low[has], table[z]), np.maximum(high[has], table[z])
    return np.hstack([mean, spread, low, high, fractions]).astype(np.float32)


def tree_features(features: Features, with_group: bool) -> np.ndarray:
    """Composition statistics, electron count and its remainders, volume per atom, and the space group."""
    electrons = features.n_electrons
    columns = [composition_features(features), electrons[:, None], (electrons % 2)[:, None]]
    columns += [(electrons % 4)[:, None], (electrons % 8)[:, None], features.volume_per_atom[:, None]]
    if with_group:
        columns.append(features.spacegroup[:, None])
    return np.hstack(columns).astype(np.float32)


def group_features(features: Features) -> np.ndarray:
    """(n, 6) of the space group: classes, as ordered numbers, and what its symmetry eigenvalues can show."""
    return _group_table()[features.spacegroup]


def bond_features(features: Features) -> np.ndarray:
    """(n, 25) of cell and first shells: counts, packing, distances, who stands beside whom.

    Valence electrons of the cell and their remainders, atoms and elements, packing fraction, least, mean and
    greatest nearest distance, absolute and over the sum of covalent radii, coordination, mean and greatest
    difference of electronegativity, atomic number and group across a bond, and the share of bonds between
    like atoms.
    """
    table, z = facts_table().astype(np.float64), features.numbers.astype(np.int64)
    sizes = np.diff(features.offsets)
    crystal = np.repeat(np.arange(len(features)), sizes)
    neighbour = z[features.neighbours + np.repeat(features.offsets[:-1], sizes)[:, None]]
    radius = table[:, FACTS.index("covalent_radius")] / 100
    distances = features.distances
    first = distances <= SHELL * distances.min(1, keepdims=True)
    shell = np.maximum(first.sum(1), 1)

    def of_bonds(values: np.ndarray) -> list[np.ndarray]:
        inside = np.where(first, values, 0.0)
        return [_mean(inside.sum(1) / shell, crystal, sizes), _greatest(inside.max(1), features.offsets)]

    nearest = distances.min(1)
    relative = (distances / (radius[z][:, None] + radius[neighbour])).min(1)
    valence = np.round(_total(table[z, FACTS.index("valence")], crystal, sizes)).astype(np.int64)
    columns: list[np.ndarray] = [valence, valence % 2, valence % 4, valence % 8, valence / sizes, sizes]
    columns.append((features.composition > 0).sum(1))
    columns.append(_mean(4 / 3 * np.pi * radius[z] ** 3, crystal, sizes) / features.volume_per_atom)
    for values in (nearest, relative):
        columns += [-_greatest(-values, features.offsets), _mean(values, crystal, sizes)]
        columns.append(_greatest(values, features.offsets))
    columns += [_mean(shell.astype(float), crystal, sizes), _greatest(shell, features.offsets)]
    for name in ("electronegativity", "number", "group"):
        fact = table[:, FACTS.index(name)]
        columns += of_bonds(np.abs(fact[z][:, None] - fact[neighbour]))
    columns.append(of_bonds((z[:, None] == neighbour).astype(float))[0])
    columns.append(table[features.composition.argmax(1), 0])
    columns.append(features.n_electrons / sizes)
    return np.column_stack(columns).astype(np.float32)


@cache
def _group_table() -> np.ndarray:
    groups = all_space_groups()
    table = np.zeros((231, 6), dtype=np.float32)
    for column, value in enumerate(
        (
            lambda g: g.crystal_system,
            lambda g: g.laue_class,
            lambda g: g.point_group,
            lambda g: g.symmetry,
            lambda g: g.indicator_group,
        )
    ):
        # In the order in which the space groups bring them: neighbours in the list are alike.
        order = list(dict.fromkeys(value(group) for group in groups))
        for group in groups:
            table[group.number, column] = order.index(value(group))
    for group in groups:
        table[group.number, 5] = group.indicator_group != TRIVIAL_INDICATOR
    return table


def _total(values: np.ndarray, crystal: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return np.bincount(crystal, values, minlength=len(sizes))


def _mean(values: np.ndarray, crystal: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    return _total(values, crystal, sizes) / sizes


def _greatest(values: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    return np.maximum.reduceat(values, offsets[:-1])
