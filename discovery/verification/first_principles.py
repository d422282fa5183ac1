"""The job of a first-principles step, whichever the step and the program."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discovery.verification import early
from discovery.verification.eigenvalues import ElectronCountError
from discovery.verification.engines import UNFINISHED, StepError, StepOutput, make_engine
from discovery.verification.results import INPUTS, WRITTEN, Crystal, Request, StepResult, write_text
from discovery.verification.steps import GO_ON, StepMaker, directories


@dataclass
class EngineStepMaker(StepMaker):
    """Makes the job of a first-principles step: write the input, run the program, read what it found."""

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Run the engine and hold its answer against what every such step must fulfil."""
        from dft_templates.presets import Preset

        if not previous and request.options.stop_early:
            decides = early.odd_electrons(request.crystal, request.options)
            if decides:  # nothing has run: a state of its own, not to be taken for a result
                return {"state": "stopped", "reason": decides, "remedy": GO_ON}
        engine = make_engine(request.engine)
        places = directories(previous)
        preset, crystal = Preset.model_validate(request.preset), crystal_now(request, previous)
        if not (directory / UNFINISHED).is_file():  # otherwise its inputs are there, and results with them
            engine.write(self.name, crystal.structure(), preset, request.options, directory, places)
            written = sorted(file.name for file in directory.iterdir() if file.is_file())
            write_text(directory / WRITTEN, json.dumps([name for name in written if name != INPUTS]))
        engine.run(self.name, directory, places, request.options)
        output = engine.parse(self.name, directory)
        return self.findings(request, crystal, output, directory)

    def findings(
        self, request: Request, crystal: Crystal, output: StepOutput, directory: Path
    ) -> dict[str, Any]:
        """Turn what the engine read into fields of `StepResult`, and write what later steps draw.

        Raises:
            StepError: the space group changed, or the bands are not those asked for.
        """
        from discovery.verification.plots import write_bands, write_parities

        numbers: dict[str, float] = {}
        changes: dict[str, Any] = {
            "programs": dict(output.programs),
            "functional": output.functional,
            "stand_in": output.stand_in,
            "memory_mb": output.memory_mb,
        }
        if self.name == "relax":
            changes["crystal"] = relaxed(request, output)
        if output.parities is not None:
            write_parities(output.parities, directory)
            numbers |= {f"ν{i}": float(value) for i, value in enumerate(output.parities.nu)}
            numbers["Z4"] = float(output.parities.z4)
        bands = output.eigenvalues
        if bands is not None:
            changes["decides"] = early.metal(self.name, bands, request.options)
            with suppress(ElectronCountError):
                numbers["direct gap (eV)"] = bands.direct_gap
                numbers["indirect gap (eV)"] = bands.indirect_gap
            numbers["electrons"] = bands.n_electrons
        if self.name in ("bands", "bands_soc"):
            if bands is None:
                raise StepError(f"the engine read no bands from {directory}")
            write_bands(request, crystal, output, directory)
        if output.magnetisation is not None:
            numbers["magnetisation (μB)"] = output.magnetisation
        return changes | {"numbers": numbers | dict(output.numbers)}


def relaxed(request: Request, output: StepOutput) -> Crystal:
    """Return the relaxed crystal in its standardised primitive cell.

    Raises:
        StepError: there is none, or its space group is another one.
    """
    from discovery.verification.path import space_group, standard_cell

    if output.structure is None:
        raise StepError("the relaxation left no structure", "Look into its output.")
    number = space_group(output.structure)
    if number != request.spacegroup:
        raise StepError(
            f"the relaxation changed the space group from {request.spacegroup} to {number}: "
            "what was predicted for the one says nothing about the other",
            "Look at the relaxed structure; verify it as a crystal of its own, or use --no-relax.",
        )
    return Crystal.of(standard_cell(output.structure))


def crystal_now(request: Request, previous: Sequence[StepResult]) -> Crystal:
    """Return the crystal as the latest step left it."""
    changed = [result.crystal for result in previous if result.crystal is not None]
    return changed[-1] if changed else request.crystal
