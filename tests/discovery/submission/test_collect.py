"""Finished verifications into the store: twice, at once, damaged, and while another one holds it."""

import sqlite3
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from candidates.store import Store, StoreError
from candidates.verifications import VerificationRow, newest_verification, topologies
from discovery.cli.main import app
from discovery.settings import get_settings
from discovery.submission.collect import collect_into
from discovery.verification.results import RESULT
from tests.discovery.submission import leavings

A, B, C = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three verifications: a verdict, a failure, and one that still runs."""
    place = tmp_path / "verifications"
    monkeypatch.setenv("DISCOVER_VERIFICATIONS", str(place))
    get_settings.cache_clear()
    leavings.end_with_verdict(leavings.make_request(place, A))
    failed = leavings.make_request(place, B)
    leavings.end(failed, "static", state="failed", reason="no convergence", remedy="Use more iterations.")
    leavings.end(failed, "verdict", state="failed", reason="nothing to judge")
    leavings.begin(leavings.make_request(place, C), "static")
    return place


def store() -> Store:
    return Store(get_settings().resolved_store_url)


def collect(*words: str) -> Result:
    return CliRunner().invoke(app, ["collect", *words])


def contents() -> list[tuple[str, str]]:
    with store().link.reading(VerificationRow) as session:
        assert session is not None
        rows = session.query(VerificationRow).order_by(VerificationRow.candidate_id).all()
        return [(row.candidate_id, row.record) for row in rows]


def test_what_is_over_is_stored_and_what_runs_is_not(root: Path) -> None:
    done = collect()
    assert done.exit_code == 0, done.output
    assert topologies(store()) == {A: ("verified", "strong TI"), B: ("failed", "")}
    assert "strong TI  (stored)" in done.stdout
    assert "static: no convergence" in done.stdout
    assert "2 stored, 1 not finished" in done.stderr


def test_twice_changes_nothing(root: Path) -> None:
    collect()
    before = contents()
    again = collect()
    assert again.exit_code == 0
    assert "2 known, 1 not finished" in again.stderr
    assert contents() == before


def test_only_those_named(root: Path) -> None:
    assert collect(B[:3]).exit_code == 0
    assert set(topologies(store())) == {B}


def test_a_step_computed_again_replaces_what_was_stored(root: Path) -> None:
    collect()
    request = next(path for path in (root / B).glob("*-static"))
    (request / RESULT).write_text(
        (request / RESULT).read_text().replace("no convergence", "the disk was full")
    )
    assert "1 stored again" in collect().stderr
    assert newest_verification(store(), B).steps[0].reason == "the disk was full"
    assert len(contents()) == 2


@pytest.mark.parametrize("damage", ["", "{", '{"state": "dead"}', "[]", '{"state": "done", "seconds"'])
def test_a_damaged_result_is_named_and_the_others_stored(root: Path, damage: str) -> None:
    path = next((root / A).glob("*-bands")) / RESULT
    path.write_text(damage)
    done = collect()
    assert done.exit_code == 1
    assert f"{A}  Po  cannot be read: {path}" in done.stderr
    assert f"discover retry {A} --from bands" in done.stderr
    assert set(topologies(store())) == {B}


def test_damage_anywhere_else_is_named_too(root: Path) -> None:
    (next((root / A).glob("*-verdict")) / "verdict.json").write_text('{"topology": "strong TI"}')
    (root / B / "request.json").write_text("{")
    done = collect()
    assert done.exit_code == 1
    assert f"{A}  Po  cannot be read" in done.stderr
    assert f"{B}    cannot be read" in done.stderr
    assert "2 cannot be read, 1 not finished" in done.stderr


def test_two_collectors_at_once(root: Path) -> None:
    for number in range(20):
        leavings.end_with_verdict(leavings.make_request(root, f"{number:012x}"))
    directories = sorted(path for path in root.iterdir())
    outcomes: list[str] = []

    def run() -> None:
        outcomes.extend(one.outcome for one in collect_into(store(), directories))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(topologies(store())) == 22
    assert (outcomes.count("added"), outcomes.count("unchanged")) == (22, 22)


def test_a_locked_store_is_a_refusal_and_loses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("candidates.link.BUSY_SECONDS", 0.2)
    collect(B)
    path = get_settings().resolved_store_url.removeprefix("sqlite:///")
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        done = collect()
        other.execute("ROLLBACK")
    assert done.exit_code == 1
    assert "locked" in done.stderr
    assert "goes on from there" in done.stderr
    assert collect().exit_code == 0
    assert set(topologies(store())) == {A, B}


def test_no_older_state_over_a_newer_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is read again once the store is ours."""
    from candidates.verifications import update_verification
    from discovery.verification.collect import collect as record_of

    old = record_of(root / B)
    leavings.end_with_verdict_again(root / B)
    new = record_of(root / B)
    answers = iter([old, new])
    assert update_verification(store(), lambda: next(answers)) == "added"
    assert newest_verification(store(), B).state == "verified"


def test_nothing_there(tmp_path: Path) -> None:
    done = collect("-o", str(tmp_path / "nowhere"))
    assert done.exit_code == 1
    assert "no verification" in done.stderr
    with pytest.raises(StoreError):
        newest_verification(store(), A)
