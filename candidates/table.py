"""A run as a pandas table, from its directory or from the candidate store."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from candidates.records import Candidate, RunRecord

if TYPE_CHECKING:
    import pandas as pd

APP = "discover-topology"
"""Name of the folder with the user's own store, as in the settings of ``discover``."""

GEOMETRY = ("lattice", "atomic_numbers", "frac_coords")
NESTED = ("labels", "known", "hazards", "notes", "tokens", "doubts")
UNKNOWN_AS_NAN = (
    *("p_strong_ti", "p_tci", "error_rate", "predicted_gap", "predicted_gap_uncertainty", "p_metal"),
    *("p_benchmark", "band_gap", "e_above_hull"),
)


def load(run: str | Path | None = None, store: str | None = None) -> "pd.DataFrame":
    """Return the candidates of a run, one row each, by rank.

    The index is the candidate's id. The columns are the fields of `candidates.records.Candidate` under their
    own names: ``formula, spacegroup, p_topological, uncertainty, band_gap`` (eV), ``e_above_hull`` (eV/atom)
    and so on, then ``labels`` (source → class), ``known``, ``hazards``, ``notes``, ``tokens`` as Python
    objects, and the primitive cell as ``lattice`` (9 numbers, Å), ``atomic_numbers`` and ``frac_coords``.
    Unknown numbers are NaN. ``table.attrs["run"]`` holds the run's record as a dictionary.

    Args:
        run: directory of a run, or the id of a stored one or its beginning; the newest stored run without it.
        store: SQLAlchemy URL; DISCOVER_STORE_URL, else the user's own store, without it.

    Raises:
        FileNotFoundError: a directory that holds no run.
        StoreError: the store has no such run, or cannot be read.
    """
    if run is not None and os.path.isdir(run):  # noqa: PTH112  # Path.is_dir raises for a name too long
        return _from_directory(Path(run))
    from candidates.store import NotFoundError, Store

    opened = Store(store or os.environ.get("DISCOVER_STORE_URL") or _own_store())
    if run is None:
        stored = opened.runs()
        if not stored:
            raise NotFoundError(
                f"no run in {opened.name}", "`discover screen --db starter -o run` makes one."
            )
        record = stored[0]
    else:
        record = opened.run(str(run))
    return table(opened.candidates(record.id), record)


def table(found: Sequence[Candidate], run: RunRecord | None = None) -> "pd.DataFrame":
    """Return records as a table, see `load`."""
    import pandas as pd

    rows = [c.model_dump(mode="json") for c in sorted(found, key=lambda c: (c.rank, c.id))]
    made = pd.DataFrame(rows, columns=list(Candidate.model_fields)).set_index("id")
    for name in UNKNOWN_AS_NAN:
        made[name] = made[name].astype(float)
    made.attrs["run"] = run.model_dump(mode="json") if run is not None else {}
    return made


def record(row: "pd.Series[Any]") -> Candidate:
    """Return a row of `load` as the record that it came from; it shows itself as a card in a notebook."""
    facts: dict[str, Any] = {"id": row.name} | row.to_dict()
    for name, value in facts.items():
        if isinstance(value, float) and value != value:
            facts[name] = None
    return Candidate.model_validate(facts)


def _from_directory(directory: Path) -> "pd.DataFrame":
    import pyarrow.parquet as pq

    for name in ("candidates.parquet", "run.json"):
        if not (directory / name).is_file():
            raise FileNotFoundError(
                f"{directory} holds no run: there is no {name}; `discover screen` writes it"
            )
    stored = json.loads((directory / "run.json").read_text(encoding="utf-8"))
    known = {name: value for name, value in stored.items() if name in RunRecord.model_fields}
    rows = pq.read_table(directory / "candidates.parquet").to_pylist()
    return table([Candidate.model_validate(_facts(row)) for row in rows], RunRecord.model_validate(known))


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: row[name] for name in Candidate.model_fields if name in row}
    facts |= {"id": row["candidate_id"], "crystal_id": row["id"]}
    facts |= {name: json.loads(facts[name]) for name in NESTED if isinstance(facts.get(name), str)}
    return {name: value for name, value in facts.items() if value is not None or name not in NESTED}


def _own_store() -> str:
    from platformdirs import user_data_path

    return f"sqlite:///{user_data_path(APP) / 'candidates.sqlite'}"
