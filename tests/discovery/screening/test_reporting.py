"""The report of a run shows what the store knows and what the model says, and keeps what was computed."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from candidates.app.views import candidate as candidate_page
from candidates.explanation import FILE
from candidates.records import Candidate, RunRecord
from candidates.reviews import Reviews
from candidates.store import Store
from candidates.verifications import add_verification
from discovery.databases.catalogue import get
from discovery.screening.reporting import report_run
from tests.candidates.report.sample_verification import make_verification
from tests.sample_records import make_candidate, make_run
from xbert.checkpoint import locate, model_sha256


@pytest.fixture(autouse=True)
def _few_labelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.screening.neighbours.MOST", 40)


@pytest.fixture
def stored(tmp_path: Path) -> tuple[RunRecord, list[Candidate], Store]:
    directory = tmp_path / "run"
    directory.mkdir()
    run = make_run(directory=str(directory), model_sha256=model_sha256(locate("discovery")))
    rng = np.random.default_rng(0)
    found = [
        make_candidate(
            n,
            lattice=[8.4, 0, 0, 0, 7.3, 0, 0, 0, 7.0 + 0.1 * n],
            frac_coords=rng.random(12).round(3).tolist(),
        )
        for n in (1, 2, 3)
    ]
    store = Store(os.environ["DISCOVER_STORE_URL"])
    store.add_run(run, found)
    return run, found, store


def test_explanations_are_computed_once_and_kept(stored: tuple[RunRecord, list[Candidate], Store]) -> None:
    run, found, store = stored
    directory = Path(run.directory)
    path = report_run(run, found, directory / "report", store, pages=2)
    kept = json.loads((directory / FILE).read_text(encoding="utf-8"))
    assert sorted(kept) == sorted(c.id for c in found[:2])
    first = (path.parent / "candidates" / f"{found[0].id}.html").read_text(encoding="utf-8")
    assert "What each part adds" in first
    before = (directory / FILE).stat().st_mtime_ns
    again = report_run(run, found, directory / "report", store, pages=2, explain=False)
    assert (directory / FILE).stat().st_mtime_ns == before
    assert (again.parent / "candidates" / f"{found[0].id}.html").read_text(encoding="utf-8") == first


def test_verifications_and_decisions_are_shown(stored: tuple[RunRecord, list[Candidate], Store]) -> None:
    run, found, store = stored
    add_verification(store, make_verification(candidate_id=found[2].id))
    path = report_run(run, found, Path(run.directory) / "report", store, pages=0, explain=False)
    assert "strong TI" in path.read_text(encoding="utf-8")
    page = path.parent / "candidates" / f"{found[2].id}.html"
    assert "Wilson loops" in page.read_text(encoding="utf-8")
    assert Reviews(store).states(run.id) is not None


def test_one_candidate_alone(stored: tuple[RunRecord, list[Candidate], Store]) -> None:
    run, found, store = stored
    path = report_run(run, found, Path(run.directory) / "report", store, only=found[1].id, explain=False)
    assert path.name == f"{found[1].id}.html"
    assert not (Path(run.directory) / "report" / "index.html").exists()


def test_nearest_labelled_crystals_are_shown_and_kept(
    stored: tuple[RunRecord, list[Candidate], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, found, store = stored
    directory = Path(run.directory)
    path = report_run(run, found, directory / "report", store, pages=1)
    page = (path.parent / "candidates" / f"{found[0].id}.html").read_text(encoding="utf-8")
    assert "Nearest labelled crystals" in page
    assert "labelled crystals of starter" in page  # the database of the run is not here
    kept = json.loads((directory / FILE).read_text(encoding="utf-8"))[found[0].id]
    assert len(kept["neighbours"]) == 5
    assert candidate_page(store, found[0].id).count("labelled crystals of starter") == 1  # the review app's
    # Placed once: a second candidate is compared with what lies in the cache.
    monkeypatch.setattr("discovery.screening.neighbours.place", lambda *_: pytest.fail("placed again"))
    report_run(run, found, directory / "report", store, pages=2)
    assert len(json.loads((directory / FILE).read_text(encoding="utf-8"))[found[1].id]["neighbours"]) == 5


def test_a_large_database_is_placed_only_when_asked_for(
    stored: tuple[RunRecord, list[Candidate], Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    run, found, store = stored
    database = get("starter")
    run = run.model_copy(
        update={"database": "many", "n_input": 5000, "database_sha256": database.fingerprint()}
    )
    monkeypatch.setattr("discovery.databases.catalogue.get", lambda name, settings: database)
    report_run(run, found, Path(run.directory) / "report", store, pages=1)
    kept = json.loads((Path(run.directory) / FILE).read_text(encoding="utf-8"))[found[0].id]
    assert kept["attributions"]
    assert not kept["neighbours"]
    seen = []
    report_run(
        run, found, Path(run.directory) / "report", store, pages=1, patient=True,
        on_progress=lambda *told: seen.append(told),
    )  # fmt: skip
    again = json.loads((Path(run.directory) / FILE).read_text(encoding="utf-8"))[found[0].id]
    assert again["attributions"] == kept["attributions"]
    assert len(again["neighbours"]) == 5
    assert seen[-1][0] == "labelled"
    assert seen[-1][1] == seen[-1][2]
