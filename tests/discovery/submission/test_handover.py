"""What is sent, when, and that nothing is sent twice; the queue is on paper."""

import multiprocessing
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.submission import SubmissionError, slurm
from discovery.submission.cluster import Cluster
from discovery.submission.handover import hand_in
from discovery.submission.ledger import Submission, locked, read_ledger, write_ledger
from discovery.submission.sending import Report, send, top_up
from discovery.verification.results import Request
from tests.discovery.submission.paper_queue import PaperQueue, paper
from tests.discovery.verification.conftest import ask, polonium, set_faults

__all__ = ["ask", "paper", "polonium", "set_faults"]

Ask = Callable[..., Request]

TWO = Cluster(mpi="mpirun", resources={"walltime": "1:00:00"}, engines={"espresso": {"ranks": 4}})
"""Two stages: the program's steps, and the others."""


def request_of(ask: Ask, number: int = 0) -> Request:
    """Return the request of one of several candidates."""
    request = ask()
    candidate = f"{number:012x}"
    directory = Path(request.directory).parent / candidate
    return request.model_copy(update={"candidate_id": candidate, "directory": str(directory)})


def give(request: Request, cluster: Cluster = TWO) -> str:
    return hand_in(request, cluster, Path("/c.yaml"), "0" * 64, slurm.queue())


def submit(*requests: Request, cluster: Cluster = TWO) -> Report:
    for request in requests:
        give(request, cluster)
    return top_up(Path(requests[0].directory).parent)


def ledger_of(request: Request) -> Submission:
    ledger = read_ledger(Path(request.directory))
    assert ledger is not None
    return ledger


def set_stage(request: Request, place: int, **changes: object) -> None:
    directory, ledger = Path(request.directory), ledger_of(request)
    write_ledger(directory, ledger.changed(ledger.stages[place].name, **changes))


def test_stages_are_chained(ask: Ask, paper: PaperQueue) -> None:
    request = request_of(ask)
    report = submit(request)
    first, second = ledger_of(request).stages
    assert report.sent == [
        (request.candidate_id, first.name, "101"),
        (request.candidate_id, second.name, "102"),
    ]
    assert (first.state, first.job_id, first.attempt) == ("sent", "101", 1)
    assert "wannier_input" in first.steps
    assert second.steps == ("wannier", "topology", "verdict")
    one, two = paper.calls("sbatch")
    assert "--dependency" not in one
    assert "--dependency=afterany:101" in two
    script = Path(request.directory, "jobs", f"{first.name}.sh").read_text()
    assert "#SBATCH --ntasks=4\n" in script
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


def test_submitting_again_sends_nothing(ask: Ask, paper: PaperQueue) -> None:
    request = request_of(ask)
    submit(request)
    before = ledger_of(request)
    assert give(request) == "known"
    assert top_up(Path(request.directory).parent).sent == []
    assert ledger_of(request) == before
    assert len(paper.jobs) == 2


def test_other_options_are_refused_while_it_is_queued(ask: Ask, paper: PaperQueue) -> None:
    request = request_of(ask)
    submit(request)
    other = request.model_copy(update={"options": request.options.model_copy(update={"check": "hse06"})})
    with pytest.raises(SubmissionError, match="other options") as caught:
        give(other)
    assert "discover cancel" in caught.value.remedy
    paper.end("101", "102")
    assert give(other) == "new"
    assert any("check" in stage.steps for stage in ledger_of(other).stages)


def test_what_has_ended_is_not_sent_again(ask: Ask, paper: PaperQueue) -> None:
    request = request_of(ask)
    submit(request)
    paper.end("101", "102")
    set_stage(request, 0, state="ended")
    assert give(request) == "new"  # the second one went away without a word
    assert [stage.state for stage in ledger_of(request).stages] == ["ended", "held"]
    assert [stage for _, stage, _ in submit(request).sent] == ["2-wannier"]
    paper.end("103")
    set_stage(request, 1, state="ended")
    assert give(request) == "ended"


def test_no_more_jobs_than_allowed(ask: Ask, paper: PaperQueue) -> None:
    cluster = TWO.model_copy(update={"max_jobs": 3})
    requests = [request_of(ask, number) for number in range(4)]
    report = submit(*requests, cluster=cluster)
    assert {stage for _, stage, _ in report.sent} == {"1-static"}, "those that can start go first"
    assert (len(report.sent), report.held) == (3, 5)
    paper.end("101")
    set_stage(requests[0], 0, state="ended")
    root = Path(requests[0].directory).parent
    sent = top_up(root).sent
    assert [(candidate, stage) for candidate, stage, _ in sent] == [("000000000000", "2-wannier")]
    assert "--dependency" not in paper.calls("sbatch")[-1]
    # The job that ends takes no room any more.
    assert [candidate for candidate, _, _ in top_up(root, ending="104").sent] == ["000000000003"]


def test_jobs_of_others_take_no_room(ask: Ask, paper: PaperQueue) -> None:
    paper.sign("queue", "7|RUNNING|1:00|n1|somebody|None\n")
    assert len(submit(request_of(ask), cluster=TWO.model_copy(update={"max_jobs": 2})).sent) == 2


