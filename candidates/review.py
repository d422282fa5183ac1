"""What people decide about candidates: single judgements, and the state that a history of them adds up to."""

import unicodedata
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from candidates.records import Record, Text, utc

Status = Literal["open", "accepted", "held", "rejected"]
"""Where a candidate stands; ``accepted`` ones wait for verification."""

Action = Literal["accept", "reject", "hold", "reopen", "note", "tag", "assign", "undo"]
"""What somebody did; a judgement that does several things is called by the first of them in this order."""

STATUS_ACTIONS: dict[Status, Action] = {
    "accepted": "accept",
    "rejected": "reject",
    "held": "hold",
    "open": "reopen",
}

NAME_LIMIT, TAG_LIMIT, NOTE_LIMIT = 80, 50, 10_000
"""Most characters of a name, a tag and a note."""

CLASS_TAGS = {"is:trivial": "trivial", "is:TI": "TI", "is:TCI": "TCI", "is:TSM": "TSM"}
"""Tags by which a person states the class of a crystal → the class; only these make labels for training."""


def _line(text: str, limit: int, what: str) -> str:
    line = " ".join(unicodedata.normalize("NFC", text).split())
    if not line:
        raise ValueError(f"a {what} needs at least one character")
    if len(line) > limit:
        raise ValueError(f"a {what} has at most {limit} characters, not {len(line)}")
    # Controls, marks that reorder text, and the replacement character that stands for what was not text.
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs"} or char == "\ufffd" for char in line):
        raise ValueError(f"a {what} holds no control or invisible characters")
    return line


def _name(text: str) -> str:
    return _line(text, NAME_LIMIT, "name")


def _tag(text: str) -> str:
    return _line(text, TAG_LIMIT, "tag")


def _assignee(text: str) -> str:
    return _name(text) if text.strip() else ""


def _note(text: str) -> str:
    note = "\n".join(text.splitlines()).strip()
    if len(note) > NOTE_LIMIT:
        raise ValueError(f"a note has at most {NOTE_LIMIT} characters, not {len(note)}")
    return note


Name = Annotated[Text, AfterValidator(_name)]
Tag = Annotated[Text, AfterValidator(_tag)]
Note = Annotated[Text, AfterValidator(_note)]
Assignee = Annotated[Text, AfterValidator(_assignee)]


class Edit(Record):
    """What somebody wants to change; what is left out stays as it is."""

    status: Status | None = Field(default=None, description="The decision.")
    note: Note = Field(default="", description="A remark, added to those that are there.")
    tags: tuple[Tag, ...] = Field(default=(), max_length=50, description="Tags to add.")
    untags: tuple[Tag, ...] = Field(default=(), max_length=50, description="Tags to take away.")
    assignee: Assignee | None = Field(
        default=None, description="Who shall look at it next; empty for nobody."
    )

    @model_validator(mode="after")
    def _something(self) -> "Edit":
        if not (self.status or self.note or self.tags or self.untags or self.assignee is not None):
            raise ValueError("nothing to change: give a status, a note, a tag or an assignee")
        return self

    @property
    def action(self) -> Action:
        """What to call it."""
        if self.status:
            return STATUS_ACTIONS[self.status]
        return "note" if self.note else "tag" if self.tags or self.untags else "assign"


class Review(Record):
    """One judgement, as it stays in the history for good."""

    sequence: int = Field(ge=1, description="Grows over the whole store.")
    candidate_id: Text = Field(description="Candidate that was judged.")
    version: int = Field(ge=1, description="Place in the candidate's history, counted from 1 without gaps.")
    batch: Text = Field(description="Judgements that were given at once share it.")
    reviewer: Name = Field(description="Who, in their own words: names are not checked.")
    time: Annotated[Text, AfterValidator(utc)] = Field(description="When, ISO 8601 in UTC.")
    action: Action = Field(description="What was done.")
    status: Status | None = Field(default=None, description="The decision, if it was one.")
    note: Note = Field(default="", description="A remark.")
    tags: tuple[Tag, ...] = Field(default=(), description="Tags that were added.")
    untags: tuple[Tag, ...] = Field(default=(), description="Tags that were taken away.")
    assignee: Assignee | None = Field(default=None, description="Who shall look next; empty for nobody.")
    undoes: int | None = Field(default=None, ge=1, description="Version that an ``undo`` takes back.")


class Remark(Record):
    """A note that stands."""

    version: int = Field(description="Version of the judgement that it came with.")
    reviewer: Text = Field(description="Who wrote it.")
    time: Text = Field(description="When, ISO 8601 in UTC.")
    text: Text = Field(description="What it says.")


class State(Record):
    """What a history adds up to."""

    version: int = Field(default=0, description="Judgements so far; 0 where there are none.")
    status: Status = Field(default="open", description="The last decision that was not taken back.")
    reviewer: Text = Field(default="", description="Whose decision that was.")
    time: Text = Field(default="", description="When it was, ISO 8601 in UTC.")
    assignee: Text = Field(default="", description="Who shall look next.")
    tags: tuple[Text, ...] = Field(default=(), description="By the alphabet.")
    notes: tuple[Remark, ...] = Field(default=(), description="In the order in which they were written.")


def taken_back(history: Sequence[Review]) -> set[int]:
    """Return the versions that an undo took back; an undo can be taken back itself.

    Args:
        history: of one candidate, by version.
    """
    gone: set[int] = set()
    for review in reversed(history):
        if review.undoes is not None and review.version not in gone:
            gone.add(review.undoes)
    return gone


def fold(history: Sequence[Review]) -> State:
    """Return the state that ``history`` of one candidate, by version, adds up to."""
    gone = taken_back(history)
    decision: Review | None = None
    assignee = ""
    tags: set[str] = set()
    notes = []
    for review in history:
        if review.version in gone:
            continue
        if review.status is not None:
            decision = review
        if review.assignee is not None:
            assignee = review.assignee
        tags = (tags - set(review.untags)) | set(review.tags)
        if review.note:
            notes.append(
                Remark(version=review.version, reviewer=review.reviewer, time=review.time, text=review.note)
            )
    return State(
        version=history[-1].version if history else 0,
        status=(decision.status if decision else None) or "open",
        reviewer=decision.reviewer if decision else "",
        time=decision.time if decision else "",
        assignee=assignee,
        tags=tuple(sorted(tags, key=str.casefold)),
        notes=tuple(notes),
    )


def in_the_way(history: Sequence[Review], seen: int, edit: Edit) -> Review | None:
    """Return the judgement that contradicts ``edit`` and that its author had not seen; None without one.

    Notes and tags add up whatever happened in between. A decision or an assignment replaces another, so it
    needs to know of it, unless both say the same.

    Args:
        history: of one candidate, by version.
        seen: version that the author had before them.
        edit: what they want.
    """
    then, now = fold([review for review in history if review.version <= seen]), fold(history)
    since = [review for review in history if review.version > seen]
    if edit.status and now.status not in (then.status, edit.status):
        return [r for r in since if r.status is not None or r.undoes is not None][-1]
    if edit.assignee is not None and now.assignee not in (then.assignee, edit.assignee):
        return [r for r in since if r.assignee is not None or r.undoes is not None][-1]
    return None
