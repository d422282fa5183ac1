"""Collecting tells of files, as often as one likes, wherever they lie."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from candidates.verification import Verification
from discovery.verification.collect import VERIFICATION, collect, read_request
from discovery.verification.emit import write_inputs
from discovery.verification.engines import StepError
from discovery.verification.local import Event, run_here
from discovery.verification.results import REQUEST, Request, input_texts

Ask = Callable[..., Request]
Set = Callable[..., None]


def test_collecting_twice_is_collecting_once(ask: Ask) -> None:
    request = ask()
    record = run_here(request)
    directory = Path(request.directory)
    assert collect(directory) == collect(directory) == record
    on_disk = Verification.model_validate_json((directory / VERIFICATION).read_text())
    assert on_disk.verdict == record.verdict
    assert [s.state for s in on_disk.steps] == [s.state for s in record.steps]


def test_a_copy_says_the_same(ask: Ask, tmp_path: Path) -> None:
    request = ask()
    record = run_here(request)
    moved = tmp_path / "elsewhere"
    shutil.copytree(request.directory, moved)
    shutil.rmtree(request.directory)
    assert collect(moved) == record


def test_what_cannot_be_collected(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(StepError, match="holds no verification"):
        collect(tmp_path)
    (tmp_path / REQUEST).write_text("{")
    with pytest.raises(StepError, match="cannot be read"):
        read_request(tmp_path)


def test_a_damaged_result_counts_as_none(ask: Ask) -> None:
    request = ask()
    run_here(request)
    result = Path(request.directory) / "09-wannier" / "result.json"
    result.write_text(result.read_text()[:50])
    record = collect(Path(request.directory))
    assert {s.name: s.state for s in record.steps}["wannier"] == "waiting"
    assert run_here(ask()).state == "verified"


def test_secrets_and_ballast_are_not_shown(tmp_path: Path) -> None:
    names = ["INCAR", "POTCAR", "POTCAR.spec", "Sb_r.upf", "POTCAR.gz", "big", "binary", "absent"]
    for name in names[:-1]:
        (tmp_path / name).write_text(name)
    (tmp_path / "big").write_text("x" * 200_000)
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert input_texts(tmp_path, names) == {"INCAR": "INCAR", "POTCAR.spec": "POTCAR.spec"}


def test_the_step_at_work_is_running(ask: Ask) -> None:
    request = ask()
    seen: list[dict[str, str]] = []

    def look(event: Event) -> None:
        if event.state == "running":
            record = collect(Path(request.directory))
            seen.append({step.name: step.state for step in record.steps if step.state == "running"})
            assert {step.name: step.state for step in record.steps}[event.step] == "running"
            assert record.state == "running"

    record = run_here(request, look)
    assert [list(names) for names in seen] == [[step.name] for step in record.steps]


def test_a_step_that_was_interrupted_says_so_and_does_not_run(ask: Ask, set_faults: Set) -> None:
    set_faults(kill="static_soc")
    request = ask()
    with pytest.raises(KeyboardInterrupt):
        run_here(request)
    step = {step.name: step for step in collect(Path(request.directory)).steps}["static_soc"]
    assert (step.state, step.reason) == ("waiting", "it had begun and was interrupted")
    assert "goes on" in step.remedy
    # while a later run is at another step, what the first one left is not running
    set_faults()

    def look(event: Event) -> None:
        states = {step.name: step.state for step in collect(Path(request.directory)).steps}
        if (event.step, event.state) == ("static", "running"):
            assert (states["static"], states["static_soc"]) == ("running", "waiting")

    assert run_here(ask(hubbard={"Po": 1.0}), look).state == "verified"


def test_inputs_that_were_only_written_have_not_begun(ask: Ask) -> None:
    request = ask()
    write_inputs(request)
    record = collect(Path(request.directory))
    assert {(step.state, step.reason) for step in record.steps} == {("waiting", "")}
    assert record.state == "waiting"
