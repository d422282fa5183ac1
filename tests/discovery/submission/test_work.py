"""What jobs do at their beginning and end; the queue is on paper, the program a stand-in."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.submission import SubmissionError
from discovery.submission.cluster import Cluster
from discovery.submission.ledger import Stage, read_ledger, write_ledger
from discovery.submission.work import Worked, work
from discovery.verification.collect import collect
from discovery.verification.engines import DEADLINE, UNFINISHED
from discovery.verification.order import planned_steps
from discovery.verification.results import Request, read_result, step_directory
from tests.discovery.submission.paper_queue import PaperQueue, paper
from tests.discovery.submission.test_handover import TWO, ledger_of, request_of, set_stage, submit
from tests.discovery.verification.conftest import ask, polonium, set_faults

__all__ = ["ask", "paper", "polonium", "set_faults"]

Ask = Callable[..., Request]
Set = Callable[..., None]
Run = Callable[..., Worked]


@pytest.fixture
def run(paper: PaperQueue, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that does what the job of a stage does, as the queue would start it."""
    monkeypatch.setenv(DEADLINE, "")

    def start(request: Request, place: int, said: list[str] | None = None, **changes: object) -> Worked:
        stage = ledger_of(request).stages[place]
        monkeypatch.setenv("SLURM_JOB_ID", str(changes.pop("number", stage.job_id)))
        monkeypatch.setenv("SLURM_JOB_NAME", str(changes.pop("name", ledger_of(request).job_name(stage))))
        say = (said if said is not None else []).append
        done = work(Path(request.directory), stage.steps, say=say, **changes)  # type: ignore[arg-type]
        paper.end(os.environ["SLURM_JOB_ID"])
        return done

    return start


def stages(request: Request) -> list[str]:
    return [stage.state for stage in ledger_of(request).stages]


def test_two_jobs_make_a_verdict(ask: Ask, paper: PaperQueue, run: Run) -> None:
    request = request_of(ask)
    submit(request)
    assert run(request, 0, until=time.time() + 3600).ending == "ended"
    assert stages(request) == ["ended", "sent"]
    assert float(os.environ[DEADLINE]) == pytest.approx(time.time() + 3600, abs=600)
    assert run(request, 1).ending == "ended"
    assert stages(request) == ["ended", "ended"]
    assert collect(Path(request.directory)).state == "verified"
    assert paper.jobs == {}


def test_ranks_of_the_job_are_not_those_of_the_request(ask: Ask, run: Run) -> None:
    request = request_of(ask)
    submit(request)
    before = Path(request.directory, "request.json").read_bytes()
    run(request, 0, ranks=4, threads=2)
    assert Path(request.directory, "request.json").read_bytes() == before


def test_a_job_whose_number_was_never_written_down_says_it_itself(
    ask: Ask, paper: PaperQueue, run: Run
) -> None:
    request = request_of(ask)
    submit(request)
    set_stage(request, 0, state="sending", job_id="")
    assert run(request, 0, number="101").ending == "ended"
    assert ledger_of(request).stages[0].job_id == "101"


@pytest.mark.parametrize(
    ("changes", "name", "said"),
    [
        ({"attempt": 2}, "discover-{id}-{token}-1.1", "replaced"),
        ({"state": "cancelled"}, None, "cancelled"),
        ({"state": "ended"}, None, "ended"),
        ({}, "discover-{id}-ffffff-1.1", "replaced"),
    ],
)
def test_a_job_that_is_not_wanted_any_more_does_nothing(
    ask: Ask, run: Run, changes: dict[str, object], name: str | None, said: str
) -> None:
    request = request_of(ask)
    submit(request)
    set_stage(request, 0, **changes)
    ledger = ledger_of(request)
    named = {"name": name.format(id=ledger.candidate, token=ledger.token)} if name else {}
    done = run(request, 0, number="101", **named)
    assert (done.ending, said in done.reason) == ("idle", True)
    assert not step_directory(request, "static").exists()


def test_walltime_sends_the_same_steps_again(ask: Ask, paper: PaperQueue, run: Run, set_faults: Set) -> None:
    set_faults(walltime="static_soc")
    request = request_of(ask)
    submit(request)
    done = run(request, 0)
    assert (done.ending, done.again) == ("walltime", "103")
    first = ledger_of(request).stages[0]
    assert (first.state, first.job_id, first.attempt) == ("sent", "103", 2)
    assert "--dependency=afterany:101" in paper.calls("sbatch")[-1], "not before this job has ended"
    assert paper.calls("scontrol") == ["scontrol update JobId=102 Dependency=afterany:103"]
    place = step_directory(request, "static_soc")
    assert (place / UNFINISHED).exists()
    assert not step_directory(request, "bands_soc").exists(), "nothing more was begun"
    set_faults()
    assert run(request, 0).ending == "ended"
    assert run(request, 1).ending == "ended"
    assert collect(Path(request.directory)).state == "verified"
    log = (Path(request.directory).parent / "runs.txt").read_text().split()
    assert sorted(log) == sorted(set(log)), "each step came to its end once"


def test_walltime_reached_too_often_is_a_failure(
    ask: Ask, paper: PaperQueue, run: Run, set_faults: Set
) -> None:
    set_faults(walltime="static_soc")
    request = request_of(ask)
    submit(request, cluster=TWO.model_copy(update={"max_attempts": 3}))
    endings = [run(request, 0).again for _ in range(3)]
    assert [bool(again) for again in endings] == [True, True, False]
    first = ledger_of(request).stages[0]
    assert (first.state, first.reason) == ("failed", "the walltime of 0-01:00:00 was reached 3 times")
    result = read_result(step_directory(request, "static_soc"))
    assert result is not None
    assert (result.state, "3 times" in result.reason) == ("failed", True)
    assert "discover retry" in result.remedy
    # What comes after finds that out, and says so in the record.
    assert run(request, 1).ending == "ended"
    record = collect(Path(request.directory))
    assert record.state == "failed"
    assert {step.name: step.state for step in record.steps}["wannier"] == "skipped"


