"""Where judgements are kept: one row for each, never changed, in the same database as the candidates."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, UniqueConstraint, func, insert, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from candidates.link import StoreError
from candidates.review import Edit, Review, State, fold, in_the_way, taken_back
from candidates.schema import Base, CandidateRow
from candidates.store import NotFoundError, Store

BULK_LIMIT = 20_000
"""Most candidates that are judged at once."""

_CHUNK = 5_000  # Databases limit the parameters of a statement; 32,766 in SQLite.


class ReviewRow(Base):
    """A `candidates.review.Review`, one column for each field.

    No foreign key ties it to the candidate: a run that is screened again gives its candidates the same ids,
    and what people said about them outlives the replacement.
    """

    __tablename__ = "reviews"
    __table_args__ = (UniqueConstraint("candidate_id", "version"), {"sqlite_autoincrement": True})
    sequence: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True
    )
    candidate_id: Mapped[str]
    version: Mapped[int]
    batch: Mapped[str] = mapped_column(index=True)
    reviewer: Mapped[str] = mapped_column(index=True)
    time: Mapped[str]
    action: Mapped[str]
    status: Mapped[str | None]
    note: Mapped[str]
    tags: Mapped[list[Any]]
    untags: Mapped[list[Any]]
    assignee: Mapped[str | None]
    undoes: Mapped[int | None]


@dataclass(frozen=True)
class Outcome:
    """What came of an edit.

    Attributes:
        written: judgements that were added.
        states: state of every candidate that was meant, as it is now.
        stale: candidate → the judgement that its author had not seen and that contradicts theirs; nothing
            was written for these.
    """

    written: list[Review] = field(default_factory=list)
    states: dict[str, State] = field(default_factory=dict)
    stale: dict[str, Review] = field(default_factory=dict)


class Reviews:
    """Judgements in the database of a store.

    Whoever writes reads the history in the same transaction, and writers take turns (`Link`); the database
    itself refuses two judgements of one version. Every method raises `StoreError` as the store does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(
        self, ids: Sequence[str], edit: Edit, reviewer: str, seen: Mapping[str, int] | None = None
    ) -> Outcome:
        """Judge candidates.

        Args:
            ids: full ids of candidates.
            edit: what to change, the same for all.
            reviewer: who does.
            seen: id → version of the state on which the reviewer went; an edit that contradicts a later one
                is not made. Without it the edit stands whatever was there.

        Raises:
            NotFoundError: one of the candidates is not there; nothing is written.
            ValueError: the reviewer's name is not one, or these are more than `BULK_LIMIT` candidates.
        """
        ids = list(dict.fromkeys(ids))
        if len(ids) > BULK_LIMIT:
            raise ValueError(f"at most {BULK_LIMIT:,} candidates are judged at once, not {len(ids):,}")
        stale: dict[str, Review] = {}
        rows = []
        shared = {"batch": uuid.uuid4().hex[:12], "reviewer": reviewer, "action": edit.action, "undoes": None}
        with self._store.link.writing() as session:
            missing = set(ids) - _there(session, ids)
            if missing:
                raise NotFoundError(
                    f"no candidate {min(missing)!r} in {self._store.name}",
                    "`discover candidates` lists the ids that are there.",
                )
            histories = _histories(session, ids)
            for id in ids:
                before = in_the_way(histories[id], seen.get(id, 0), edit) if seen is not None else None
                if before is not None:
                    stale[id] = before
                    continue
                version = len(histories[id]) + 1
                rows.append(edit.model_dump(mode="json") | shared | {"candidate_id": id, "version": version})
            written = _write(session, rows, histories)
        return Outcome(written, {id: fold(histories[id]) for id in ids}, stale)

    def undo(self, reviewer: str) -> Outcome:
        """Take back the last thing that ``reviewer`` did and that still stands; all of it where it was many.

        What others decided in the meantime stays. Nothing is written where there is nothing to take back.
        """
        with self._store.link.writing() as session:
            mine = (
                select(ReviewRow.batch, ReviewRow.candidate_id, ReviewRow.version)
                .where(ReviewRow.reviewer == reviewer, ReviewRow.action != "undo")
                .order_by(ReviewRow.sequence.desc())
            )
            looked: set[str] = set()
            for batch, _, _ in session.execute(mine):
                if batch in looked:
                    continue
                looked.add(batch)
                ids = session.scalars(
                    select(ReviewRow.candidate_id)
                    .where(ReviewRow.batch == batch)
                    .order_by(ReviewRow.sequence)
                )
                histories = _histories(session, list(ids))
                standing = [
                    review
                    for history in histories.values()
                    for review in history
                    if review.batch == batch and review.version not in taken_back(history)
                ]
                if standing:
                    return _take_back(session, standing, histories, reviewer)
        return Outcome()

    def take_back(self, candidate_id: str, version: int, reviewer: str) -> Outcome:
        """Take one judgement back, whoever gave it; an undo that is taken back brings back what it took.

        Nothing is written where it has been taken back already.

        Raises:
            NotFoundError: the candidate has no such judgement.
        """
        with self._store.link.writing() as session:
            histories = _histories(session, [candidate_id])
            history = histories[candidate_id]
            if not 1 <= version <= len(history):
                raise NotFoundError(
                    f"candidate {candidate_id!r} has no judgement {version}",
                    "`discover review history ID` numbers those that are there.",
                )
            if version in taken_back(history):
                return Outcome(states={candidate_id: fold(history)})
            return _take_back(session, [history[version - 1]], histories, reviewer)

    def history(self, candidate_id: str) -> list[Review]:
        """Return every judgement of a candidate, the first one first."""
        return self.histories([candidate_id])[candidate_id]

    def histories(self, ids: Sequence[str]) -> dict[str, list[Review]]:
        """Return every judgement of these candidates, the first one first."""
        with self._store.link.reading(ReviewRow) as session:
            return {id: [] for id in ids} if session is None else _histories(session, ids)

    def states(self, run_id: str | None = None) -> dict[str, State]:
        """Return the state of every candidate, of one run or of all, that somebody has judged."""
        query = select(*ReviewRow.__table__.columns)
        if run_id is not None:
            query = query.join(CandidateRow, CandidateRow.id == ReviewRow.candidate_id)
            query = query.where(CandidateRow.run_id == run_id)
        with self._store.link.reading(ReviewRow) as session:
            return {} if session is None else _fold_all(_read(session, query))

    def changes(self, since: int) -> tuple[int, dict[str, State]]:
        """Return the number of the last judgement in the store, and what changed after ``since``.

        A ``since`` beyond the last one, of a store that was put in the place of another, counts as 0.
        """
        with self._store.link.reading(ReviewRow) as session:
            if session is None:
                return 0, {}
            last = session.scalar(select(func.max(ReviewRow.sequence))) or 0
            if last == since:
                return last, {}
            ids = select(ReviewRow.candidate_id).where(ReviewRow.sequence > (since if since < last else 0))
            query = select(*ReviewRow.__table__.columns).where(ReviewRow.candidate_id.in_(ids))
            return last, _fold_all(_read(session, query))

    def accepted(self, run_id: str | None = None) -> list[str]:
        """Return the ids of the accepted candidates, of one run or of all, by rank: the queue to verify."""
        states = self.states(run_id)
        return [
            row["id"]
            for row in self._store.table(["id"], run_id)
            if row["id"] in states and states[row["id"]].status == "accepted"
        ]

    def reviewers(self) -> list[str]:
        """Return the names of all who have judged, by the alphabet."""
        with self._store.link.reading(ReviewRow) as session:
            if session is None:
                return []
            return sorted(session.scalars(select(ReviewRow.reviewer).distinct()), key=str.casefold)


