"""Which labelled crystals the model places closest to a candidate, and where its opinion may come from."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from candidates.explanation import Neighbour
from candidates.known import claims, find, formula_key
from candidates.report.facts import label_kind
from discovery.databases.info import LABELS, Database
from discovery.screening.labelled import Labelled
from xbert.crystals import CrystalTable
from xbert.embedding import embed_and_predict, nearest
from xbert.features import Features
from xbert.parallel import in_parallel
from xbert.predict import Predictor
from xbert.scoring import prepare
from xbert.spacegroups import space_group

SHOWN = 5
MOST = 10_000
"""Labelled crystals that are placed, evenly from a larger database: a minute or two, 80 MB of cache."""

CHUNK = 512
LOOKED_AT = 64
"""Nearest crystals among which those shown are chosen: of other formulas, and each kind once."""

UNSAID = (None, "", "unknown")


def place(
    database: Database,
    predictor: Predictor,
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> Labelled:
    """Standardise the labelled crystals of a database and place them by the model.

    Args:
        database: with label columns, a column ``topology``, or crystals that the literature list knows.
        predictor: the model.
        workers: processes.
        on_progress: called with the number of crystals done so far and of all.

    Returns:
        at most ``MOST`` of them; none where the database has no labels.
    """
    table = database.open()
    rows = _candidates_for_labels(table)
    total = len(rows)
    if total > MOST:
        rows = rows[np.unique(np.linspace(0, total - 1, MOST).astype(int))]
    chosen = table.take(rows)
    del table
    parts, vectors, done = [], [], 0
    work = partial(_place, predictor=predictor, catalogue=database.info.name)
    for part, placed in in_parallel(work, chosen.batches(CHUNK), workers):
        parts.append(part)
        vectors.append(placed)
        done += CHUNK
        if on_progress:
            on_progress(min(done, len(rows)), len(rows))
    if not parts:
        return Labelled.empty(database.info.name)
    joined = pa.concat_tables(parts)
    return Labelled(
        database=database.info.name,
        total=total if total > len(rows) else joined.num_rows,
        ids=joined["id"].to_pylist(),
        formulas=joined["formula"].to_pylist(),
        spacegroups=joined["spacegroup"].to_pylist(),
        classes=[dict(pairs) for pairs in joined["classes"].to_pylist()],
        p_topological=joined["p_topological"].to_pylist(),
        vectors=np.concatenate(vectors),
    )


def neighbours(
    predictor: Predictor, features: Features, formulas: Sequence[str], labelled: Labelled
) -> list[tuple[tuple[Neighbour, ...], str]]:
    """Return for each crystal its nearest labelled ones, and what their distances mean, in one sentence.

    Crystals of the same formula are passed over, since they may be the crystal itself; of several entries
    with one formula and space group the nearest stands for all.

    Args:
        predictor: the model that placed the labelled crystals.
        features: of n crystals.
        formulas: (n,) theirs.
        labelled: where to look.
    """
    if not len(labelled):
        return [((), "")] * len(formulas)
    vectors, _ = embed_and_predict(predictor, features)
    order, distances, middle = nearest(vectors, labelled.vectors, LOOKED_AT)
    own = [formula_key(formula) for formula in formulas]
    among = f"{len(labelled):,}" + (f" of {labelled.total:,}" if labelled.total > len(labelled) else "")
    found = []
    for i, key in enumerate(own):
        chosen: dict[tuple[str, int], Neighbour] = {}
        for row, distance in zip(order[i].tolist(), distances[i].tolist(), strict=True):
            kind = formula_key(labelled.formulas[row]), labelled.spacegroups[row]
            if kind[0] != key and kind not in chosen:
                chosen[kind] = _neighbour(labelled, row, distance)
            if len(chosen) == SHOWN:
                break
        meaning = (
            "Distance is one less the cosine between the vectors from which the model judges two crystals, "
            f"averaged over its {len(predictor.members)} networks: 0 where it sees no difference, and more "
            f"than {middle[i]:.2f} for half of the {among} labelled crystals of {labelled.database}; what "
            "looks alike to the model need not be alike."
        )
        found.append((tuple(chosen.values()), meaning))
    return found


def _neighbour(labelled: Labelled, row: int, distance: float) -> Neighbour:
    number = labelled.spacegroups[row]
    return Neighbour(
        crystal_id=labelled.ids[row],
        formula=labelled.formulas[row],
        spacegroup=number,
        spacegroup_symbol=space_group(number).symbol,
        classes=labelled.classes[row],
        p_topological=round(labelled.p_topological[row], 4),
        distance=round(distance, 4),
    )


def _candidates_for_labels(table: CrystalTable) -> np.ndarray:
    """Return the rows that have a class, or whose formula the literature list holds."""
    arrow = table.arrow
    there = [name for name in (*LABELS, "topology") if name in arrow.column_names]
    texts = zip(*(arrow[name].to_pylist() for name in there), strict=True) if there else iter(())
    said = np.array([any(text not in UNSAID for text in row) for row in texts] or [False] * len(table))
    known = {formula_key(claim.formula) for claim in claims()}
    for row in np.flatnonzero(~said) if "formula" in arrow.column_names else ():
        said[row] = formula_key(arrow["formula"][int(row)].as_py()) in known
    return np.flatnonzero(said)


def _place(table: CrystalTable, predictor: Predictor, catalogue: str) -> tuple[pa.Table, np.ndarray]:
    """Standardise and place crystals (a worker's whole task); those without a class fall out."""
    rows, features = prepare(table, vectors=predictor.needs_vectors)
    rows = rows.append_column("row", pa.array(np.arange(rows.num_rows)))
    rows = rows.filter(pc.is_null(rows["error"])).select(["row", "id", "formula", "spacegroup"])
    facts = table.take(rows["row"].to_numpy()).arrow
    said = facts.select([name for name in (*LABELS, "topology") if name in facts.column_names]).to_pylist()
    kinds = zip(said, rows["formula"].to_pylist(), rows["spacegroup"].to_pylist(), strict=True)
    classes = [_classes(texts, formula, number, catalogue) for texts, formula, number in kinds]
    kept = np.flatnonzero([bool(found) for found in classes])
    vectors, prediction = embed_and_predict(predictor, features.take(kept))
    named = rows.take(kept).drop_columns("row")
    column = pa.array([list(classes[i].items()) for i in kept], pa.map_(pa.string(), pa.string()))
    named = named.append_column("classes", column)
    named = named.append_column("p_topological", pa.array(prediction.topological.astype(float)))
    return named, vectors.astype(np.float16)


def _classes(said: dict[str, str | None], formula: str, spacegroup: int, catalogue: str) -> dict[str, str]:
    """Return source → class; unknown ones and what the XBERT paper alone reports are left out."""
    found = {
        name.removeprefix("label_"): text
        for name, text in said.items()
        if name in LABELS and text and label_kind(text) != "unknown"
    }
    if (topology := said.get("topology")) not in UNSAID:
        found["starter" if catalogue == "starter" else "literature"] = str(topology)
    for claim in find(formula, spacegroup):
        if claim.topology not in found.values():
            found["literature"] = claim.topology
    return found
