"""VASP before a deadline, with the stand-in for it: plumbing, not physics."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Incar

from dft_templates.presets import Preset
from discovery.verification.engines import DEADLINE, UNFINISHED, WalltimeReached
from discovery.verification.engines.vasp import walltime
from discovery.verification.options import Options
from tests.discovery.verification.vasp.running import Runner

Machine = Callable[..., None]


@pytest.fixture
def runner(tmp_path: Path, crystal: Structure, preset: Preset, machine: Machine) -> Runner:
    return Runner(tmp_path / "run", crystal, preset, Options())


@pytest.fixture
def deadline(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that sets the deadline to so many seconds from now."""
    import atomate2.vasp.run  # noqa: F401  # takes seconds, which no deadline here has

    monkeypatch.setattr(walltime, "LEAST", 5.0)
    monkeypatch.delenv("CUSTODIAN_WALLTIME_START", raising=False)

    def set_to(seconds: float) -> None:
        monkeypatch.setenv(DEADLINE, f"{time.time() + seconds}")

    return set_to


@pytest.mark.parametrize("step", ["relax", "static_soc"])
def test_stopped_and_gone_on(
    runner: Runner, machine: Machine, deadline: Callable[[float], None], step: str
) -> None:
    machine(slow=step)
    place = runner.write(step)
    incar = (place / "INCAR").read_text()
    assert not Incar.from_str(incar)["LWAVE"]
    deadline(13)
    with pytest.raises(WalltimeReached, match="VASP was stopped"):
        runner.start(step)
    assert (place / UNFINISHED).is_file()
    assert (place / "WAVECAR").is_file()
    stop = (place / "STOPCAR").read_text()
    assert ("LSTOP" if step == "relax" else "LABORT") in stop
    assert (place / "INCAR").read_text() == incar, "no handler has changed it for good"
    assert not list(place.glob("POTCAR")), "nothing licensed stays"
    assert "CUSTODIAN_WALLTIME_START" not in os.environ
    before = Structure.from_file(place / "POSCAR")
    machine()
    deadline(3600)
    found = runner.run(step)
    assert found.numbers["energy (eV)"] == -10.0
    assert not (place / "STOPCAR").exists()
    assert not (place / "WAVECAR").exists(), "it is kept for going on only"
    after = Structure.from_file(place / "POSCAR")
    assert (after.volume > before.volume * 1.001) == (step == "relax"), "a relaxation goes on where it was"


def test_too_little_time_to_begin(runner: Runner, deadline: Callable[[float], None]) -> None:
    deadline(5)
    with pytest.raises(WalltimeReached, match="too few to begin"):
        runner.start("static")
    assert not (runner.places["static"] / "OUTCAR").exists()


def test_wavefunctions_that_are_wanted_stay(runner: Runner, deadline: Callable[[float], None]) -> None:
    deadline(3600)
    runner.run("static_soc")
    place = runner.start("wannier_input")
    assert (place / "WAVECAR").is_file()
    assert "WANNIER90_WIN" in (place / "INCAR").read_text()


def test_without_a_deadline_nothing_changes(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEADLINE, raising=False)
    place = runner.write("static")
    incar = (place / "INCAR").read_text()
    runner.run("static")
    assert (place / "INCAR").read_text() == incar
    assert not (place / "WAVECAR").exists()
