"""Verifications in the candidate store, in a table of their own."""

import hashlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from candidates.schema import Base
from candidates.store import AmbiguousError, NotFoundError
from candidates.verification import Verification

if TYPE_CHECKING:
    from candidates.store import Store


class VerificationRow(Base):
    """A `candidates.verification.Verification` as JSON, with what is searched for beside it.

    There is no reference to the table of candidates: a verification of a file has no candidate, and a run
    that is stored again replaces its candidates while their verifications stay.
    """

    __tablename__ = "verifications"
    id: Mapped[str] = mapped_column(primary_key=True)
    candidate_id: Mapped[str] = mapped_column(index=True)
    created: Mapped[str] = mapped_column(index=True)
    engine: Mapped[str]
    preset: Mapped[str]
    state: Mapped[str]
    topology: Mapped[str | None] = mapped_column(index=True)
    record: Mapped[str]


def verification_id(verification: Verification) -> str:
    """Return 12 hex digits, the same for the same verification however far it has come."""
    facts = (verification.candidate_id, verification.engine, verification.preset, verification.created)
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]


def add_verification(store: "Store", verification: Verification) -> str:
    """Store a verification and return its id; what it had come to before is replaced.

    Raises:
        StoreError: the store cannot be written.
    """
    row = _row(verification)
    key = row.id
    with store.link.writing() as session:
        session.merge(row)
    return key


Change = Literal["added", "changed", "unchanged"]


def update_verification(store: "Store", read: Callable[[], Verification]) -> Change:
    """Store what a verification has come to by now, unless the store knows it already.

    Writers come one after another, and each reads once more when it is its turn: of two that do this at the
    same time the later one cannot put an older state in the place of a newer.

    Args:
        store: where to.
        read: returns the record as its files have it at that moment.

    Raises:
        StoreError: the store cannot be written.
    """
    seen = read()
    query = select(VerificationRow.record).where(VerificationRow.id == verification_id(seen))
    with store.link.reading(VerificationRow) as session:
        if session is not None and session.scalar(query) == seen.model_dump_json():
            return "unchanged"
    with store.link.writing() as session:
        row = _row(read())
        known = session.get(VerificationRow, row.id)
        if known is not None and known.record == row.record:
            return "unchanged"
        session.merge(row)
        return "added" if known is None else "changed"


def _row(verification: Verification) -> VerificationRow:
    return VerificationRow(
        id=verification_id(verification),
        candidate_id=verification.candidate_id,
        created=verification.created,
        engine=verification.engine,
        preset=verification.preset,
        state=verification.state,
        topology=verification.verdict.topology if verification.verdict else None,
        record=verification.model_dump_json(),
    )


def verifications(store: "Store", candidate_id: str) -> list[Verification]:
    """Return the verifications of a candidate (full id), the newest first."""
    query = (
        select(VerificationRow.record)
        .where(VerificationRow.candidate_id == candidate_id)
        .order_by(VerificationRow.created.desc(), VerificationRow.id)
    )
    with store.link.reading(VerificationRow) as session:
        return [] if session is None else [_read(text) for text in session.scalars(query)]


def newest_verification(store: "Store", id_or_prefix: str) -> Verification:
    """Return the newest verification of the only verified candidate whose id begins so.

    Raises:
        NotFoundError: none was verified.
        AmbiguousError: several were.
    """
    with store.link.reading(VerificationRow) as session:
        ids = [] if session is None else _candidates(session, id_or_prefix)
        if not ids:
            raise NotFoundError(
                f"no verification of {id_or_prefix!r} in {store.name}",
                "`discover verify ID --submit local` makes one.",
            )
        if len(ids) > 1:
            raise AmbiguousError(f"{id_or_prefix!r} could be {', '.join(ids)}", "Give more of the id.")
    return verifications(store, ids[0])[0]


def topologies(store: "Store", candidate_ids: Collection[str] | None = None) -> dict[str, tuple[str, str]]:
    """Return state and class of each candidate's newest verification; an empty class where it has none.

    Args:
        store: the store.
        candidate_ids: full ids; all verified candidates without it.
    """
    query = select(VerificationRow.candidate_id, VerificationRow.state, VerificationRow.topology).order_by(
        VerificationRow.created, VerificationRow.id.desc()
    )
    with store.link.reading(VerificationRow) as session:
        if session is None:
            return {}
        found = {row[0]: (row[1], row[2] or "") for row in session.execute(query)}
    wanted = found if candidate_ids is None else set(candidate_ids)
    return {key: value for key, value in found.items() if key in wanted}


def _candidates(session: Session, prefix: str) -> list[str]:
    column = VerificationRow.candidate_id
    query = select(column).distinct().order_by(column).limit(9)
    exact = list(session.scalars(query.where(column == prefix)))
    if exact or not prefix:
        return exact
    return list(session.scalars(query.where(column.startswith(prefix, autoescape=True))))


def _read(text: str) -> Verification:
    return Verification.model_validate_json(text)
