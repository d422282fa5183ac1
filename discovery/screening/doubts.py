"""Calls at an error rate, and why they may not hold, as columns beside the scores.

What is unusual about a crystal takes its atoms and is found where it is scored; calls take probabilities
alone and are made afterwards, so that another error rate costs nothing.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xbert.crystals import CrystalTable
from xbert.features import Features
from xbert.predict import Predictor
from xbert.scoring import features_of_rows, prepare, score_features, score_rows
from xbert.trust import Trust, read_trust

UNUSUAL = "unusual"
"""Column of the sentences that `xbert.unusual` finds; null where the model does not know what it saw."""

JUDGEMENT = pa.schema(
    [("call", pa.string()), ("error_rate", pa.float64()), ("covered", pa.bool_()), ("doubts", pa.string())]
)
"""Columns that `with_calls` adds: see `xbert.trust`. Null where the model has no ``trust.json``."""

NO_TRUST = (
    "model {name!r} has no trust.json of its weights: it makes no calls, and does not know what is unusual"
)


@cache
def trust_of(directory: Path) -> Trust | None:
    """Return what `xbert.trust.read_trust` finds, read once in each process."""
    return read_trust(directory)


def score_crystals(table: CrystalTable, predictor: Predictor) -> pa.Table:
    """Standardise and score crystals that a reader found in order (a worker's whole task)."""
    rows, features = prepare(table, checked=True, vectors=predictor.needs_vectors)
    scored = score_rows(predictor, rows, features)
    said = _unusual(predictor, features)
    good = pc.is_null(rows.column("error")).to_numpy()
    place = np.cumsum(good) - 1
    return scored.append_column(UNUSUAL, said.take(pa.array(place, mask=~good)))


def score_standardised(rows: pa.Table, predictor: Predictor) -> pa.Table:
    """Score crystals that were standardised (a worker's whole task in a screen)."""
    features = features_of_rows(rows, predictor.needs_vectors)
    return score_features(predictor, features).append_column(UNUSUAL, _unusual(predictor, features))


def with_calls(rows: pa.Table, predictor: Predictor, error_rate: float) -> pa.Table:
    """Return scored rows with `UNUSUAL` replaced by the columns of ``JUDGEMENT``.

    Args:
        rows: with ``p_topological, spacegroup, n_electrons``, null where there is no score, and `UNUSUAL`.
        predictor: the model that scored.
        error_rate: chosen by the user.

    Raises:
        ValueError: for an error rate that has no quantile.
    """
    trust = trust_of(predictor.directory)
    found: dict[str, pa.Array] = {}
    if trust is not None:
        p = rows.column("p_topological").combine_chunks()
        good = np.flatnonzero(pc.is_valid(p).to_numpy(zero_copy_only=False))
        scored = rows.select(["p_topological", "spacegroup", "n_electrons", UNUSUAL]).take(good)
        p, groups, electrons, said = scored.columns
        unusual = said.to_pylist()
        judged = trust.judge(p.to_numpy(), groups.to_numpy(), electrons.to_numpy(), unusual, error_rate)
        place = np.full(rows.num_rows, -1)
        place[good] = np.arange(len(good))
        indices = pa.array(place, mask=place < 0)
        found = {name: judged.column(name).combine_chunks().take(indices) for name in judged.column_names}
        called = pc.is_valid(found["call"])
        found["error_rate"] = pc.if_else(called, pa.scalar(error_rate), pa.scalar(None, pa.float64()))
    rows = rows.drop_columns(UNUSUAL)
    for field in JUDGEMENT:
        rows = rows.append_column(field, found.get(field.name, pa.nulls(rows.num_rows, field.type)))
    return rows


def how_calls_did(predictor: Predictor, error_rate: float) -> str:
    """Say in a sentence what the error rate came to on formulas that the model never saw."""
    trust = trust_of(predictor.directory)
    if trust is None:
        return NO_TRUST.format(name=predictor.name)
    found: dict[str, Any] | None = trust.found(error_rate)
    if found is None:
        return f"too few crystals with labels were held out from model {predictor.name!r} to make calls"
    return (
        f"call: at an error rate of {100 * error_rate:g} %. Checked at {100 * found['error_rate']:g} % on "
        f"{found['n']:,} crystals of formulas never seen: {_shares(found)}"
    )


def _shares(found: dict[str, Any]) -> str:
    missed, mistaken, abstained = (
        "none" if found[name] is None else f"{100 * found[name]:.1f} %"
        for name in ("missed_topological", "missed_trivial", "abstained")
    )
    return (
        f"{missed} of topological ones called trivial, {mistaken} of trivial ones called topological, "
        f"{abstained} not called"
    )


def _unusual(predictor: Predictor, features: Features) -> pa.Array:
    trust = trust_of(predictor.directory)
    said = [None] * len(features) if trust is None else trust.unusual(features)
    return pa.array(said, pa.string())


def predicts_metals(predictor: Predictor) -> bool:
    """Whether the model has a head for P(metal)."""
    return "is_metal" in predictor.description.auxiliary
