"""Taking back: from a queue whose answers are made up (plumbing), and from a real process of this machine."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.main import app
from discovery.submission import SubmissionError
from discovery.submission.cancel import cancel, lock_holder
from discovery.submission.ledger import read_ledger
from discovery.submission.slurm import Unanswered
from discovery.submission.status import standing
from discovery.verification.lock import at_work
from discovery.verification.results import Request
from tests.discovery.submission import leavings
from tests.discovery.submission.conftest import Bench
from tests.discovery.submission.leavings import make_request, stage, submit
from tests.discovery.submission.test_status import answer, job


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Numbers that scancel was given."""
    numbers: list[str] = []
    monkeypatch.setattr("discovery.submission.slurm.cancel", numbers.extend)
    return numbers


@pytest.fixture
def two_jobs(tmp_path: Path) -> Request:
    request = make_request(tmp_path)
    submit(
        request,
        stage("1-static", "static", state="ended", job_id="6"),
        stage("2-bands", "bands", job_id="7"),
        stage("3-wannier", "wannier", "verdict", state="sending"),
    )
    return request


def names(request: Request) -> list[str]:
    ledger = read_ledger(Path(request.directory))
    assert ledger is not None
    return [ledger.job_name(one) for one in ledger.stages]


def test_jobs_with_and_without_a_number(
    two_jobs: Request, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, bands, wannier = names(two_jobs)
    answer(
        monkeypatch,
        [job("7", "RUNNING", bands), job("8", "PENDING", wannier), job("9", "RUNNING", "discover-x")],
    )
    (one,) = cancel([Path(two_jobs.directory)])
    assert (one.jobs, taken) == (("7", "8"), ["7", "8"])
    ledger = read_ledger(Path(two_jobs.directory))
    assert ledger is not None
    assert [s.state for s in ledger.stages] == ["ended", "cancelled", "cancelled"]
    assert standing(Path(two_jobs.directory), {}).state == "cancelled"


def test_again_after_scancel_was_silent(
    two_jobs: Request, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(_: object) -> None:
        raise Unanswered("scancel did not answer")

    answer(monkeypatch, [job("7", "RUNNING", names(two_jobs)[1])])
    with monkeypatch.context() as patch:
        patch.setattr("discovery.submission.slurm.cancel", silent)
        with pytest.raises(SubmissionError):
            cancel([Path(two_jobs.directory)])
    cancel([Path(two_jobs.directory)])
    assert taken == ["7"]


def test_a_silent_queue_changes_nothing(
    two_jobs: Request, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, Unanswered("squeue did not answer"))
    with pytest.raises(SubmissionError):
        cancel([Path(two_jobs.directory)])
    assert "cancelled" not in (Path(two_jobs.directory) / "submission.json").read_text()


RUN = """
import fcntl, signal, sys, time
def leave(*_):
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
with open(sys.argv[1], "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc/locks is Linux's")
def test_a_process_of_this_machine(tmp_path: Path) -> None:
    request = make_request(tmp_path)
    lock = Path(request.directory) / ".lock"
    process = subprocess.Popen([sys.executable, "-c", RUN, str(lock)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        assert at_work(Path(request.directory))
        assert lock_holder(lock) == process.pid
        (one,) = cancel([Path(request.directory)])
        assert (one.backend, one.jobs) == ("local", (str(process.pid),))
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
    assert cancel([Path(request.directory)]) == []


def discover(*words: str) -> Result:
    return CliRunner().invoke(app, ["cancel", *words])


def test_command(
    two_jobs: Request, tmp_path: Path, taken: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, [job("7", "RUNNING", names(two_jobs)[1])])
    leavings.end_with_verdict(make_request(tmp_path, "aaaaaaaaaaaa"))
    done = discover("--all", "-o", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{two_jobs.candidate_id}  taken back (job 7)\n"
    answer(monkeypatch, [])
    assert "nothing waits or runs" in discover("--all", "-o", str(tmp_path)).stderr
    assert discover("-o", str(tmp_path)).exit_code == 2
    assert discover("aaaa", "--all", "-o", str(tmp_path)).exit_code == 2


@pytest.mark.slow
def test_from_a_real_queue_and_sent_again(bench: Bench) -> None:
    bench.order("bands_soc", 'rm -f "$FAKE_PW/bands_soc"\nexec sleep 300')
    bench.submit()
    bench.wait_started("bands_soc")
    done = bench.discover("cancel", "--all")
    assert done.returncode == 0, done.stderr
    bench.slurm.wait_empty()
    row = bench.status()
    assert (row["state"], row["done"]) == ("cancelled", 3)
    assert bench.discover("retry", row["candidate"]).returncode == 0
    bench.wait_done()
