"""The jobs of a verification: one Maker for each kind of step, all ending in a `StepResult`.

A job never raises for what was to be expected. Its directory holds ``inputs.json`` from the moment it starts
and ``result.json`` when it has ended, so that the same verification begun again goes on where it stood.
"""

import json
import logging
import shutil
import time
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobflow import Maker, job

from candidates.verification import StepState
from discovery.verification import early
from discovery.verification.eigenvalues import ElectronCountError
from discovery.verification.engines import StepError, StepOutput, make_engine
from discovery.verification.results import (
    INPUTS,
    RESULT,
    WRITTEN,
    Crystal,
    Request,
    StepResult,
    inputs_hash,
    read_result,
    step_directory,
    write_text,
)

logger = logging.getLogger("discovery.verification")
"""Tells of every step: ``extra`` holds ``step``, ``state``, ``seconds``, ``reason`` and ``candidate``."""

GO_ON = "--no-stop-early goes on, --magnetic drops time reversal."


@dataclass
class StepMaker(Maker):
    """Makes the job of one step.

    Attributes:
        name: the step, one of `candidates.verification.STEPS`.
        request: the `Request` as JSON.
        needs: earlier steps without whose results there is nothing to do.
        uses: earlier steps on whose results its own depends; it only waits for others that it is given.
    """

    name: str = "step"
    request: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()

    @job
    def make(self, previous: list[dict[str, Any]]) -> dict[str, Any]:
        """Run the step.

        Args:
            previous: results of the earlier steps that it uses, in order, as JSON.

        Returns:
            Its own `StepResult` as JSON.
        """
        request = Request.model_validate(self.request)
        earlier = [StepResult.model_validate(result) for result in previous]
        return self.run(request, earlier).model_dump(mode="json")

    def run(self, request: Request, previous: Sequence[StepResult]) -> StepResult:
        """Run the step unless an earlier one stands in the way or it has been done before."""
        blocked = self.blocked(request, previous)
        if blocked:
            return _told(request, StepResult(name=self.name, state="skipped", reason=blocked))
        used = [result for result in previous if result.name in self.uses]
        wanted = inputs_hash(self.name, request, used)
        directory = step_directory(request, self.name)
        known = read_result(directory)
        if known is not None and known.state == "done" and known.inputs == wanted and self.keeps:
            return _told(request, _decided(known, request), kept=True)
        try:
            _clear(directory)
        except StepError as error:
            return _told(request, _failed(self.name, error.reason, error.remedy))
        write_text(directory / INPUTS, json.dumps({"inputs": wanted}) + "\n")
        _told(request, StepResult(name=self.name, state="running"))
        begun = time.monotonic()
        try:
            changes = self.work(request, list(previous), directory)
            result = StepResult(name=self.name, state="done").model_copy(update=changes)
        except StepError as error:
            result = _failed(self.name, error.reason, error.remedy)
        except Exception as error:
            # A fault of ours must not take the candidate's other steps with it.
            (directory / "traceback.txt").write_text(traceback.format_exc(), encoding="utf-8")
            result = _failed(
                self.name,
                f"{type(error).__name__}: {error}",
                f"This was not foreseen; {directory / 'traceback.txt'} helps whoever reports it.",
            )
        seconds = round(time.monotonic() - begun, 3)
        result = result.model_copy(update={"directory": str(directory), "inputs": wanted, "seconds": seconds})
        write_text(directory / RESULT, result.model_dump_json(indent=2) + "\n")
        return _told(request, _decided(result, request))

    keeps = True
    """Whether a finished result is taken again for the same inputs."""

    def blocked(self, request: Request, previous: Sequence[StepResult]) -> str:
        """Return why this step is skipped; empty where it is to run."""
        for result in previous:
            if result.state == "stopped":
                return f"{result.name} decided: {result.reason}"
        states = {result.name: result.state for result in previous}
        for name in self.needs:
            if states.get(name, "done") != "done":
                return f"needs {name}, which {_ENDED[states[name]]}"
        return ""

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Do the work in ``directory`` and return the fields of `StepResult` that it sets.

        Raises:
            StepError: it cannot be done.
        """
        raise NotImplementedError


_ENDED: Mapping[StepState, str] = {
    "failed": "failed",
    "skipped": "was skipped",
    "stopped": "stopped",
    "waiting": "has not run",
    "running": "has not ended",
}


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
        engine.write(self.name, crystal.structure(), preset, request.options, directory, places)
        written = sorted(path.name for path in directory.iterdir() if path.is_file() and path.name != INPUTS)
        write_text(directory / WRITTEN, json.dumps(written))
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


def directories(previous: Sequence[StepResult]) -> dict[str, Path]:
    """Return where the steps ran that are done."""
    return {result.name: Path(result.directory) for result in previous if result.state == "done"}


def _decided(result: StepResult, request: Request) -> StepResult:
    """Return the result as stopped where what it found decides and the user wants to stop there."""
    if result.decides and request.options.stop_early:
        return result.model_copy(
            update={
                "state": "stopped",
                "reason": result.decides,
                "remedy": GO_ON,
            }
        )
    return result


def _failed(name: str, reason: str, remedy: str) -> StepResult:
    return StepResult(name=name, state="failed", reason=reason, remedy=remedy)


def _clear(directory: Path) -> None:
    """Empty a step's directory: leftovers of another input would be read as results of this one.

    Raises:
        StepError: it holds files that no step of ours wrote.
    """
    if directory.exists() and any(directory.iterdir()):
        ours = (directory / INPUTS).is_file() or (directory / RESULT).is_file()
        if not ours:
            raise StepError(
                f"{directory} holds files that are not of a verification", "Name another directory with -o."
            )
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True)


def _told(request: Request, result: StepResult, kept: bool = False) -> StepResult:
    extra = {"candidate": request.candidate_id, "step": result.name, "state": result.state, "kept": kept}
    extra |= {"seconds": result.seconds, "reason": result.reason, "numbers": result.numbers}
    logger.info("%s %s %s", request.candidate_id, result.name, result.state, extra=extra)
    return result
