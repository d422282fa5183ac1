"""From crystals to scored rows, chunk by chunk, on all cores.

Two steps, each a plain function from table to table, so that a screen can filter between them:
``standardise_rows`` and ``score_rows``.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbert.crystals import GEOMETRY, Crystal, CrystalTable
from xbert.elements import MAX_Z, symbols
from xbert.features import Features, features_of
from xbert.formulas import reduced_formulas
from xbert.predict import Predictor
from xbert.symmetry import standardise
from xbert.tokens import MAX_ELECTRONS
from xbert.training.labels import KINDS, SOURCES
from xbert.validation import check_table

CHUNK = 1024
"""Crystals that travel together."""


def standardise_rows(table: CrystalTable, checked: bool = False) -> pa.Table:
    """Check and standardise crystals; one row per input crystal, in order.

    Args:
        table: crystals in any cell.
        checked: they come from a reader, which has refused the unusable ones.

    Returns:
        ``id``, primitive standard cell (``lattice, atomic_numbers, frac_coords``), ``formula``,
        ``spacegroup``, ``spacegroup_tight`` (0 where none was found), ``n_atoms``, ``n_electrons``, and
        ``error`` and ``remedy``, null where all went well.
    """
    n = len(table)
    errors: dict[int, tuple[str, str]] = {}
    good, refusals = (np.arange(n), []) if checked else check_table(table)
    bad = np.setdiff1d(np.arange(n), good)
    for row, refusal in zip(bad, refusals, strict=True):
        errors[int(row)] = (refusal.reason, refusal.remedy)
    for row in good:
        heaviest = int(table.numbers_flat[table.offsets[row] : table.offsets[row + 1]].max())
        if heaviest > MAX_Z:
            errors[int(row)] = (
                f"element {heaviest} has no element vector",
                f"the model knows hydrogen to {symbols()[MAX_Z]}",
            )
    good = np.array([row for row in good if int(row) not in errors], dtype=np.int64)
    result = standardise(table.take(good))
    for row, reason in result.failures.items():
        errors[int(good[row])] = (reason, "check the structure; relax it if atoms are badly placed")
    rows = good[result.rows]
    spacegroup, tight, electrons = (np.zeros(n, dtype=np.int64) for _ in range(3))
    spacegroup[rows], tight[rows], electrons[rows] = (
        result.spacegroup,
        result.spacegroup_tight,
        result.n_electrons,
    )
    for row in np.flatnonzero(electrons > MAX_ELECTRONS):
        errors[int(row)] = (
            f"{electrons[row]:,} electrons in the primitive cell; the electron token holds {MAX_ELECTRONS:,}",
            "choose a smaller crystal",
        )
    primitive: list[Crystal] = [table[row] for row in range(n)]
    for row, crystal in zip(rows, result.crystals, strict=True):
        primitive[int(row)] = crystal
    cells = CrystalTable.from_crystals(primitive)
    failed = pa.array([row in errors for row in range(n)], pa.bool_())
    return cells.with_columns(
        {
            "formula": pc.if_else(failed, None, reduced_formulas(cells)),
            "spacegroup": pa.array(spacegroup, pa.int16()),
            "spacegroup_tight": pa.array(tight, pa.int16()),
            "n_atoms": pa.array(cells.n_atoms, pa.int32()),
            "n_electrons": pa.array(electrons, pa.int32()),
            "error": pa.array([errors[r][0] if r in errors else None for r in range(n)], pa.string()),
            "remedy": pa.array([errors[r][1] if r in errors else None for r in range(n)], pa.string()),
        }
    ).arrow


def features_of_rows(rows: pa.Table, vectors: bool = False) -> Features:
    """Build the model inputs of rows that ``standardise_rows`` made and found in order.

    ``vectors`` are for models whose encoder knows angles.
    """
    return features_of(
        CrystalTable(rows.select(GEOMETRY.names)),
        rows.column("spacegroup").to_numpy(),
        rows.column("n_electrons").to_numpy().astype(np.int64),
        vectors=vectors,
    )


SCORES = pa.schema(
    [
        (name, pa.float32())
        for name in (
            *("p_topological", "p_trivial", "p_ti", "p_tsm", "uncertainty"),
            *(f"p_topological_{source}" for source in SOURCES),
            *("p_strong_ti", "p_tci", "predicted_gap", "predicted_gap_uncertainty", "p_metal"),
        )
    ]
)
"""The consensus and its spread, what each label source would say, the two kinds of insulator of ``p_ti``, and
the band gap in eV with the probability that there is none, null for a model that has not learned them."""


def score_features(predictor: Predictor, features: Features) -> pa.Table:
    """Predict and return the columns of ``SCORES``, one row per crystal."""
    if not len(features):
        return SCORES.empty_table()
    prediction = predictor(features)
    classes = prediction.consensus
    columns = [prediction.topological, classes[:, 0], classes[:, 1], classes[:, 2], prediction.uncertainty]
    columns += [1.0 - prediction.by_kind[:, source, 0] for source in range(len(SOURCES))]
    columns += [prediction.by_kind[:, -1, KINDS.index(kind)] for kind in ("ti", "tci")]
    learned = (prediction.gap, prediction.gap_uncertainty, prediction.metal)
    nothing = pa.nulls(len(features), pa.float32())
    columns += [nothing if column is None else column.astype(np.float32) for column in learned]
    return pa.table(columns, schema=SCORES)


def score_features_of(rows: pa.Table, predictor: Predictor) -> pa.Table:
    """Build the inputs of standardised rows and score them (a worker's whole task in a screen)."""
    return score_features(predictor, features_of_rows(rows, predictor.needs_vectors))


def score_table(table: CrystalTable, predictor: Predictor, checked: bool = False) -> pa.Table:
    """Standardise and score crystals (a worker's whole task in a prediction); see ``score_rows``."""
    return score_rows(predictor, *prepare(table, checked, predictor.needs_vectors))


def prepare(table: CrystalTable, checked: bool = False, vectors: bool = False) -> tuple[pa.Table, Features]:
    """Standardise and build the inputs of the crystals that are in order; see ``features_of_rows``."""
    rows = standardise_rows(table, checked)
    return rows, features_of_rows(rows.filter(pc.is_null(rows.column("error"))), vectors)


def score_rows(predictor: Predictor, rows: pa.Table, features: Features) -> pa.Table:
    """Return the rows without geometry and with scores; null scores where there is an error."""
    good = np.flatnonzero(pc.is_null(rows.column("error")).to_numpy())
    scores = score_features(predictor, features)
    place = np.full(rows.num_rows, -1, dtype=np.int64)
    place[good] = np.arange(len(good))
    indices = pa.array(place, mask=place < 0)
    for name in ("spacegroup", "spacegroup_tight", "n_electrons"):
        column = rows.column(name).combine_chunks()
        empty = pa.array(place < 0)
        column = pc.if_else(empty, pa.scalar(None, column.type), column)
        rows = rows.set_column(rows.column_names.index(name), name, column)
    plain = rows.drop_columns(GEOMETRY.names[1:])
    for name in SCORES.names:
        plain = plain.append_column(name, scores.column(name).take(indices))
    return plain
