"""Where verifications stand, from directories written by hand and answers of a queue made up: plumbing."""

import fcntl
import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.main import app
from discovery.cli.status_tables import duration
from discovery.settings import get_settings
from discovery.submission import SubmissionError
from discovery.submission.slurm import QueueJob, Unanswered
from discovery.submission.standing import Standing, counted
from discovery.submission.status import find_directories, standing
from discovery.verification.results import Request
from tests.discovery.submission import leavings
from tests.discovery.submission.leavings import begin, end, make_request, stage, submit

NOON = 1_795_348_800.0
"""2026-11-22T12:00:00 UTC, when everything was submitted."""


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    return make_request(tmp_path)


def stand(request: Request, *jobs: QueueJob, asked: bool = True, now: float = NOON + 60) -> Standing:
    known = {key: job for job in jobs for key in (job.id, job.name)} if asked else None
    return standing(Path(request.directory), known, now)


def job(id: str, state: str, name: str = "", reason: str = "None") -> QueueJob:
    return QueueJob(id, name, state, reason, 0, "")


def test_nothing_begun(request_: Request) -> None:
    row = stand(request_)
    assert (row.state, row.step, row.backend, row.done) == ("written", "static", "", 0)
    begin(request_, "static", inputs="written, not run")
    assert stand(request_).state == "written"


