"""Verifications in the candidate store, in a table of their own."""

import hashlib
from collections.abc import Collection
from typing import TYPE_CHECKING

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
    key = verification_id(verification)
    row = VerificationRow(
        id=key,
        candidate_id=verification.candidate_id,
        created=verification.created,
        engine=verification.engine,
        preset=verification.preset,
        state=verification.state,
        topology=verification.verdict.topology if verification.verdict else None,
        record=verification.model_dump_json(),
    )
    with store.link.writing() as session:
        session.merge(row)
    return key


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