def _there(session: Session, ids: Sequence[str]) -> set[str]:
    there: set[str] = set()
    for part in _chunks(ids):
        there |= set(session.scalars(select(CandidateRow.id).where(CandidateRow.id.in_(part))))
    return there


def _histories(session: Session, ids: Sequence[str]) -> dict[str, list[Review]]:
    found: dict[str, list[Review]] = {id: [] for id in ids}
    for part in _chunks(ids):
        query = select(*ReviewRow.__table__.columns).where(ReviewRow.candidate_id.in_(part))
        for review in _read(session, query):
            found[review.candidate_id].append(review)
    return found


def _read(session: Session, query: Select[Any]) -> list[Review]:
    ordered = query.order_by(ReviewRow.candidate_id, ReviewRow.version)
    return [Review(**row) for row in session.execute(ordered).mappings()]


def _fold_all(reviews: Iterable[Review]) -> dict[str, State]:
    histories: dict[str, list[Review]] = defaultdict(list)
    for review in reviews:
        histories[review.candidate_id].append(review)
    return {id: fold(history) for id, history in histories.items()}


def _take_back(
    session: Session, standing: Sequence[Review], histories: dict[str, list[Review]], reviewer: str
) -> Outcome:
    batch = uuid.uuid4().hex[:12]
    nothing: dict[str, Any] = {"status": None, "note": "", "tags": [], "untags": [], "assignee": None}
    rows = [
        nothing
        | {"candidate_id": review.candidate_id, "version": len(histories[review.candidate_id]) + 1}
        | {"batch": batch, "reviewer": reviewer, "action": "undo", "undoes": review.version}
        for review in standing
    ]
    written = _write(session, rows, histories)
    return Outcome(written, {r.candidate_id: fold(histories[r.candidate_id]) for r in written})


def _write(session: Session, rows: list[dict[str, Any]], histories: dict[str, list[Review]]) -> list[Review]:
    """Append rows, to ``histories`` too, and return them as records."""
    if not rows:
        return []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    # Checked as records first: what could not be read again is not written.
    checked = [Review(**row, time=now, sequence=1) for row in rows]
    values = [review.model_dump(mode="json", exclude={"sequence"}) for review in checked]
    numbers = session.scalars(
        insert(ReviewRow).returning(ReviewRow.sequence, sort_by_parameter_order=True), values
    )
    written = [
        review.model_copy(update={"sequence": number})
        for review, number in zip(checked, numbers, strict=True)
    ]
    for review in written:
        histories[review.candidate_id].append(review)
    return written


def _chunks(ids: Sequence[str]) -> Iterable[list[str]]:
    return (list(ids[start : start + _CHUNK]) for start in range(0, len(ids), _CHUNK))


__all__ = ["BULK_LIMIT", "Outcome", "ReviewRow", "Reviews", "StoreError"]