def test_a_process_of_this_machine(request_: Request) -> None:
    end(request_, "static")
    begin(request_, "bands")
    with (Path(request_.directory) / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        row = standing(Path(request_.directory), None, time.time() + 30)
        assert (row.state, row.step, row.backend, row.done) == ("running", "bands", "local", 1)
        assert row.seconds == pytest.approx(30, abs=5)
    row = stand(request_)
    assert (row.state, row.step) == ("lost", "bands")
    assert "no process" in row.error


def test_verdict(request_: Request) -> None:
    leavings.end_with_verdict(request_)
    row = stand(request_)
    assert (row.state, row.verdict, row.done, row.planned) == ("done", "strong TI", 9, 9)
    assert row.seconds == 90.0


def test_failed_and_stopped(tmp_path: Path) -> None:
    failed = make_request(tmp_path, "aaaaaaaaaaaa")
    end(failed, "static")
    end(failed, "static_soc", state="failed", reason="no\nconvergence", remedy="More iterations.")
    submit(failed, stage("1-static", "static", "static_soc", "verdict", state="ended", job_id="7"))
    row = stand(failed)  # the verdict always has the last word
    assert (row.state, row.error) == ("lost", "its jobs have ended without a verdict")
    end(failed, "verdict", state="failed", reason="nothing to judge")
    row = stand(failed)
    assert (row.state, row.step, row.error) == ("failed", "static_soc", "static_soc: no convergence")
    assert row.remedy == "More iterations."
    stopped = make_request(tmp_path, "bbbbbbbbbbbb")
    end(stopped, "static", "bands", "static_soc")
    end(stopped, "bands_soc", decides="a metal")
    row = stand(stopped)
    assert (row.state, row.step, row.error) == ("stopped", "bands_soc", "a metal")
    goes_on = make_request(tmp_path, "cccccccccccc", stop_early=False)
    end(goes_on, "static", decides="a metal")
    assert stand(goes_on).state == "lost"


def test_one_failed_step_does_not_hide_the_others(request_: Request) -> None:
    end(request_, "static", state="failed", reason="no convergence")
    submit(request_, stage("1-static", *STEPS, job_id="7"))
    begin(request_, "static_soc")
    row = stand(request_, job("7", "RUNNING"))
    assert (row.state, row.step, row.error) == ("running", "static_soc", "static: no convergence")


STEPS = ("static", "bands", "static_soc", "bands_soc")


@pytest.mark.parametrize(
    ("state", "queue", "expected"),
    [
        ("held", None, "held"),
        ("sent", "PENDING", "queued"),
        ("sent", "REQUEUED", "queued"),
        ("sent", "RUNNING", "running"),
        ("sent", "SUSPENDED", "running"),
        ("sent", "COMPLETING", "running"),
        ("sent", "NODE_FAIL", "lost"),
        ("sent", None, "lost"),
        ("failed", None, "failed"),
        ("cancelled", None, "cancelled"),
    ],
)
def test_job_of_slurm(request_: Request, state: str, queue: str | None, expected: str) -> None:
    after = "held" if state in ("held", "sent") else state
    submit(
        request_,
        stage("1-static", "static", state="ended", job_id="6"),
        stage("2-bands", "bands", "static_soc", state=state, job_id="7"),
        stage("3-wannier", "wannier", "topology", "verdict", state=after, job_id=""),
    )
    end(request_, "static")
    row = stand(request_, *([job("7", queue)] if queue else []))
    assert (row.state, row.step, row.queue, row.backend) == (expected, "bands", "7", "slurm")


def test_a_later_job_sees_to_one_that_is_gone(request_: Request) -> None:
    submit(
        request_, stage("1-static", *STEPS, job_id="7"), stage("2-wannier", "wannier", "verdict", job_id="8")
    )
    row = stand(request_, job("8", "PENDING"))
    assert (row.state, row.queue) == ("queued", "8")
    assert "job 7 of 1-static is gone" in row.error
    assert stand(request_, job("7", "RUNNING"), job("8", "PENDING")).error == ""


def test_a_stage_that_failed_is_not_the_end_of_the_others(request_: Request) -> None:
    end(request_, "static", state="failed", reason="the walltime was reached 3 times")
    first = stage("1-static", *STEPS, state="failed", job_id="7", reason="the walltime was reached 3 times")
    submit(request_, first, stage("2-wannier", "wannier", "verdict", job_id="8"))
    row = stand(request_, job("8", "PENDING"))
    assert (row.state, row.step) == ("queued", "wannier")
    assert row.error == "static: the walltime was reached 3 times"


def test_a_job_sent_after_the_queue_was_asked_is_not_lost(request_: Request) -> None:
    submit(request_, stage("1-static", *STEPS, job_id="7"))
    assert stand(request_, now=NOON + 3).state == "queued"
    assert stand(request_, now=NOON + 60).state == "lost"


def test_a_job_that_waits_for_long_says_why_if_that_is_unusual(request_: Request) -> None:
    submit(request_, stage("1-static", *STEPS, job_id="7"))
    assert stand(request_, job("7", "PENDING", reason="Priority")).error == ""
    row = stand(request_, job("7", "PENDING", reason="AssocMaxJobsLimit"), now=NOON + 3600)
    assert row.error == "the queue says AssocMaxJobsLimit"
    assert row.seconds == 3600


def test_a_job_whose_number_was_never_written_is_found_by_its_name(request_: Request) -> None:
    ledger = submit(request_, stage("1-static", *STEPS, state="sending"))
    name = ledger.job_name(ledger.stages[0])
    row = stand(request_, job("9", "RUNNING", name=name))
    assert (row.state, row.queue) == ("running", "9")
    assert stand(request_, now=NOON + 30).state == "queued"
    assert stand(request_, now=NOON + 600).state == "lost"


def test_a_queue_that_does_not_answer_is_not_taken_for_an_empty_one(request_: Request) -> None:
    submit(request_, stage("1-static", *STEPS, job_id="7"))
    assert stand(request_, asked=False).state == "queued"
    begin(request_, "static")
    assert stand(request_, asked=False).state == "running"


def test_damage_is_a_state(tmp_path: Path) -> None:
    for number, (name, damage) in enumerate(
        [("request.json", "{"), ("01", "{"), ("submission.json", "[]"), ("01", '{"state": 7}')]
    ):
        request = make_request(tmp_path, f"{number:012x}", relax=True)
        place = end(request, "relax")
        (place / "result.json" if name == "01" else Path(request.directory) / name).write_text(damage)
        row = stand(request)
        assert row.state == "damaged"
        assert request.directory in row.error
        assert row.remedy


def test_names(tmp_path: Path) -> None:
    for id in ("aaaaaaaaaaaa", "aaabbbbbbbbb"):
        make_request(tmp_path, id)
    (tmp_path / "notes").mkdir()
    assert [path.name for path in find_directories(tmp_path, [])] == ["aaaaaaaaaaaa", "aaabbbbbbbbb"]
    assert find_directories(tmp_path, ["aaaa", str(tmp_path / "aaaaaaaaaaaa")]) == [tmp_path / "aaaaaaaaaaaa"]
    for wrong in ("aaa", "f", ""):
        with pytest.raises(SubmissionError):
            find_directories(tmp_path, [wrong])
    assert find_directories(tmp_path / "nowhere", []) == []


def test_summary() -> None:
    rows = [Standing("a", "", "done"), Standing("b", "", "done"), Standing("c", "", "lost")]
    assert counted(rows) == "3 candidates: 2 done, 1 lost"
    assert [duration(s) for s in (None, 5.2, 200, 18_240, 200_000)] == [
        "",
        "5 s",
        "3 min 20 s",
        "5 h 04 min",
        "2 d 07 h",
    ]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "verifications"
    monkeypatch.setenv("DISCOVER_VERIFICATIONS", str(place))
    get_settings.cache_clear()
    leavings.end_with_verdict(make_request(place, "aaaaaaaaaaaa"))
    running = make_request(place, "bbbbbbbbbbbb")
    submit(running, stage("1-static", *STEPS, job_id="7"))
    begin(running, "static")
    return place


def status(*words: str) -> Result:
    return CliRunner().invoke(app, ["status", *words])


def answer(monkeypatch: pytest.MonkeyPatch, *answers: Any) -> list[int]:
    """Let the queue answer so, the last answer for ever, and return a list that grows with each call."""
    calls: list[int] = []

    def queue() -> dict[str, QueueJob]:
        said = answers[min(len(calls), len(answers) - 1)]
        calls.append(1)
        if isinstance(said, Exception):
            raise said
        return {one.id: one for one in said}

    monkeypatch.setattr("discovery.submission.slurm.queue", queue)
    return calls


def test_command(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(monkeypatch, [job("7", "RUNNING")])
    done = status()
    assert done.exit_code == 0, done.output
    for word in ("aaaaaaaaaaaa", "done", "strong TI", "9/9", "bbbbbbbbbbbb", "running", "static", "7"):
        assert word in done.stdout
    assert "2 candidates: 1 done, 1 running" in done.stderr
    assert len(calls) == 1
    rows = json.loads(status("--json", "bbb").stdout)
    assert [(row["candidate"], row["state"], row["queue"]) for row in rows] == [
        ("bbbbbbbbbbbb", "running", "7")
    ]


def test_lost_is_exit_1_with_its_remedy(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [])
    done = status()
    assert done.exit_code == 1
    assert "left the queue" in done.stdout
    assert "discover retry bbbbbbbbbbbb" in done.stderr


def test_silent_queue(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, Unanswered("squeue is not on this machine"))
    done = status()
    assert done.exit_code == 0
    assert "does not answer" in done.stderr
    assert "running" in done.stdout


def test_watch_ends_when_nothing_changes_by_itself(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = answer(monkeypatch, [job("7", "PENDING")], [job("7", "RUNNING")], [])
    done = status("--watch", "--every", "0.2")
    assert done.exit_code == 1
    assert "lost" in done.stdout
    assert len(calls) == 3


def test_names_cannot_drive_the_terminal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, [])
    place = root / "aaaaaaaaaaaa" / "request.json"
    place.write_text(place.read_text().replace('"Po"', '"[red]\\u001b[2J"', 1))
    assert "\x1b" not in status().stdout
    assert "[red]" in status().stdout


def test_what_waited_for_room_is_sent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from discovery.submission import slurm

    waiting = make_request(root, "cccccccccccc")
    submit(waiting, stage("1-static", *STEPS, state="held", job_id=""))
    answer(monkeypatch, [job("7", "RUNNING", "discover-bbbbbbbbbbbb-00ff00-1.1")])
    sent: list[str] = []

    def take(script: Path, name: str, after: str = "", keep_open: Any = ()) -> str:
        sent.append(name)
        return "8"

    monkeypatch.setattr(slurm, "submit", take)
    done = status()
    assert sent == ["discover-cccccccccccc-00ff00-1.2"]
    assert "sent 1 that waited" in done.stderr
    assert {row["state"] for row in json.loads(status("--json", "ccc").stdout)} == {"queued"}
