"""The engine with the stand-in for VASP, step by step: plumbing, not physics."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure

from dft_templates.presets import Preset
from discovery.verification.engines import StepError, StepOutput
from discovery.verification.engines.vasp import VaspEngine
from discovery.verification.options import Options

Machine = Callable[..., None]


class Runner:
    """Runs steps in their own directories and remembers where."""

    def __init__(self, folder: Path, structure: Structure, preset: Preset, options: Options) -> None:
        self.folder, self.structure, self.preset, self.options = folder, structure, preset, options
        self.engine, self.places = VaspEngine(), dict[str, Path]()

    def write(self, step: str) -> Path:
        place = self.folder / step
        place.mkdir(parents=True)
        self.engine.write(step, self.structure, self.preset, self.options, place, self.places)
        self.places[step] = place
        return place

    def run(self, step: str) -> StepOutput:
        place = self.write(step) if step not in self.places else self.places[step]
        before = {name: where for name, where in self.places.items() if name != step}
        self.engine.run(step, place, before, self.options)
        return self.engine.parse(step, place)


@pytest.fixture
def runner(tmp_path: Path, crystal: Structure, preset: Preset, machine: Machine) -> Runner:
    return Runner(tmp_path / "run", crystal, preset, Options(check="hse06"))


def test_every_step_runs_from_the_densities_of_its_own_kind(runner: Runner) -> None:
    relaxed = runner.run("relax")
    assert relaxed.structure is not None
    assert relaxed.numbers["largest force (eV/Å)"] == pytest.approx(0.001 * 3**0.5)
    static = runner.run("static")
    assert static.eigenvalues is not None
    assert not static.eigenvalues.spin_orbit
