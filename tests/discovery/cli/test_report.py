"""``discover report`` writes the page of a stored run again."""

import os
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from candidates.report import write_report
from candidates.store import Store
from discovery.cli.report import report
from tests.sample_models import make_model
from tests.sample_records import RUN_ID, make_candidate, make_run
from xbert.checkpoint import model_sha256
from xbert.own_models import add

app = typer.Typer()
app.command()(report)
runner = CliRunner()


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The directory of a stored run."""
    run = make_run(directory=str(tmp_path / "run"))
    (tmp_path / "run").mkdir()
    Store(os.environ["DISCOVER_STORE_URL"]).add_run(run, [make_candidate(1)])
    return tmp_path / "run"


def test_the_newest_run_is_reported_in_its_directory(directory: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, [])
    assert result.exit_code == 0
    assert Path(result.stdout.strip()) == directory / "report" / "index.html"
    expected = write_report(make_run(directory=str(directory)), [make_candidate(1)], tmp_path / "expected")
    assert (directory / "report" / "index.html").read_bytes() == expected.read_bytes()


@pytest.mark.usefixtures("directory")
def test_a_report_goes_where_it_is_sent(tmp_path: Path) -> None:
    result = runner.invoke(app, [RUN_ID[:4], "-o", str(tmp_path / "elsewhere")])
    assert result.exit_code == 0
    assert (tmp_path / "elsewhere" / "index.html").is_file()


def test_what_cannot_be_reported(directory: Path, tmp_path: Path) -> None:
    result = runner.invoke(app, ["zzz"])
    assert result.exit_code == 1
    assert "`discover runs`" in result.stderr
    directory.rmdir()
    result = runner.invoke(app, [])
    assert result.exit_code == 1
    assert "-o DIRECTORY" in result.stderr
    (tmp_path / "file").write_text("")
    result = runner.invoke(app, ["-o", str(tmp_path / "file")])
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert not directory.exists()


def test_one_candidate_gets_its_page_on_request(directory: Path) -> None:
    candidate = make_candidate(1)
    result = runner.invoke(app, ["--candidate", candidate.id[:6]])
    assert result.exit_code == 0
    page = directory / "report" / "candidates" / f"{candidate.id}.html"
    assert Path(result.stdout.strip()) == page
    assert "Ag<sub>2</sub>HgSnSe<sub>4</sub>" in page.read_text(encoding="utf-8")
    assert not (directory / "report" / "index.html").exists()


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize("name", ["zzz", "../../etc/passwd", "' OR 1=1 --", "%", "x" * 100_000])
def test_a_candidate_that_is_none_is_refused(name: str) -> None:
    result = runner.invoke(app, ["--candidate", name])
    assert result.exit_code == 1
    assert "no candidate" in result.stderr


@pytest.mark.usefixtures("directory")
def test_a_candidate_of_another_run_is_refused() -> None:
    other = make_run("0123456789ab")
    stranger = make_candidate(1, run_id=other.id)
    Store(os.environ["DISCOVER_STORE_URL"]).add_run(other, [stranger])
    result = runner.invoke(app, [RUN_ID, "--candidate", stranger.id])
    assert result.exit_code == 1
    assert f"belongs to run {other.id}" in result.stderr


def test_the_model_that_ranked_may_lie_anywhere(directory: Path, tmp_path: Path) -> None:
    model = make_model(tmp_path / "model")
    sha256 = model_sha256(model)
    run = make_run("beef" * 3, directory=str(directory), model="model", model_sha256=sha256)
    Store(os.environ["DISCOVER_STORE_URL"]).add_run(run, [make_candidate(1, run.id)])
    page = directory / "report" / "index.html"
    without = runner.invoke(app, [run.id, "--no-explain"])
    assert without.exit_code == 0
    assert "note: the model model" in without.stderr
    assert sha256[:12] in without.stderr
    assert "Is it? A toy." not in page.read_text(encoding="utf-8")
    told = runner.invoke(app, [run.id, "--no-explain", "--model", str(model)])
    assert told.exit_code == 0
    assert not told.stderr.startswith("note")
    assert "Is it? A toy." in page.read_text(encoding="utf-8")
    add("renamed", model)
    assert "note" not in runner.invoke(app, [run.id, "--no-explain"]).stderr
    assert "Is it? A toy." in page.read_text(encoding="utf-8")


@pytest.mark.usefixtures("directory")
def test_another_model_than_the_one_that_ranked_is_refused(tmp_path: Path) -> None:
    make_model(tmp_path / "other")
    for given, words in ((tmp_path / "other", "is not the model that ranked"), ("nonsense", "no model")):
        result = runner.invoke(app, ["--model", str(given)])
        assert result.exit_code == 1
        assert words in result.stderr
