"""Stores grow: what an older program wrote opens, and gains tables and columns when it is written to."""

import multiprocessing
import sqlite3
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, create_engine, inspect

from candidates.schema import Base, CandidateRow, RunRow, SchemaRow
from candidates.store import NotFoundError, Store, StoreError
from tests.sample_records import RUN_ID, make_candidate, make_run

OLD_TABLES = {SchemaRow.__tablename__, RunRow.__tablename__, CandidateRow.__tablename__}


def _tables(url: str) -> set[str]:
    engine: Engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_an_old_store_reads_as_it_was(old_store: Callable[[str], str]) -> None:
    url = old_store("")
    store = Store(url)
    assert store.runs() == [make_run()]
    first, second = make_candidate(1), make_candidate(2, band_gap=None, p_benchmark=None)
    assert store.candidates() == [first, second]
    assert store.candidate(first.id) == first
    assert _tables(url) == OLD_TABLES, "reading changes nothing"


def test_the_first_write_brings_new_tables_and_keeps_what_was_there(old_store: Callable[[str], str]) -> None:
    url = old_store("")
    store = Store(url)
    before = store.candidates()
    store.add_run(make_run("other"), [make_candidate(1, run_id="other")])
    assert _tables(url) == {table.name for table in Base.metadata.sorted_tables}
    assert store.candidates(RUN_ID) == before
    with sqlite3.connect(url.removeprefix("sqlite:///")) as raw:
        assert raw.execute("SELECT version FROM store_schema").fetchall() == [(1,)]


def test_columns_that_an_old_store_lacks_are_empty_then_added(old_store: Callable[[str], str]) -> None:
    url = old_store(
        "ALTER TABLE candidates DROP COLUMN p_benchmark; ALTER TABLE candidates DROP COLUMN icsd_ids;"
    )
    store = Store(url)
    first = make_candidate(1, p_benchmark=None, icsd_ids=None)
    assert store.candidate(first.id) == first
    assert store.candidates(limit=1) == [first]
    assert store.table(["id", "p_benchmark"], limit=1) == [{"id": first.id, "p_benchmark": None}]
    again = make_candidate(1, run_id="other")
    store.add_run(make_run("other"), [again])
    assert store.candidate(again.id) == again
    assert store.candidate(first.id) == first


def test_columns_that_a_newer_program_added_do_not_hurt(old_store: Callable[[str], str]) -> None:
    store = Store(
        old_store("ALTER TABLE candidates ADD COLUMN mass FLOAT; ALTER TABLE runs ADD COLUMN colour TEXT;")
    )
    assert len(store.candidates()) == 2
    store.add_run(make_run(), [make_candidate(5)])
    assert [c.rank for c in store.candidates()] == [5]


def test_a_store_of_an_old_program_can_still_be_refused(old_store: Callable[[str], str]) -> None:
    with pytest.raises(StoreError, match="schema version 7"):
        Store(old_store("UPDATE store_schema SET version = 7;")).runs()


def test_growing_on_postgresql(postgres_url: str) -> None:
    engine = create_engine(postgres_url)
    Store(postgres_url).add_run(make_run(), [make_candidate(1)])
    with engine.begin() as connection:
        for name in _tables(postgres_url) - OLD_TABLES:
            connection.exec_driver_sql(f"DROP TABLE {name}")
        connection.exec_driver_sql("ALTER TABLE candidates DROP COLUMN p_benchmark")
    store = Store(postgres_url)
    assert store.candidate(make_candidate(1).id).p_benchmark is None
    store.add_run(make_run(), [make_candidate(1)])
    assert store.candidates() == [make_candidate(1)]
    assert _tables(postgres_url) == {table.name for table in Base.metadata.sorted_tables}
    engine.dispose()


def _add(url: str, run_id: str) -> None:
    Store(url).add_run(make_run(run_id), [make_candidate(n, run_id=run_id) for n in range(1, 50)])


def test_several_first_writers_make_one_store(any_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add, args=(any_url, f"run{n}")) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 3
    assert Store(any_url).counts() == {f"run{n}": 49 for n in range(3)}


def test_what_goes_in_comes_out_of_both_databases(any_url: str) -> None:
    store = Store(any_url)
    assert store.runs() == []
    odd = make_candidate(2, formula="x'); DROP TABLE candidates; --", notes=["a\x00b", "\ud800", "π" * 1000])
    store.add_run(make_run(), [make_candidate(1), odd])
    assert store.candidates(sort="gap") == [make_candidate(1), odd]
    assert store.candidate(odd.id[:10]) == odd
    with pytest.raises(NotFoundError):
        store.candidate("' OR 1=1 --")
    assert store.table(["rank", "formula"], RUN_ID) == [
        {"rank": 1, "formula": "Ag2HgSnSe4"},
        {"rank": 2, "formula": odd.formula},
    ]
    with pytest.raises(KeyError):
        store.table(["password"])
