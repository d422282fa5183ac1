"""What a trunk is pretrained on: lattice parameters of every crystal, properties of those that have them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from xbert.training.corpus import Corpus

LATTICE = "lattice"
PROPERTIES = ("gap", "is_metal", "formation_energy")
"""Heads beside the lattice: log(1 + gap/eV), whether the gap is zero, formation energy in eV per atom."""

SPLITS = ("megnet", "mp20", "mpts52")
"""Published splits that a table of properties may name, in columns ``NAME_split``."""

_GAPS = ("megnet_band_gap", "mp20_band_gap")
_ENERGIES = ("megnet_formation_energy_per_atom", "mp20_formation_energy_per_atom")
_ANY_GAP = "roost_nonmetal_band_gap"
_USED = ("id", *(f"{name}_split" for name in SPLITS), *_GAPS, _ANY_GAP, *_ENERGIES)


@dataclass(frozen=True)
class Targets:
    """Standardised targets of n crystals; NaN where one is not known or not to be used.

    Attributes:
        values: head → (n, size) float32; ``is_metal`` is 0 or 1, the others have mean 0 and spread 1.
        mean, spread: head → one number for each output, to undo the standardisation.
        counts: head → crystals that have it.
    """

    values: dict[str, np.ndarray]
    mean: dict[str, list[float]]
    spread: dict[str, list[float]]
    counts: dict[str, int]

    @property
    def sizes(self) -> dict[str, int]:
        """Outputs of each head."""
        return {name: value.shape[1] for name, value in self.values.items()}

    def undo(self, name: str, values: np.ndarray) -> np.ndarray:
        """Bring standardised values of a head back to its own units."""
        restored: np.ndarray = values * np.array(self.spread[name]) + np.array(self.mean[name])
        return restored


def pretraining_targets(
    corpus: Corpus,
    train: np.ndarray,
    properties: Path | None = None,
    exclude: Path | None = None,
    apart: Sequence[str] = SPLITS,
) -> Targets:
    """Collect the targets of a corpus.

    Lengths enter as logarithms, angles in degrees.

    Args:
        corpus: crystals.
        train: (n,) bool; mean and spread are those of these crystals.
        properties: table of band gaps and formation energies by id; without it there is the lattice alone.
        exclude: table of topology labels; no crystal of a formula that stands in it gives a property.
        apart: published splits whose validation and test crystals give none, see `read_properties`.

    Raises:
        ValueError: a table has not the columns that are needed.
    """
    values = {LATTICE: _lattice_values(corpus.lattice)}
    if properties:
        known = read_properties(properties, corpus.ids, apart)
        if exclude:
            hidden = formulas_in(corpus, exclude)
            for column in known.values():
                column[hidden] = np.nan
        values |= {name: column[:, None] for name, column in known.items()}
    return standardised(values, train)


def standardised(
    values: dict[str, np.ndarray],
    train: np.ndarray,
    scales: dict[str, tuple[list[float], list[float]]] | None = None,
) -> Targets:
    """Bring targets to mean 0 and spread 1; ``is_metal`` stays as it is.

    Args:
        values: head → (n, size), NaN where one is not known.
        train: (n,) bool; mean and spread are those of these crystals.
        scales: head → mean and spread to use in their place, of a trunk that goes on learning.
    """
    mean, spread, scaled = {}, {}, {}
    for name, value in values.items():
        seen = value[train & ~np.isnan(value).any(1)]
        plain = name == "is_metal" or not len(seen)
        mean[name] = [0.0] * value.shape[1] if plain else seen.mean(0).tolist()
        spread[name] = [1.0] * value.shape[1] if plain else np.maximum(seen.std(0), 1e-6).tolist()
        if scales and name in scales:
            mean[name], spread[name] = scales[name]
        scaled[name] = ((value - np.array(mean[name])) / np.array(spread[name])).astype(np.float32)
    counts = {name: int((~np.isnan(value).any(1)).sum()) for name, value in values.items()}
    return Targets(scaled, mean, spread, counts)


def read_properties(path: Path, ids: list[str], apart: Sequence[str] = SPLITS) -> dict[str, np.ndarray]:
    """Read the properties of crystals by id: name → (n,) float64, NaN where there is none.

    Values are those of MEGNet's table, else MP-20's. Gaps of crystals listed as non-metals come in where
    neither has one; they say nothing about ``is_metal``, or that head would learn a wrong share of metals.

    Args:
        path: table (Parquet).
        ids: of the n crystals.
        apart: of ``SPLITS``: a crystal in the validation or test part of one of them gives nothing, so that
            scores on that split stay honest.

    Raises:
        ValueError: the table has not the columns that are needed.
    """
    try:
        table = pq.read_table(path, columns=list(_USED))
    except (pa.ArrowException, KeyError) as error:
        raise ValueError(f"{path} has not the columns {', '.join(sorted(_USED))}: {error}") from error
    place = {id_: row for row, id_ in enumerate(table["id"].to_pylist())}
    rows = np.array([place.get(id_, -1) for id_ in ids], dtype=np.int64)

    def first_of(*names: str) -> np.ndarray:
        found = np.full(len(table) + 1, np.nan)
        for name in names:
            values = table[name].to_numpy(zero_copy_only=False).astype(np.float64)
            found = np.where(np.isnan(found), np.append(values, np.nan), found)
        return np.where(rows >= 0, found[rows], np.nan)

    hidden = np.zeros(len(table) + 1, dtype=bool)
    for name in apart:
        part = np.array(table[f"{name}_split"].to_pylist(), dtype=object)
        hidden[:-1] |= np.isin(part, ["val", "test"])
    gap = first_of(*_GAPS)
    found = {
        "gap": np.log1p(first_of(*_GAPS, _ANY_GAP)),
        "is_metal": np.where(np.isnan(gap), np.nan, gap <= 0.0),
        "formation_energy": first_of(*_ENERGIES),
    }
    return {name: np.where(hidden[rows], np.nan, values) for name, values in found.items()}


def formulas_in(corpus: Corpus, labels: Path) -> np.ndarray:
    """Return (n,) bool: the crystal's formula is that of a row of a label table.

    Raises:
        ValueError: the table has neither ids nor formulas.
    """
    names = [name for name in ("mp_id", "reduced_formula") if name in pq.read_schema(labels).names]
    if not names:
        raise ValueError(f"{labels} has no column mp_id or reduced_formula")
    table = pq.read_table(labels, columns=names)
    told: dict[str, set[Any]] = {name: set(table[name].to_pylist()) for name in names}
    ids, formulas = told.get("mp_id", set()), told.get("reduced_formula", set())
    direct = np.array(
        [i in ids or f in formulas for i, f in zip(corpus.ids, corpus.formulas, strict=True)], dtype=bool
    )
    # Polymorphs of a labelled crystal are found by its composition too, however its formula is spelt.
    keys = {corpus.keys[row] for row in np.flatnonzero(direct)}
    return np.array([key in keys for key in corpus.keys], dtype=bool)


def _lattice_values(lattice: np.ndarray) -> np.ndarray:
    values = lattice.astype(np.float64)
    values[:, :3] = np.log(values[:, :3])
    return values