def test_a_stage_after_a_lost_one_waits(ask: Ask, paper: PaperQueue) -> None:
    request = request_of(ask)
    submit(request, cluster=TWO.model_copy(update={"max_jobs": 1}))
    paper.end("101")
    report = top_up(Path(request.directory).parent)
    assert (report.sent, report.held) == ([], 0)


def test_a_refusal_is_told_and_the_rest_is_held(ask: Ask, paper: PaperQueue) -> None:
    words = "sbatch: error: invalid partition specified: lang\nsbatch: error: Invalid partition name\n"
    sign = paper.sign("refuse", words)
    requests = [request_of(ask, number) for number in range(3)]
    report = submit(*requests)
    assert "invalid partition specified: lang" in report.refused
    assert len(paper.calls("sbatch")) == 1, "the others would be refused as well"
    assert report.held == 6
    assert "partition" in ledger_of(requests[0]).stages[0].reason
    sign.unlink()
    assert len(top_up(Path(requests[0].directory).parent).sent) == 6


@pytest.mark.parametrize("sign", ["silent", "silent-before"])
def test_silence_is_looked_into_before_anything_is_sent_again(ask: Ask, paper: PaperQueue, sign: str) -> None:
    silent = paper.sign(sign)
    request = request_of(ask)
    report = submit(request)
    assert "timed out" in report.refused
    assert ledger_of(request).stages[0].state == "sending"
    silent.unlink()
    top_up(Path(request.directory).parent)
    assert [stage.state for stage in ledger_of(request).stages] == ["sent", "sent"]
    assert len(paper.jobs) == 2
    assert ledger_of(request).stages[0].job_id in paper.jobs


def test_a_queue_that_is_away_sends_nothing(ask: Ask, paper: PaperQueue) -> None:
    paper.sign("away")
    request = request_of(ask)
    hand_in(request, TWO, Path("/c.yaml"), "0" * 64, {})
    with pytest.raises(slurm.Unanswered, match="Unable to contact"):
        top_up(Path(request.directory).parent)
    assert {stage.state for stage in ledger_of(request).stages} == {"held"}


def test_a_damaged_ledger_does_not_stop_the_others(ask: Ask, paper: PaperQueue) -> None:
    requests = [request_of(ask, number) for number in range(2)]
    for request in requests:
        give(request)
    Path(requests[0].directory, "submission.json").write_text("{")
    report = top_up(Path(requests[0].directory).parent)
    assert list(report.damaged) == [requests[0].candidate_id]
    assert {candidate for candidate, _, _ in report.sent} == {requests[1].candidate_id}


def test_sbatch_keeps_the_lock(ask: Ask, paper: PaperQueue) -> None:
    """Whoever dies while sbatch is at work leaves the lock to it."""
    (paper.place / "sbatch").write_text("#!/bin/bash\nsleep 3 >/dev/null 2>&1 & echo 55\n")
    request = request_of(ask)
    give(request)
    directory = Path(request.directory)
    send(directory, "1-static")
    with pytest.raises(SubmissionError, match="another process"), locked(directory, timeout=0.5):
        pass


def test_job_scripts_quote(ask: Ask, paper: PaperQueue, tmp_path: Path) -> None:
    odd = tmp_path / "my $(touch pwned) 'runs'"
    request = request_of(ask)
    request = request.model_copy(update={"directory": str(odd / request.candidate_id), "name": "x\ntouch y"})
    cluster = TWO.model_copy(
        update={
            "environment": {"A": "it's $HOME; touch pwned"},
            "python": "/bin/echo",
            "prologue": "echo begun",
        }
    )
    give(request, cluster)
    script = odd / request.candidate_id / "jobs" / "1-static.sh"
    done = subprocess.run(["bash", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "begun" in done.stdout
    assert f"-m discovery work {odd / request.candidate_id} --steps static," in done.stdout
    assert not list(tmp_path.rglob("pwned"))
    assert "touch y" not in script.read_text()


def test_the_shell_of_a_job_tells_its_steps_of_the_walltime(
    ask: Ask, paper: PaperQueue, tmp_path: Path
) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/bash\ntrap 'exit 3' USR1\necho ready\nwhile :; do sleep 0.1; done\n")
    python.chmod(0o755)
    request = request_of(ask)
    give(request, TWO.model_copy(update={"python": str(python)}))
    script = Path(request.directory, "jobs", "1-static.sh")
    job = subprocess.Popen(["bash", script], stdout=subprocess.PIPE, text=True)
    assert job.stdout is not None
    assert job.stdout.readline() == "ready\n"
    job.send_signal(10)
    assert job.wait(20) == 3
    job.stdout.close()


def _hand_in(request: Request) -> None:
    hand_in(request, TWO, Path("/c.yaml"), "0" * 64, {})


def test_two_at_once_hand_in_one_verification(ask: Ask) -> None:
    context = multiprocessing.get_context("fork")
    for number in range(5):
        request = request_of(ask, number)
        both = [context.Process(target=_hand_in, args=(request,)) for _ in range(2)]
        for process in both:
            process.start()
        for process in both:
            process.join()
        assert [process.exitcode for process in both] == [0, 0]
        assert len(ledger_of(request).stages) == 2


def test_a_queue_that_was_asked_too_early_is_asked_again(ask: Ask, paper: PaperQueue) -> None:
    request = request_of(ask)
    before = slurm.queue()
    submit(request)
    assert hand_in(request, TWO, Path("/c.yaml"), "0" * 64, before) == "known"
