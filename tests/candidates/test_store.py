"""The store keeps runs whole, finds them by prefix and leaves no trace when only asked."""

import multiprocessing
import sqlite3
import time
from pathlib import Path

import pytest

from candidates.records import Candidate, RunRecord
from candidates.schema import CandidateRow, RunRow
from candidates.store import SORT_KEYS, AmbiguousError, NotFoundError, Store, StoreError
from tests.sample_records import RUN_ID, make_candidate, make_run


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'deep' / 'er' / 'store.sqlite'}"


@pytest.fixture
def store(url: str) -> Store:
    return Store(url)


def test_columns_are_the_fields() -> None:
    assert set(CandidateRow.__table__.columns.keys()) == set(Candidate.model_fields)
    assert set(RunRow.__table__.columns.keys()) == set(RunRecord.model_fields)


def test_asking_creates_nothing(store: Store, tmp_path: Path) -> None:
    assert store.runs() == []
    assert store.candidates() == []
    assert store.counts() == {}
    with pytest.raises(NotFoundError, match="no run 'abc'"):
        store.run("abc")
    assert list(tmp_path.iterdir()) == []


def test_what_goes_in_comes_out(store: Store, url: str) -> None:
    run = make_run()
    found = [
        make_candidate(1),
        make_candidate(2, band_gap=None, p_benchmark=None, icsd_ids=None, e_above_hull=None),
    ]
    store.add_run(run, found)
    other = Store(url)
    assert other.runs() == [run]
    assert other.candidates() == found
    assert other.counts() == {RUN_ID: 2}
    assert other.candidate(found[1].id) == found[1]


def test_adding_again_replaces(store: Store) -> None:
    store.add_run(make_run(), [make_candidate(n) for n in range(1, 6)])
    store.add_run(make_run("aaaa"), [make_candidate(1, run_id="aaaa")])
    again = make_run(n_input=7)
    store.add_run(again, [make_candidate(2)])
    assert store.run(RUN_ID) == again
    assert [c.rank for c in store.candidates(RUN_ID)] == [2]
    assert store.counts() == {RUN_ID: 1, "aaaa": 1}
    store.add_run(again, [])
    assert store.candidates(RUN_ID) == []


def test_a_failed_write_leaves_the_old_run(store: Store) -> None:
    old = [make_candidate(1)]
    store.add_run(make_run(), old)
    taken = make_candidate(9, run_id="other").model_copy(update={"id": old[0].id})
    with pytest.raises(StoreError, match="UNIQUE"):
        store.add_run(make_run("other"), [taken])
    assert [run.id for run in store.runs()] == [RUN_ID]
    assert store.candidates() == old


def test_candidates_of_another_run_or_twice_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="belongs to run elsewhere"):
        store.add_run(make_run(), [make_candidate(1, run_id="elsewhere")])
    with pytest.raises(ValueError, match="mp-5 and mp-5 have the same id"):
        store.add_run(
            make_run(), [make_candidate(1, crystal_id="mp-5"), make_candidate(2, crystal_id="mp-5")]
        )


def test_newest_run_first(store: Store) -> None:
    for run_id, created in [
        ("a", "2025-01-02T00:00:00Z"),
        ("b", "2025-03-01T00:00:00Z"),
        ("c", "2024-01-01T00:00:00Z"),
    ]:
        store.add_run(make_run(run_id, created=created), [])
    assert [run.id for run in store.runs()] == ["b", "a", "c"]


def test_sorting_and_limit(store: Store) -> None:
    facts = [
        {"p_topological": 0.9, "uncertainty": 0.2, "band_gap": 0.4, "formula": "ZnS", "spacegroup": 216},
        {"p_topological": 0.8, "uncertainty": 0.1, "band_gap": None, "formula": "CdO", "spacegroup": 186},
        {"p_topological": 0.95, "uncertainty": 0.3, "band_gap": 0.0, "formula": "HgTe", "spacegroup": 216},
    ]
    store.add_run(make_run(), [make_candidate(n, **fact) for n, fact in enumerate(facts, 1)])
    order = {key: [c.rank for c in store.candidates(sort=key)] for key in SORT_KEYS}  # type: ignore[arg-type]
    assert order == {
        "rank": [1, 2, 3],
        "probability": [3, 1, 2],
        "uncertainty": [2, 1, 3],
        "gap": [3, 1, 2],
        "formula": [2, 3, 1],
        "spacegroup": [2, 1, 3],
    }
    assert [c.rank for c in store.candidates(sort="gap", limit=2)] == [3, 1]
    with pytest.raises(ValueError, match="choose from rank, probability"):
        store.candidates(sort="colour")  # type: ignore[arg-type]


