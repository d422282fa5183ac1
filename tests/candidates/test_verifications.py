"""Verifications in the store: as often as they are added, once; the newest first."""

import sqlite3
from pathlib import Path

import pytest

from candidates.records import Gate, Verdict
from candidates.store import AmbiguousError, NotFoundError, Store
from candidates.verification import Step, Verification
from candidates.verifications import (
    add_verification,
    newest_verification,
    topologies,
    verifications,
)
from tests.sample_records import make_candidate, make_run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(f"sqlite:///{tmp_path / 'store.sqlite'}")


def record(candidate: str = "aaaa00000000", day: int = 1, **changes: object) -> Verification:
    facts = {
        "candidate_id": candidate,
        "created": f"2025-06-0{day}T10:00:00+00:00",
        "engine": "espresso",
        "preset": "fast",
        "functional": "PBE",
        "state": "running",
        "steps": (Step(name="static", state="done", seconds=1.5),),
    }
    return Verification.model_validate(facts | changes)


VERDICT = Verdict(
    topology="strong TI",
    reasons=("so",),
    gates=(Gate(name="direct gap", value=1.0, limit=0.5, passed=True, what="gap"),),
    provisional=True,
)


def test_asking_creates_nothing(store: Store, tmp_path: Path) -> None:
    assert verifications(store, "aaaa00000000") == []
    assert topologies(store) == {}
    with pytest.raises(NotFoundError, match="no verification of 'aaaa'"):
        newest_verification(store, "aaaa")
    assert list(tmp_path.iterdir()) == []


def test_the_same_verification_is_kept_once(store: Store) -> None:
    key = add_verification(store, record())
    ended = record(state="verified", verdict=VERDICT)
    assert add_verification(store, ended) == key
    assert add_verification(store, ended) == key
    assert verifications(store, "aaaa00000000") == [ended]
    assert topologies(store) == {"aaaa00000000": ("verified", "strong TI")}


def test_the_newest_comes_first(store: Store) -> None:
    add_verification(store, record(day=3, state="failed"))
    add_verification(store, record(day=1, state="verified", verdict=VERDICT))
    add_verification(store, record(day=2, engine="vasp"))
    assert [v.created[9] for v in verifications(store, "aaaa00000000")] == ["3", "2", "1"]
    assert newest_verification(store, "aaaa").state == "failed"
    assert topologies(store, ["aaaa00000000", "ffff00000000"]) == {"aaaa00000000": ("failed", "")}


def test_prefixes(store: Store) -> None:
    add_verification(store, record("aaaa00000000"))
    add_verification(store, record("aabb00000000"))
    assert newest_verification(store, "aab").candidate_id == "aabb00000000"
    with pytest.raises(AmbiguousError, match="aaaa00000000, aabb00000000"):
        newest_verification(store, "aa")
    with pytest.raises(NotFoundError):
        newest_verification(store, "")
    with pytest.raises(NotFoundError):
        newest_verification(store, "%")


def test_an_older_store_grows(store: Store, tmp_path: Path) -> None:
    candidate = make_candidate(1)
    store.add_run(make_run(), [candidate])
    with sqlite3.connect(tmp_path / "store.sqlite") as link:
        link.execute("DROP TABLE verifications")
    assert verifications(store, candidate.id) == []
    add_verification(store, record(candidate.id))
    assert len(verifications(store, candidate.id)) == 1
    assert store.candidate(candidate.id) == candidate
    store.add_run(make_run(), [candidate])  # a screen that runs again keeps what was verified
    assert len(verifications(store, candidate.id)) == 1
