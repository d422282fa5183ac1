"""Inputs without a run: every file, and what waits for which result."""

import json
from collections.abc import Callable
from pathlib import Path

from discovery.verification.emit import write_inputs
from discovery.verification.local import run_here
from discovery.verification.results import Request

Ask = Callable[..., Request]


def test_every_input_is_written(ask: Ask) -> None:
    request = ask(relax=True, surfaces=True)
    written = {step.name: step for step in write_inputs(request)}
    root = Path(request.directory)
    assert next(iter(written)) == "relax"
    assert set(written["static"].files) == {"POSCAR", "POTCAR", "in.json"}
    assert written["static"].needs == {"structure": "relaxed cell of relax"}
    assert written["wannier_input"].needs["windows"] == "eigenvalues of static_soc"
    assert "wannier" in written["topology"].needs["number of occupied bands, gates"]
    plan = json.loads((root / "plan.json").read_text())
    assert [step["step"] for step in plan] == list(written)
    assert (root / "05-bands-soc" / "in.json").is_file()
    readme = (root / "README.txt").read_text()
    assert "<- windows: eigenvalues of static_soc" in readme
    assert "05-bands-soc/  POSCAR, POTCAR, in.json" in readme


def test_writing_again_and_running_after(ask: Ask) -> None:
    request = ask()
    assert write_inputs(request) == write_inputs(ask())
    assert run_here(ask()).state == "verified"
    result = Path(request.directory) / "02-static" / "result.json"
    before = result.read_text()
    write_inputs(ask())
    assert result.read_text() == before