def test_prefixes(store: Store) -> None:
    found = [make_candidate(n) for n in range(1, 40)]
    store.add_run(make_run(), found)
    assert store.candidate(found[3].id[:8]) == found[3]
    assert store.run(RUN_ID[:3]).id == RUN_ID
    with pytest.raises(AmbiguousError, match=r"could be [0-9a-f]{12}, ") as ambiguous:
        store.candidate(next(c.id[0] for c in found if sum(o.id[0] == c.id[0] for o in found) > 1))
    assert ambiguous.value.remedy == "Give more of the id."
    for nothing in ("", "%", "_", "zzz", "' OR 1=1 --"):
        with pytest.raises(NotFoundError) as missing:
            store.candidate(nothing)
        assert "discover candidates" in missing.value.remedy


def test_a_full_id_wins_over_longer_ones(store: Store) -> None:
    store.add_run(make_run("ab"), [])
    store.add_run(make_run("abc"), [])
    assert store.run("ab").id == "ab"


def test_ten_thousand_candidates_take_seconds(store: Store) -> None:
    found = [make_candidate(n) for n in range(1, 10_001)]
    start = time.process_time()
    store.add_run(make_run(), found)
    assert time.process_time() - start < 5
    assert len(store.candidates(RUN_ID)) == 10_000


def _add(url: str, run_id: str) -> None:
    Store(url).add_run(make_run(run_id), [make_candidate(n, run_id=run_id) for n in range(1, 200)])


def test_writers_wait_for_each_other(store: Store, url: str) -> None:
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_add, args=(url, f"run{n}")) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert store.counts() == {f"run{n}": 199 for n in range(4)}


def test_other_schema_versions_are_refused(store: Store, url: str) -> None:
    store.add_run(make_run(), [])
    path = url.removeprefix("sqlite:///")
    for version, remedy in [(99, "Install the newer version"), (0, "Move the old store away")]:
        with sqlite3.connect(path) as raw:
            raw.execute("UPDATE store_schema SET version = ?", (version,))
        with pytest.raises(StoreError, match=f"schema version {version}") as refused:
            store.runs()
        assert remedy in refused.value.remedy
        with pytest.raises(StoreError, match=f"schema version {version}"):
            store.add_run(make_run(), [])


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to be taken for one " * 20)
    with pytest.raises(StoreError, match="not a database"):
        Store(f"sqlite:///{text}").add_run(make_run(), [])
    with sqlite3.connect(tmp_path / "other.sqlite") as raw:
        raw.execute("CREATE TABLE runs (speed REAL)")
    with pytest.raises(StoreError, match="tables of something else"):
        Store(f"sqlite:///{tmp_path / 'other.sqlite'}").add_run(make_run(), [])


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store\.sqlite") as refused:
        Store(f"sqlite:///{tmp_path / 'file' / 'store.sqlite'}").add_run(make_run(), [])
    assert "DISCOVER_STORE_URL" in refused.value.remedy


@pytest.mark.parametrize("url", ["no url", "nosuchdatabase://x/y", "postgresql+psycopg://host:port/x"])
def test_wrong_urls(url: str) -> None:
    with pytest.raises(StoreError) as refused:
        Store(url)
    assert "DISCOVER_STORE_URL" in refused.value.remedy


def test_a_missing_driver_is_named_and_the_password_is_not() -> None:
    try:
        shown = Store("postgresql+psycopg://user:hunter2@nowhere/x").name
    except StoreError as refused:
        shown = f"{refused} {refused.remedy}"
        assert "pip install psycopg" in shown
    assert "hunter2" not in shown


def test_a_store_in_memory_works() -> None:
    store = Store("sqlite://")
    store.add_run(make_run(), [make_candidate(1)])
    assert store.counts() == {RUN_ID: 1}
