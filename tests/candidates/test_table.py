"""A run as a table: from its directory and from the store, row by row the records that were written."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

import candidates
from candidates.records import Candidate
from candidates.report.notebook import card
from candidates.store import NotFoundError, Store
from candidates.table import table
from discovery.screening.rows import to_parquet
from tests.sample_records import RUN_ID, make_candidate, make_run

if TYPE_CHECKING:
    import pandas as pd

BARE = {"band_gap": None, "p_benchmark": None, "labels": {}, "known": [], "hazards": [], "icsd_ids": None}
FOUND = [
    make_candidate(1, lattice=[8.5, 0, 0, 0, 7.25, 0, 0, 0, 7.0], frac_coords=[0.25] * 12),
    make_candidate(2, lattice=[4, 0, 0, 0, 4, 0, 0, 0, 4], frac_coords=[0.5] * 12, **BARE),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    pq.write_table(to_parquet(FOUND), tmp_path / "candidates.parquet")
    run = make_run().model_dump(mode="json") | {"options": {}, "symprec": 0.1}
    (tmp_path / "run.json").write_text(json.dumps(run), encoding="utf-8")
    return tmp_path


def test_a_directory_gives_back_its_records(directory: Path) -> None:
    found = candidates.load(directory)
    assert list(found.index) == [c.id for c in FOUND]
    assert [candidates.record(row) for _, row in found.iterrows()] == FOUND
    assert found.attrs["run"]["id"] == RUN_ID
    assert found.loc[FOUND[0].id, "labels"]["tqc"] == "trivial"


def test_unknown_numbers_are_nan(directory: Path) -> None:
    found = candidates.load(directory)
    assert found["band_gap"].isna().tolist() == [False, True]
    assert found["p_topological"].mean() == pytest.approx(0.83)


def test_the_store_gives_the_same(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'store.sqlite'}"
    Store(url).add_run(make_run(), FOUND)
    found = candidates.load(RUN_ID[:5], store=url)
    assert [candidates.record(row) for _, row in found.iterrows()] == FOUND
    assert candidates.load(store=url).equals(found)
    with pytest.raises(NotFoundError):
        candidates.load("zzz", store=url)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="discover screen"):
        candidates.load(tmp_path)


def test_an_empty_run_is_an_empty_table() -> None:
    assert table([]).empty


def test_a_candidate_shows_itself_as_a_card() -> None:
    html = FOUND[0]._repr_html_()
    assert "Ag<sub>2</sub>HgSnSe<sub>4</sub>" in html
    assert "0.83 ± 0.06" in html
    assert "Toxic elements" in html
    hostile = card(make_candidate(formula="<img src=x onerror=alert(1)>", labels={"<b>": "<script>"}))
    assert "<img" not in hostile
    assert "<script" not in hostile
    assert "<b>0.83" in hostile
    assert "&lt;b&gt;" in hostile


def test_importing_the_package_is_quick_and_brings_no_pandas() -> None:
    code = "import candidates, sys; assert 'pandas' not in sys.modules and 'sqlalchemy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


HOSTILE = (
    "'); DROP TABLE candidates; --\" OR 1=1 <script>alert(1)</script> "
    "../../etc/passwd \u202e=cmd|' /C calc'!A0"
)


@pytest.fixture(params=["directory", "sqlite", "postgresql"])
def loaded(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[list[Candidate]], "pd.DataFrame"]:
    """Write records and load them again: from a directory, from SQLite, from PostgreSQL."""

    def through(found: list[Candidate]) -> "pd.DataFrame":
        if request.param == "directory":
            pq.write_table(to_parquet(found), tmp_path / "candidates.parquet")
            (tmp_path / "run.json").write_text(
                json.dumps(make_run().model_dump(mode="json")), encoding="utf-8"
            )
            return candidates.load(tmp_path)
        url = f"sqlite:///{tmp_path / 'store.sqlite'}"
        if request.param == "postgresql":
            url = request.getfixturevalue("postgres_url")
        Store(url).add_run(make_run(), found)
        again = candidates.load(RUN_ID, store=url)
        assert len(Store(url).candidates(RUN_ID)) == len(found)  # the tables still stand
        return again

    return through


def test_sql_and_ten_megabytes_come_back_as_they_went(
    loaded: Callable[[list[Candidate]], "pd.DataFrame"],
) -> None:
    long = HOSTILE + "Ω" * (10_000_000 // 2)  # two bytes each
    geometry = {"lattice": [4, 0, 0, 0, 4, 0, 0, 0, 4], "frac_coords": [0.5] * 12}
    found = [
        make_candidate(
            1, formula=HOSTILE, crystal_id=HOSTILE, notes=[long],
            **BARE | geometry | {"labels": {HOSTILE: HOSTILE}, "hazards": [HOSTILE]},
        ),
        make_candidate(2, **geometry, formula=long, crystal_id=long),
    ]  # fmt: skip
    again = loaded(found)
    assert [candidates.record(row) for _, row in again.iterrows()] == found
    assert again.loc[found[1].id, "formula"] == long
    shown = found[1]._repr_html_()
    assert len(shown) < 100_000
    assert "<script" not in shown + found[0]._repr_html_()


@pytest.mark.parametrize(
    "wanted", [HOSTILE, "x" * 10_000_000, "%", "_", "' OR '1'='1", "../" * 50, "\0", "\ud800"]
)
def test_a_hostile_name_of_a_run_finds_none_and_harms_none(wanted: str, any_url: str) -> None:
    Store(any_url).add_run(make_run(), FOUND)
    with pytest.raises((NotFoundError, FileNotFoundError)) as refused:
        candidates.load(wanted, store=any_url)
    assert len(str(refused.value)) < 10_000
    assert len(candidates.load(RUN_ID, store=any_url)) == len(FOUND)
