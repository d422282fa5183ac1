"""Of attempts that were not taken the large files go, and nothing is run again for that: plumbing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.verification import superseded
from discovery.verification.local import run_here
from discovery.verification.results import Request
from tests.discovery.verification.test_attempts import topology, wannier
from tests.discovery.verification.test_flow import ENGINE_STEPS, runs

Ask = Callable[..., Request]
Set = Callable[..., None]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(superseded, "LARGE", 10)
    for name in ("x.mmn", "out/c.save/charge.dat", "attempt-2/x.mmn", "POSCAR", "x_hr.dat", "small"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("0" * (5 if name == "small" else 20))
    (tmp_path / "written.json").write_text('["POSCAR"]')
    return tmp_path


def test_large_files_go_and_are_named(place: Path) -> None:
    superseded.prune(place)
    left = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert left >= {"POSCAR", "small", "x_hr.dat", "attempt-2/x.mmn", superseded.PRUNED}
    assert not left & {"x.mmn", "out/c.save/charge.dat"}
    assert (place / superseded.PRUNED).read_text().split() == ["out/c.save/charge.dat", "x.mmn"]
    assert superseded.is_pruned(place)
    assert not superseded.is_pruned(place / "attempt-2")


def test_where_nothing_is_large_nothing_is_said(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superseded, "LARGE", 1000)
    superseded.prune(place)
    assert not superseded.is_pruned(place)


def test_a_verification_goes_on_from_pruned_attempts(
    ask: Ask, set_faults: Set, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Its inputs are all that the stand-in leaves: without them it cannot be read.
    monkeypatch.setattr(superseded, "LARGE", 0)
    monkeypatch.setattr(superseded, "written_inputs", lambda directory: [])
    set_faults(needs_mesh=5)
    request = ask()
    first = run_here(request)
    engine = Path(request.directory) / "08-wannier-input"
    assert superseded.is_pruned(engine)
    assert not (engine / "in.json").exists()
    assert not superseded.is_pruned(engine / "attempt-2")
    result = Path(request.directory) / "09-wannier" / "result.json"
    result.unlink()
    again = run_here(ask())
    assert topology(again) == topology(first) == "strong TI"
    assert wannier(again).numbers == wannier(first).numbers
    assert runs(request) == [*ENGINE_STEPS, "wannier_input"]
