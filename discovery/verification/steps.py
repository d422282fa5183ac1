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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobflow import Maker, job

from candidates.verification import StepState
from discovery.verification.engines import UNFINISHED, StepError, WalltimeReached
from discovery.verification.results import (
    INPUTS,
    LATER,
    RESULT,
    Request,
    StepResult,
    begun_with,
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
        runs: without it, only the result that is there is taken, if it is one of these inputs.
        place: folder in the step's own, for an attempt of which the step itself tells.
    """

    name: str = "step"
    request: dict[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    runs: bool = True
    place: str = ""

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
            return self._told(request, StepResult(name=self.name, state="skipped", reason=blocked))
        used = [result for result in previous if result.name in self.uses]
        wanted = inputs_hash(self.key or self.name, request, used)
        directory = step_directory(request, self.name) / self.place
        known = read_result(directory)
        if known is not None and known.state == "done" and known.inputs == wanted and self.keeps:
            return self._told(request, _decided(known, request), kept=True)
        if not self.runs:
            current = known is not None and known.inputs == wanted
            return known if known and current else StepResult(name=self.name, state="waiting")
        try:
            if not _goes_on(directory, wanted):
                _clear(directory, self.keeps_folders)
        except StepError as error:
            return self._told(request, _failed(self.name, error.reason, error.remedy, error.advice))
        write_text(directory / INPUTS, json.dumps({"inputs": wanted}) + "\n")
        self._told(request, StepResult(name=self.name, state="running"))
        begun = time.monotonic()
        try:
            changes = self.work(request, list(previous), directory)
            result = StepResult(name=self.name, state="done").model_copy(update=changes)
        except WalltimeReached as error:  # not an end: there is no result yet
            waiting = StepResult(name=self.name, state="waiting", reason=error.reason, remedy=LATER)
            return self._told(request, waiting)
        except StepError as error:
            result = _failed(self.name, error.reason, error.remedy, error.advice)
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
        (directory / UNFINISHED).unlink(missing_ok=True)
        write_text(directory / RESULT, result.model_dump_json(indent=2) + "\n")
        return self._told(request, _decided(result, request))

    keeps = True
    """Whether a finished result is taken again for the same inputs."""

    keeps_folders = ""
    """Pattern of folders in the step's own that hold results of their own."""

    key = ""
    """Kind of work on whose inputs the result depends; empty for the step's name."""

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

    def _told(self, request: Request, result: StepResult, kept: bool = False) -> StepResult:
        if self.place:
            return result
        extra = {"candidate": request.candidate_id, "step": result.name, "state": result.state, "kept": kept}
        extra |= {"seconds": result.seconds, "reason": result.reason, "numbers": result.numbers}
        logger.info("%s %s %s", request.candidate_id, result.name, result.state, extra=extra)
        return result


_ENDED: Mapping[StepState, str] = {
    "failed": "failed",
    "skipped": "was skipped",
    "stopped": "stopped",
    "waiting": "has not run",
    "running": "has not ended",
}


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


def _failed(name: str, reason: str, remedy: str, advice: str = "") -> StepResult:
    return StepResult(name=name, state="failed", reason=reason, remedy=remedy, advice=advice)


def _goes_on(directory: Path, wanted: str) -> bool:
    """Return whether an engine was stopped here in good order, with these very inputs."""
    return (directory / UNFINISHED).is_file() and begun_with(directory) == wanted


def _clear(directory: Path, kept: str = "") -> None:
    """Empty a step's directory: leftovers of another input would be read as results of this one.

    Args:
        directory: of the step, made where it is not there.
        kept: pattern of folders that stay.

    Raises:
        StepError: it holds files that no step of ours wrote.
    """
    directory.mkdir(parents=True, exist_ok=True)
    inside = list(directory.iterdir())
    if inside and not ((directory / INPUTS).is_file() or (directory / RESULT).is_file()):
        raise StepError(
            f"{directory} holds files that are not of a verification", "Name another directory with -o."
        )
    for path in sorted(inside, key=lambda path: path.name == INPUTS):  # last, so that it can be gone on with
        if not path.is_dir() or path.is_symlink():
            path.unlink()
        elif not kept or not path.match(kept):
            shutil.rmtree(path)


def functional_of(previous: Sequence[StepResult]) -> str:
    """Return the functional of the spin–orbit bands that Wannier functions are made of; empty if unknown."""
    found = {r.name: r.functional for r in previous if r.functional}
    return next((found[n] for n in ("wannier_input", "static_soc", "wannier") if n in found), "")
