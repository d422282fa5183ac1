"""Computing again: what is removed, what stays, what is sent. The queue is made up: plumbing."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.main import app
from discovery.submission import SubmissionError
from discovery.submission.ledger import read_ledger
from discovery.submission.retry import prepare, resend
from discovery.submission.slurm import QueueJob, Unanswered
from discovery.submission.status import standing
from discovery.verification.results import INPUTS, RESULT, Request, step_directory
from tests.discovery.submission import leavings
from tests.discovery.submission.leavings import begin, end, make_request, stage, submit
from tests.discovery.submission.test_status import answer, job


@pytest.fixture
def failed(tmp_path: Path) -> Request:
    """Parities failed, with something left to go on from; all else was done, and judged without them."""
    request = make_request(tmp_path)
    leavings.end_with_verdict(request)
    place = end(request, "parities", state="failed", reason="the walltime was reached")
    (place / "unfinished.json").write_text("{}")
    end(request, "verdict", state="failed", reason="nothing to judge")
    submit(
        request,
        stage("1-static", "static", "bands", "static_soc", "bands_soc", state="ended", job_id="1"),
        stage("2-parities", "parities", state="failed", job_id="2", walltimes=3),
        stage(
            "3-wannier-input", "wannier_input", "wannier", "topology", "verdict", state="ended", job_id="3"
        ),
    )
    return request


def results(request: Request) -> set[str]:
    return {
        place.name[3:].replace("-", "_")
        for place in Path(request.directory).iterdir()
        if (place / RESULT).is_file()
    }


def test_only_what_failed_and_the_verdict(failed: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [])
    again = prepare(Path(failed.directory))
    assert again.removed == ("parities", "verdict")
    assert results(failed) == {
        "static",
        "bands",
        "static_soc",
        "bands_soc",
        "wannier_input",
        "wannier",
        "topology",
    }
    place = step_directory(failed, "parities")
    assert (place / "unfinished.json").exists()
    assert json.loads((place / INPUTS).read_text()) == {"inputs": leavings.HASH}
    ledger = read_ledger(Path(failed.directory))
    assert ledger is not None
    assert [(s.state, s.job_id, s.walltimes, s.attempt) for s in ledger.stages] == [
        ("ended", "1", 0, 1),
        ("held", "", 0, 1),
        ("held", "", 0, 1),  # topology sees parities
    ]
    assert standing(Path(failed.directory), {}).state == "held"


def test_from_a_step_all_that_use_it_and_nothing_else(
    failed: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, [])
    again = prepare(Path(failed.directory), "wannier")
    assert again.removed == ("wannier", "topology", "verdict")
    assert not step_directory(failed, "wannier").exists()
    assert "bands_soc" in results(failed)
    assert again.kept == ("static", "bands", "static_soc", "bands_soc", "parities", "wannier_input")


def test_a_damaged_result_is_removed(failed: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [])
    (step_directory(failed, "bands") / RESULT).write_text("{")
    assert prepare(Path(failed.directory)).removed == ("bands", "parities", "verdict")
    assert standing(Path(failed.directory), {}).state == "held"


@pytest.mark.parametrize("state", ["PENDING", "RUNNING"])
def test_not_while_it_is_in_the_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    request = make_request(tmp_path)
    submit(request, stage("1-static", "static", "verdict", job_id="7"))
    answer(monkeypatch, [job("7", state)])
    with pytest.raises(SubmissionError) as refusal:
        prepare(Path(request.directory))
    assert "discover cancel" in refusal.value.remedy


def test_not_while_the_queue_is_silent(failed: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, Unanswered("squeue did not answer"))
    before = results(failed)
    with pytest.raises(SubmissionError, match="does not answer"):
        prepare(Path(failed.directory))
    assert results(failed) == before


def test_nothing_to_do_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [])
    done = make_request(tmp_path, "aaaaaaaaaaaa")
    leavings.end_with_verdict(done)
    with pytest.raises(SubmissionError, match="has a verdict, strong TI"):
        prepare(Path(done.directory))
    written = make_request(tmp_path, "bbbbbbbbbbbb")
    with pytest.raises(SubmissionError, match="not submitted"):
        prepare(Path(written.directory))
    with pytest.raises(SubmissionError, match="no step 'wanier'"):
        prepare(Path(done.directory), "wanier")


def test_lost_goes_on_with_all_that_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [])
    request = make_request(tmp_path)
    end(request, "static")
    begin(request, "bands")
    submit(request, stage("1-static", "static", "bands", "verdict", job_id="7"))
    again = prepare(Path(request.directory))
    assert (again.removed, again.kept) == (("verdict",), ("static",))
    ledger = read_ledger(Path(request.directory))
    assert ledger is not None
    assert ledger.stages[0].state == "held"


CLUSTER = "resources: {walltime: 2-00:00:00}\n"


def test_it_is_sent_with_what_the_cluster_file_says_now(
    failed: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[str, str]] = []

    def take(script: Path, name: str, after: str = "", keep_open: object = ()) -> str:
        sent.append((script.read_text(), after))
        return str(100 + len(sent))

    def queue(names: object = ()) -> dict[str, QueueJob]:
        return {}

    monkeypatch.setattr("discovery.submission.slurm.queue", queue)
    monkeypatch.setattr("discovery.submission.slurm.submit", take)
    directory = Path(failed.directory)
    file = tmp_path / "cluster.yaml"
    file.write_text(CLUSTER)
    ledger = directory / "submission.json"
    ledger.write_text(ledger.read_text().replace("/home/me/cluster.yaml", str(file)))
    prepare(directory)
    assert len(resend(directory)) == len(sent) == 1  # one stage: all ask for the same now
    assert "--time=2-00:00:00" in sent[0][0]
    after = read_ledger(directory)
    assert after is not None
    assert (after.stages[0].state, after.stages[0].job_id) == ("sent", "101")


def retry(*words: str) -> Result:
    return CliRunner().invoke(app, ["retry", *words])


def test_command_goes_on_where_slurm_was_away(
    failed: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, [])
    done = retry(failed.directory)
    assert done.exit_code == 1
    assert "cluster.yaml: no such file" in done.stderr
    assert "7 steps kept; again: parities, verdict" in done.stdout


def test_one_refusal_does_not_stop_the_others(
    failed: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, [])
    other = make_request(tmp_path, "aaaaaaaaaaaa")
    done = retry("aaaa", failed.candidate_id, "-o", str(tmp_path))
    assert done.exit_code == 1
    assert f"{other.candidate_id} was not submitted" in done.stderr
    assert "7 steps kept" in done.stdout


def test_what_ran_here_runs_here_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.discovery.verification import fake_engine

    monkeypatch.setattr("discovery.verification.engines.ENGINES", {"espresso": fake_engine.NAME})
    monkeypatch.setattr("discovery.verification.wannierise.wannierise", fake_engine.wannierise)
    monkeypatch.setenv(fake_engine.FAULTS, str(tmp_path / "faults.json"))
    (tmp_path / "faults.json").write_text('{"kill": "static_soc"}')
    request = make_request(tmp_path)
    done = CliRunner().invoke(app, ["retry", request.directory])
    assert "was not submitted" in done.stderr
    begin(request, "static")
    interrupted = retry(request.directory)
    assert interrupted.exit_code == 130
    assert "2 steps of Po are kept" in interrupted.stderr
    assert standing(Path(request.directory), None).state == "lost"
    (tmp_path / "faults.json").write_text("{}")
    done = retry(request.directory)
    assert done.exit_code == 0, done.output
    assert "2 steps kept" in done.stdout
    assert "strong TI" in done.stdout
    runs = (tmp_path / "runs.txt").read_text().split()
    assert runs.count("static") == runs.count("static_soc") == 1
