"""What `discover logs` finds, prints and follows."""

import os
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.main import app
from discovery.submission.logs import find_logs, follow, last_lines
from discovery.verification.engines import StepError
from discovery.verification.results import Request
from tests.discovery.submission.leavings import begin, end, make_request, stage, submit


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    """A step that failed, one at work, and two jobs for it."""
    request = make_request(tmp_path / "verifications")
    (end(request, "static", state="failed") / "pw.out").write_text("static says\n")
    place = begin(request, "static_soc")
    (place / "pw.out").write_text("".join(f"iteration {i}\n" for i in range(100)))
    (place / "projwfc.out").write_text("")
    (place / "wannier90.wout").write_text("older\n")
    os.utime(place / "wannier90.wout", (1, 1))
    ledger = submit(request, stage("1-static", "static", "bands", "static_soc", job_id="8"))
    jobs = Path(request.directory) / "jobs"
    jobs.mkdir()
    for number, attempt in (("7", 1), ("8", 2)):
        name = ledger.job_name(ledger.stages[0]).rpartition(".")[0]
        (jobs / f"{name}.{attempt}.{number}.log").write_text(f"job {number}\n")
        os.utime(jobs / f"{name}.{attempt}.{number}.log", (int(number), int(number)))
    return request


def logs(request: Request, *words: str) -> Result:
    return CliRunner().invoke(app, ["logs", request.directory, *words])


def test_the_step_at_work_its_latest_output_and_its_latest_job(request_: Request) -> None:
    found = find_logs(Path(request_.directory))
    assert found.step == "static_soc"
    assert [path.name for path in found.outputs] == ["pw.out", "wannier90.wout"]
    assert found.job is not None
    assert found.job.read_text() == "job 8\n"


def test_command(request_: Request) -> None:
    done = logs(request_, "-n", "2")
    assert done.exit_code == 0, done.output
    assert "iteration 98\niteration 99\n" in done.stdout
    assert "iteration 97" not in done.stdout
    assert "job 8" in done.stdout
    assert "wannier90.wout" in done.stderr
    assert "static says" in logs(request_, "--step", "static").stdout


def test_refusals(request_: Request, tmp_path: Path) -> None:
    wrong = logs(request_, "--step", "statik")
    assert wrong.exit_code == 1
    assert "no step 'statik'" in wrong.stderr
    silent = make_request(tmp_path, "cccccccccccc")
    assert "has written nothing" in logs(silent).stderr
    (Path(silent.directory) / "request.json").write_text("{")
    with pytest.raises(StepError):
        find_logs(Path(silent.directory))


def test_the_end_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"x" * 3_000_000 + b"\nlast \xff\n")
    begun = time.process_time()
    assert last_lines(path, 1) == ["last �"]
    assert time.process_time() - begun < 0.5
    assert last_lines(path, 0) == []


def test_control_characters_are_shown_not_obeyed(request_: Request) -> None:
    path = find_logs(Path(request_.directory)).outputs[0]
    path.write_text("\x1b[2Jgone\n")
    assert "\x1b" not in logs(request_).stdout
    assert "gone" in logs(request_).stdout


def test_follow_gives_what_is_new_in_whole_lines_and_then_in_another_file(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_text("old\n")
    current, over = [first], threading.Event()
    heard: list[tuple[str, str]] = []

    def listen() -> None:
        for path, text in follow(lambda: list(current), lambda: not over.is_set(), pause=0.02):
            heard.append((path.name, text))

    def until(count: int) -> None:
        for _ in range(500):
            if len(heard) >= count:
                return
            time.sleep(0.02)
        raise AssertionError(heard)

    thread = threading.Thread(target=listen)
    thread.start()
    time.sleep(0.2)
    with first.open("a") as file:
        file.write("one\nhal")
        file.flush()
        until(1)
        file.write("f\n")
    until(2)
    second.write_text("new file\n")
    current[:] = [second]
    until(3)
    second.write_text("anew\n")  # shorter: the step began again
    until(4)
    with second.open("a") as file:
        file.write("end")
    over.set()
    thread.join(10)
    assert heard == [
        ("a", "one\n"),
        ("a", "half\n"),
        ("b", "new file\n"),
        ("b", "anew\n"),
        ("b", "end"),
    ]