def test_a_step_that_ends_begins_the_count_anew(
    ask: Ask, paper: PaperQueue, run: Run, set_faults: Set
) -> None:
    request = request_of(ask)
    submit(request, cluster=TWO.model_copy(update={"max_attempts": 3}))
    for step in ("static", "static", "bands", "bands", "parities", "parities"):
        set_faults(walltime=step)
        assert run(request, 0).again
    assert ledger_of(request).stages[0].walltimes == 2


def test_the_signal_ends_a_step_that_does_not_look_at_the_clock(
    ask: Ask, paper: PaperQueue, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.discovery.verification.fake_engine import FakeEngine

    real = FakeEngine.run

    def slow(self: FakeEngine, step: str, *rest: object) -> None:
        if step == "bands":
            threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
            time.sleep(30)
        real(self, step, *rest)  # type: ignore[arg-type]

    request = request_of(ask)
    submit(request)
    monkeypatch.setattr(FakeEngine, "run", slow)
    begun = time.monotonic()
    done = run(request, 0)
    assert time.monotonic() - begun < 20
    assert (done.ending, done.again) == ("walltime", "103")
    assert read_result(step_directory(request, "bands")) is None
    monkeypatch.setattr(FakeEngine, "run", real)
    assert run(request, 0).ending == "ended"


def test_a_refused_successor_is_held(ask: Ask, paper: PaperQueue, run: Run, set_faults: Set) -> None:
    set_faults(walltime="bands")
    request = request_of(ask)
    submit(request)
    sign = paper.sign("refuse", "sbatch: error: no submission from a node\n")
    said: list[str] = []
    assert run(request, 0, said).again == ""
    assert any("no submission from a node" in line for line in said)
    assert stages(request) == ["held", "sent"]
    sign.unlink()
    # The next job comes before its turn, puts itself back, and sends what is missing.
    set_faults()
    assert run(request, 1).ending == "idle"
    assert stages(request) == ["sent", "sent"]
    assert run(request, 0).ending == "ended"
    assert run(request, 1).ending == "ended"
    assert collect(Path(request.directory)).state == "verified"


def test_a_job_that_went_away_is_sent_again_by_the_next(ask: Ask, paper: PaperQueue, run: Run) -> None:
    request = request_of(ask)
    submit(request)
    paper.end("101")
    said: list[str] = []
    assert run(request, 1, said).ending == "idle"
    assert any("101 went away" in line for line in said)
    first, second = ledger_of(request).stages
    assert (first.state, first.attempt, second.state, second.attempt) == ("sent", 2, "sent", 2)
    assert set(paper.jobs) == {first.job_id, second.job_id}
    assert paper.calls("sbatch")[-1].count(f"afterany:{first.job_id}") == 1


def test_a_job_that_always_goes_away_is_a_failure(ask: Ask, paper: PaperQueue, run: Run) -> None:
    request = request_of(ask)
    submit(request, cluster=TWO.model_copy(update={"max_attempts": 2}))
    for _ in range(2):
        paper.end(ledger_of(request).stages[0].job_id)
        run(request, 1)
    assert stages(request)[0] == "failed"
    assert "went away" in ledger_of(request).stages[0].reason


def test_an_early_end_does_not_queue_for_nothing(
    ask: Ask, paper: PaperQueue, run: Run, set_faults: Set
) -> None:
    set_faults(electrons=2.0, metal=True)
    request = request_of(ask)
    submit(request)
    assert run(request, 0).ending == "ended"
    assert stages(request) == ["ended", "ended"]
    assert paper.jobs == {}
    record = collect(Path(request.directory))
    assert record.state == "stopped"
    assert Path(request.directory, "verification.json").exists()


def test_a_job_that_ends_makes_room_for_others(ask: Ask, paper: PaperQueue, run: Run) -> None:
    cluster = Cluster(max_jobs=1, mpi="mpirun")
    requests = [request_of(ask, number) for number in range(3)]
    report = submit(*requests, cluster=cluster)
    assert (len(report.sent), report.held) == (1, 2)
    for number, request in enumerate(requests):
        assert run(request, 0).ending == "ended"
        assert len(paper.jobs) == (1 if number < 2 else 0)
    assert all(collect(Path(request.directory)).state == "verified" for request in requests)


def test_by_hand_no_ledger_is_touched(
    ask: Ask, paper: PaperQueue, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = request_of(ask)
    submit(request)
    before = ledger_of(request)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert work(Path(request.directory), planned_steps(request)).ending == "ended"
    assert ledger_of(request) == before
    with pytest.raises(SubmissionError, match="no step 'relax'"):
        work(Path(request.directory), ["relax"])


def test_a_job_of_a_stage_that_there_is_no_more_does_nothing(ask: Ask, run: Run) -> None:
    request = request_of(ask)
    submit(request)
    directory = Path(request.directory)
    ledger = read_ledger(directory)
    assert ledger is not None
    write_ledger(directory, ledger.model_copy(update={"stages": ledger.stages[:1]}))
    left = ledger.stages[1]
    assert isinstance(left, Stage)
    done = run(request, 0, name=ledger.job_name(left), number="102")
    assert done.ending == "idle"
