"""The candidate store: runs and their candidates, in SQLite or any database that SQLAlchemy speaks to."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar, get_args

from sqlalchemy import delete, func, insert, null, select
from sqlalchemy.orm import Session

from candidates.link import Link, StoreError, columns
from candidates.records import Candidate, RunRecord
from candidates.schema import CandidateRow, RunRow

__all__ = ["SORT_KEYS", "AmbiguousError", "NotFoundError", "SortKey", "Store", "StoreError"]

SortKey = Literal["rank", "probability", "uncertainty", "gap", "formula", "spacegroup"]
SORT_KEYS: tuple[str, ...] = get_args(SortKey)

T = TypeVar("T")

LONGEST_ID = 200
"""Characters of an id that can be found; longer names are not looked for."""

_ORDER: dict[str, tuple[Any, ...]] = {
    "rank": (CandidateRow.rank,),
    "probability": (CandidateRow.p_topological.desc(), CandidateRow.rank),
    "uncertainty": (CandidateRow.uncertainty, CandidateRow.rank),
    # Databases disagree on where NULL sorts; an unknown gap belongs at the end.
    "gap": (CandidateRow.band_gap.is_(None), CandidateRow.band_gap, CandidateRow.rank),
    "formula": (CandidateRow.formula, CandidateRow.rank),
    "spacegroup": (CandidateRow.spacegroup, CandidateRow.rank),
}


class NotFoundError(StoreError):
    """No run or candidate has this id."""


class AmbiguousError(StoreError):
    """Several runs or candidates begin with this prefix."""


class Store:
    """Runs and candidates behind one URL.

    Nothing is opened before the first call that needs it. A SQLite file and its directory are created by the
    first write: asking an empty store for its runs leaves no trace. Every method raises `StoreError` when
    the database cannot be reached or was not made by this program.

    Attributes:
        link: sessions on the database, for the modules that keep their own tables beside these.

    Args:
        url: SQLAlchemy URL, such as ``sqlite:////abs/path.sqlite`` or ``postgresql+psycopg://host/name``.

    Raises:
        StoreError: the URL is not one, or its database driver is not installed.
    """

    def __init__(self, url: str) -> None:
        self.link = Link(url)

    @property
    def name(self) -> str:
        """The URL, without its password."""
        return self.link.name

    def add_run(self, run: RunRecord, candidates: Sequence[Candidate]) -> None:
        """Store a run with its candidates, all or nothing; a run of the same id is replaced.

        Raises:
            ValueError: a candidate belongs to another run, or two have the same id.
        """
        seen: dict[str, str] = {}
        for candidate in candidates:
            if candidate.run_id != run.id:
                raise ValueError(
                    f"candidate {candidate.id} belongs to run {candidate.run_id}, not to {run.id}"
                )
            if candidate.id in seen:
                names = f"{seen[candidate.id]} and {candidate.crystal_id}"
                raise ValueError(f"crystals {names} have the same id {candidate.id}")
            seen[candidate.id] = candidate.crystal_id
        with self.link.writing() as session:
            session.execute(delete(CandidateRow).where(CandidateRow.run_id == run.id))
            session.merge(RunRow(**run.model_dump(mode="json")))
            session.flush()
            if candidates:
                session.execute(insert(CandidateRow), [c.model_dump(mode="json") for c in candidates])

    def runs(self) -> list[RunRecord]:
        """Return all runs, the newest first."""

        def look(session: Session) -> list[RunRecord]:
            query = select(*columns(session, RunRow)).order_by(RunRow.created.desc(), RunRow.id)
            return [RunRecord(**row) for row in session.execute(query).mappings()]

        return self._read(look, [])

    def counts(self) -> dict[str, int]:
        """Return how many candidates each run has, by run id; runs without any are left out."""
        query = select(CandidateRow.run_id, func.count()).group_by(CandidateRow.run_id)
        return self._read(lambda session: {row[0]: row[1] for row in session.execute(query)}, {})

    def run(self, id_or_prefix: str) -> RunRecord:
        """Return the run with this id, or the only one whose id begins so.

        Raises:
            NotFoundError: there is none.
            AmbiguousError: there are several.
        """
        return RunRecord(**self._one(RunRow, "run", "discover runs", id_or_prefix))

    def candidates(
        self, run_id: str | None = None, sort: SortKey = "rank", limit: int | None = None
    ) -> list[Candidate]:
        """Return candidates of one run, or of all runs.

        Args:
            run_id: full id of a run; an unknown one has no candidates.
            sort: highest probability first; lowest rank, uncertainty, gap (eV, unknown ones last) or
                space-group number first; formula by the alphabet. Equals follow by rank.
            limit: at most so many.

        Raises:
            ValueError: ``sort`` is not a sort key.
        """
        if sort not in _ORDER:
            raise ValueError(f"cannot sort by {sort!r}; choose from {', '.join(SORT_KEYS)}")

        def look(session: Session) -> list[Candidate]:
            query = select(*columns(session, CandidateRow)).order_by(*_ORDER[sort], CandidateRow.id)
            if run_id is not None:
                query = query.where(CandidateRow.run_id == run_id)
            return [Candidate(**row) for row in session.execute(query.limit(limit)).mappings()]

        return self._read(look, [])

    def table(
        self, fields: Sequence[str], run_id: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return some fields of many candidates, by rank; quicker than whole records.

        Args:
            fields: names of fields of `candidates.records.Candidate`.
            run_id: full id of a run; all runs without it.
            limit: at most so many.

        Raises:
            KeyError: there is no such field.
        """
        chosen = [CandidateRow.__table__.columns[name] for name in fields]

        def look(session: Session) -> list[dict[str, Any]]:
            there = {column.name for column in columns(session, CandidateRow)}
            query = select(*(c if c.name in there else null().label(c.name) for c in chosen))
            query = query.select_from(CandidateRow).order_by(CandidateRow.rank, CandidateRow.id).limit(limit)
            if run_id is not None:
                query = query.where(CandidateRow.run_id == run_id)
            return [dict(row) for row in session.execute(query).mappings()]

        return self._read(look, [])

    def candidate(self, id_or_prefix: str) -> Candidate:
        """Return the candidate with this id, or the only one whose id begins so.

        Raises:
            NotFoundError: there is none.
            AmbiguousError: there are several.
        """
        return Candidate(**self._one(CandidateRow, "candidate", "discover candidates", id_or_prefix))

    def _one(self, table: type[Any], noun: str, command: str, prefix: str) -> dict[str, Any]:
        # Databases refuse to compare with NUL, half a surrogate pair or megabytes; no id has any of these.
        possible = len(prefix) <= LONGEST_ID and prefix.isprintable()

        def look(session: Session) -> list[dict[str, Any]]:
            query = select(*columns(session, table)).order_by(table.id).limit(9)
            rows = session.execute(query.where(table.id == prefix)).mappings().all()
            if not rows and prefix:
                begins = table.id.startswith(prefix, autoescape=True)
                rows = session.execute(query.where(begins)).mappings().all()
            return [dict(row) for row in rows]

        rows: list[dict[str, Any]] = self._read(look, []) if possible else []
        if not rows:
            shown = prefix if len(prefix) <= LONGEST_ID else prefix[:60] + "…"
            raise NotFoundError(
                f"no {noun} {shown!r} in {self.name}", f"`{command}` lists the ids that are there."
            )
        if len(rows) > 1:
            ids = ", ".join(row["id"] for row in rows[:8]) + (", …" if len(rows) > 8 else "")
            raise AmbiguousError(f"{noun} {prefix!r} could be {ids}", "Give more of the id.")
        return rows[0]

    def _read(self, query: Callable[[Session], T], empty: T) -> T:
        with self.link.reading() as session:
            return empty if session is None else query(session)
