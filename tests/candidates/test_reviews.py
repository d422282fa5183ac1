"""Judgements are kept for good, and nobody's is lost, on SQLite and on PostgreSQL."""

import multiprocessing
from collections import Counter

import pytest
from sqlalchemy import create_engine, insert
from sqlalchemy.exc import IntegrityError

from candidates.review import Edit
from candidates.reviews import BULK_LIMIT, ReviewRow, Reviews
from candidates.store import NotFoundError, Store, StoreError
from tests.sample_records import RUN_ID, make_candidate, make_run

ACCEPT, REJECT = Edit(status="accepted"), Edit(status="rejected")
IDS = [make_candidate(n).id for n in range(1, 7)]


def _fill(url: str) -> Reviews:
    store = Store(url)
    store.add_run(make_run(), [make_candidate(n) for n in range(1, 7)])
    return Reviews(store)


@pytest.fixture
def reviews(any_url: str) -> Reviews:
    return _fill(any_url)


def test_columns_are_the_fields() -> None:
    from candidates.review import Review

    assert set(ReviewRow.__table__.columns.keys()) == set(Review.model_fields)


def test_asking_an_empty_or_old_store_finds_nothing(tmp_path: object, old_store: object) -> None:
    for url in (f"sqlite:///{tmp_path}/none.sqlite", old_store("")):  # type: ignore[operator]
        reviews = Reviews(Store(url))
        assert (reviews.states(), reviews.changes(5), reviews.accepted(), reviews.reviewers()) == (
            {},
            (0, {}),
            [],
            [],
        )
        assert reviews.history(IDS[0]) == []


def test_an_old_store_can_be_judged(old_store: object) -> None:
    reviews = Reviews(Store(old_store("")))  # type: ignore[operator]
    reviews.add(IDS[:1], ACCEPT, "ana")
    assert reviews.accepted(RUN_ID) == IDS[:1]


def test_history_and_state(reviews: Reviews) -> None:
    outcome = reviews.add(
        IDS[:1], Edit(status="held", note="look at the gap", tags=["soon"], assignee="ben"), "ana"
    )
    assert [(r.candidate_id, r.version, r.action) for r in outcome.written] == [(IDS[0], 1, "hold")]
    reviews.add(IDS[:2], ACCEPT, "ben")
    first, second = reviews.history(IDS[0])
    assert (first.reviewer, first.note, first.tags, first.assignee) == (
        "ana",
        "look at the gap",
        ("soon",),
        "ben",
    )
    assert (second.reviewer, second.status, second.version) == ("ben", "accepted", 2)
    assert first.time.endswith("+00:00")
    states = reviews.states(RUN_ID)
    assert set(states) == set(IDS[:2])
    assert (states[IDS[0]].status, states[IDS[0]].tags, states[IDS[0]].version) == ("accepted", ("soon",), 2)
    assert reviews.states("another run") == {}
    assert reviews.reviewers() == ["ana", "ben"]


def test_accepted_come_by_rank(reviews: Reviews) -> None:
    reviews.add([IDS[4], IDS[1], IDS[2]], ACCEPT, "ana")
    reviews.add([IDS[2]], REJECT, "ben")
    assert reviews.accepted() == [IDS[1], IDS[4]]
    assert reviews.accepted("another run") == []


def test_bulk_and_undo(reviews: Reviews) -> None:
    reviews.add(IDS[:1], REJECT, "ben")
    reviews.add(IDS[:4], ACCEPT, "ana")
    reviews.add(IDS[4:5], Edit(note="after"), "ana")
    assert [r.candidate_id for r in reviews.undo("ana").written] == IDS[4:5]
    outcome = reviews.undo("ana")
    assert sorted(outcome.states) == sorted(IDS[:4])
    assert [outcome.states[id].status for id in IDS[:4]] == ["rejected", "open", "open", "open"]
    assert len({r.batch for r in outcome.written}) == 1
    assert reviews.undo("ana").written == []
    assert reviews.undo("nobody").written == []
    assert [r.action for r in reviews.history(IDS[0])] == ["reject", "accept", "undo"]


def test_undo_leaves_what_others_decided_since(reviews: Reviews) -> None:
    reviews.add(IDS[:2], ACCEPT, "ana")
    reviews.add(IDS[:1], REJECT, "ben")
    outcome = reviews.undo("ana")
    assert [outcome.states[id].status for id in IDS[:2]] == ["rejected", "open"]


def test_one_judgement_of_a_bulk_can_be_taken_back(reviews: Reviews) -> None:
    reviews.add(IDS[:3], ACCEPT, "ana")
    assert reviews.take_back(IDS[1], 1, "ben").states[IDS[1]].status == "open"
    assert reviews.take_back(IDS[1], 1, "ben").written == [], "it was taken back already"
    assert {r.candidate_id for r in reviews.undo("ana").written} == {IDS[0], IDS[2]}
    assert reviews.take_back(IDS[1], 2, "ana").states[IDS[1]].status == "accepted", "the undo is undone"
    for version in (0, 9):
        with pytest.raises(NotFoundError, match=f"no judgement {version}"):
            reviews.take_back(IDS[1], version, "ana")


