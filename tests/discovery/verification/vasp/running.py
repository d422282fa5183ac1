"""Runs steps of the engine, each in its own directory, and remembers where."""

from pathlib import Path

from pymatgen.core import Structure

from dft_templates.presets import Preset
from discovery.verification.engines import StepOutput
from discovery.verification.engines.vasp import VaspEngine
from discovery.verification.options import Options


class Runner:
    """What a Flow does with an engine, without the Flow."""

    def __init__(self, folder: Path, structure: Structure, preset: Preset, options: Options) -> None:
        self.folder, self.structure, self.preset, self.options = folder, structure, preset, options
        self.engine, self.places = VaspEngine(), dict[str, Path]()

    def write(self, step: str) -> Path:
        place = self.folder / step
        place.mkdir(parents=True)
        self.engine.write(step, self.structure, self.preset, self.options, place, self.places)
        self.places[step] = place
        return place

    def start(self, step: str) -> Path:
        """Write if need be, and run."""
        place = self.places.get(step) or self.write(step)
        before = {name: where for name, where in self.places.items() if name != step}
        self.engine.run(step, place, before, self.options)
        return place

    def run(self, step: str) -> StepOutput:
        return self.engine.parse(step, self.start(step))
