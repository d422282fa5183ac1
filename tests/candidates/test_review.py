"""What a history adds up to, and what a name, a tag and a note may be."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from candidates.review import Edit, Review, fold, in_the_way, taken_back


def _history(*events: dict[str, Any]) -> list[Review]:
    common = {"candidate_id": "a" * 12, "batch": "b", "time": "2026-01-01T00:00:00Z"}
    return [
        Review(
            **common | {"reviewer": "ana", "action": "undo" if "undoes" in event else "note"} | event,
            version=n,
            sequence=n,
        )
        for n, event in enumerate(events, 1)
    ]


def test_nothing_adds_up_to_open() -> None:
    assert (fold([]).status, fold([]).version) == ("open", 0)


def test_the_last_decision_counts_and_notes_and_tags_add_up() -> None:
    state = fold(
        _history(
            {"status": "accepted", "note": "flat bands", "tags": ["b", "A"]},
            {"status": "rejected", "reviewer": "ben", "untags": ["b"], "note": "toxic", "assignee": "cleo"},
            {"tags": ["c"]},
        )
    )
    assert (state.status, state.reviewer, state.assignee, state.version) == ("rejected", "ben", "cleo", 3)
    assert state.tags == ("A", "c")
    assert [(note.reviewer, note.text) for note in state.notes] == [("ana", "flat bands"), ("ben", "toxic")]


def test_undo_is_an_event_and_can_be_undone() -> None:
    done = [{"status": "accepted"}, {"status": "rejected", "tags": ["x"]}, {"undoes": 2}]
    assert fold(_history(*done)).status == "accepted"
    assert fold(_history(*done)).tags == ()
    assert fold(_history(*done, {"undoes": 3})).status == "rejected"
    assert fold(_history(*done, {"undoes": 3}, {"undoes": 4})).status == "accepted"
    assert taken_back(_history(*done, {"undoes": 3})) == {3}


def test_taking_back_an_old_decision_leaves_a_later_one() -> None:
    state = fold(_history({"status": "accepted"}, {"status": "rejected", "reviewer": "ben"}, {"undoes": 1}))
    assert (state.status, state.reviewer) == ("rejected", "ben")


@given(st.lists(st.sampled_from(["accepted", "rejected", "held", "open", "undo"]), max_size=12))
def test_undoing_everything_backwards_leads_back_to_the_beginning(words: list[str]) -> None:
    events: list[dict[str, Any]] = [
        {"status": word} if word != "undo" else {"undoes": n} for n, word in enumerate(words)
        if word != "undo" or n > 0
    ]  # fmt: skip
    whole = fold(_history(*events))
    extended = [*events]
    for version in range(len(events), 0, -1):
        extended.append({"undoes": version})
    assert fold(_history(*extended)).status == "open"
    assert fold(
        _history(*extended, *({"undoes": v} for v in range(len(extended), len(events), -1)))
    ).status == (whole.status)


def test_only_contradictions_are_in_the_way() -> None:
    history = _history({"note": "seen"}, {"status": "rejected", "reviewer": "ben"}, {"tags": ["x"]})
    accept = Edit(status="accepted")
    stale = in_the_way(history, 1, accept)
    assert stale is not None
    assert (stale.version, stale.reviewer) == (2, "ben")
    assert in_the_way(history, 2, accept) is None, "a tag does not contradict a decision"
    assert in_the_way(history, 1, Edit(status="rejected")) is None, "both say the same"
    assert in_the_way(history, 0, Edit(note="mine", tags=["y"])) is None
    assigned = _history({"assignee": "ben"})
    assert in_the_way(assigned, 0, Edit(assignee="cleo")) is not None
    assert in_the_way(assigned, 0, Edit(assignee="ben")) is None
    there_and_back = _history({"status": "accepted"}, {"undoes": 1})
    assert in_the_way(there_and_back, 0, Edit(status="rejected")) is None
    undone = _history({"status": "accepted"}, {"undoes": 1, "reviewer": "ben"})
    stale = in_the_way(undone, 1, Edit(status="rejected"))
    assert stale is not None
    assert stale.version == 2


@pytest.mark.parametrize(
    ("edit", "action"),
    [
        ({"status": "accepted", "note": "x"}, "accept"), ({"status": "open"}, "reopen"),
        ({"note": "x", "tags": ["y"]}, "note"), ({"untags": ["y"]}, "tag"), ({"assignee": ""}, "assign"),
    ],
)  # fmt: skip
def test_edits_have_names(edit: dict[str, Any], action: str) -> None:
    assert Edit(**edit).action == action


def test_text_is_tidied() -> None:
    edit = Edit(note="  one\r\ntwo\rthree \n", tags=["  flat \t band "], assignee="  ")
    assert (edit.note, edit.tags, edit.assignee) == ("one\ntwo\nthree", ("flat band",), "")
    assert Edit(note="e\u0301\ud800\x00").note == "e\u0301\ufffd\ufffd"


@pytest.mark.parametrize(
    "edit",
    [
        {}, {"note": "   "}, {"tags": [""]}, {"tags": ["x" * 51]}, {"tags": ["a\x1b[31m"]},
        {"tags": ["a\x00"]}, {"tags": ["\u202e"]}, {"assignee": "n" * 81}, {"status": "done"},
        {"note": "x" * 10_001}, {"colour": "red"}, {"tags": ["a"] * 51},
    ],
)  # fmt: skip
def test_what_is_refused(edit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Edit(**edit)


def test_an_empty_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="name"):
        _history({"reviewer": " \u200b "})