def test_a_stale_edit_is_shown_not_made(reviews: Reviews) -> None:
    reviews.add(IDS[:1], REJECT, "ben")
    outcome = reviews.add(IDS[:2], ACCEPT, "ana", seen=dict.fromkeys(IDS[:2], 0))
    assert outcome.stale[IDS[0]].reviewer == "ben"
    assert [r.candidate_id for r in outcome.written] == [IDS[1]]
    assert outcome.states[IDS[0]].status == "rejected"
    again = reviews.add(IDS[:1], ACCEPT, "ana", seen={IDS[0]: 1})
    assert (again.stale, again.states[IDS[0]].status) == ({}, "accepted")
    noted = reviews.add(IDS[:1], Edit(note="still here"), "cleo", seen={IDS[0]: 0})
    assert noted.states[IDS[0]].notes[0].text == "still here"


def test_changes_since(reviews: Reviews) -> None:
    assert reviews.changes(0) == (0, {})
    reviews.add(IDS[:2], ACCEPT, "ana")
    last, changed = reviews.changes(0)
    assert set(changed) == set(IDS[:2])
    assert reviews.changes(last) == (last, {})
    reviews.add(IDS[:1], Edit(note="more"), "ben")
    newest, changed = reviews.changes(last)
    assert newest > last
    assert {id: state.version for id, state in changed.items()} == {IDS[0]: 2}
    assert set(reviews.changes(newest + 1000)[1]) == set(IDS[:2]), "the store was replaced by another"


def test_judgements_outlive_a_second_screen(reviews: Reviews, any_url: str) -> None:
    reviews.add(IDS[:2], ACCEPT, "ana")
    Store(any_url).add_run(make_run(), [make_candidate(1)])
    assert reviews.accepted() == IDS[:1]
    assert len(reviews.history(IDS[1])) == 1
    with pytest.raises(NotFoundError, match=IDS[1]):
        reviews.add(IDS[:2], REJECT, "ana")
    assert len(reviews.history(IDS[0])) == 1, "all or nothing"


@pytest.mark.parametrize("id", ["' OR 1=1 --", "../../etc/passwd", "", "\x00", "%", "é" * 10_000])
def test_ids_that_are_none(reviews: Reviews, id: str) -> None:
    with pytest.raises((NotFoundError, StoreError)):
        reviews.add([id], ACCEPT, "ana")
    assert reviews.history("' OR 1=1 --") == []


def test_hostile_text_comes_back_as_it_was(reviews: Reviews) -> None:
    text = "'); DROP TABLE reviews; -- <script>alert(1)</script> {{7*7}} ${x} \\ \" \u202e π"
    reviews.add(IDS[:1], Edit(note=text, tags=["'; --", "<b>"]), "Robert'); DROP TABLE students;--")
    state = reviews.states()[IDS[0]]
    assert state.notes[0].text == text
    assert state.notes[0].reviewer == "Robert'); DROP TABLE students;--"
    assert set(state.tags) == {"'; --", "<b>"}
    with pytest.raises(ValueError, match="name"):
        reviews.add(IDS[:1], ACCEPT, "\n")
    with pytest.raises(ValueError, match="at most"):
        reviews.add([f"{n:012x}" for n in range(BULK_LIMIT + 1)], ACCEPT, "ana")


def test_the_database_refuses_a_version_twice(reviews: Reviews, any_url: str) -> None:
    done = reviews.add(IDS[:1], ACCEPT, "ana").written[0]
    engine = create_engine(any_url)
    with pytest.raises(IntegrityError), engine.begin() as connection:
        connection.execute(insert(ReviewRow), [done.model_dump(mode="json", exclude={"sequence"})])
    engine.dispose()


def _judge(url: str, name: str, rounds: int) -> None:
    reviews = Reviews(Store(url))
    for n in range(rounds):
        reviews.add(IDS, Edit(note=f"{name} {n}", tags=[f"{name}{n}"]), name)
        reviews.add(IDS[:1], ACCEPT if n % 2 else REJECT, name)
        reviews.undo(name)


def test_several_people_at_once_lose_nothing(any_url: str) -> None:
    reviews = _fill(any_url)
    context = multiprocessing.get_context("spawn")
    names, rounds = ["ana", "ben", "cleo"], 6
    people = [context.Process(target=_judge, args=(any_url, name, rounds)) for name in names]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert [person.exitcode for person in people] == [0] * len(names)
    for id in IDS:
        history = reviews.history(id)
        assert [review.version for review in history] == list(range(1, len(history) + 1))
        notes = reviews.states()[id].notes
        assert Counter(note.text for note in notes) == Counter(
            f"{p} {n}" for p in names for n in range(rounds)
        )
    first = reviews.history(IDS[0])
    assert Counter(r.action for r in first) == {"note": 18, "undo": 18, "accept": 9, "reject": 9}
    assert reviews.states()[IDS[0]].status == "open", "every decision was taken back by the one who made it"
    numbers = [r.sequence for id in IDS for r in reviews.history(id)]
    assert len(set(numbers)) == len(numbers)


def test_a_thousand_at_once_take_a_second(any_url: str) -> None:
    import time

    store = Store(any_url)
    found = [make_candidate(n) for n in range(1, 1001)]
    store.add_run(make_run(), found)
    reviews = Reviews(store)
    start = time.perf_counter()
    reviews.add([c.id for c in found], Edit(status="rejected", note="all of them"), "ana")
    assert len(reviews.undo("ana").written) == 1000
    assert time.perf_counter() - start < 5
