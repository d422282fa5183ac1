"""Collecting tells of files, as often as one likes, wherever they lie."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from candidates.verification import Verification
from discovery.verification.collect import VERIFICATION, collect, read_request
from discovery.verification.engines import StepError
from discovery.verification.local import run_here
from discovery.verification.results import REQUEST, Request, input_texts

Ask = Callable[..., Request]


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
