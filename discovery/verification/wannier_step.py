"""The jobs that turn what an engine left into a Hamiltonian that is good enough, or as good as it gets."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from discovery.verification import quality
from discovery.verification.attempts import Attempt, best, changed
from discovery.verification.engines import StepError, StepOutput, WalltimeReached, make_engine
from discovery.verification.first_principles import EngineStepMaker, crystal_now
from discovery.verification.plan import WannierPlan
from discovery.verification.quality import BandsDifferError
from discovery.verification.results import ATTEMPTS, INPUTS, RESULT, Request, StepResult, step_directory
from discovery.verification.steps import StepMaker, directories, functional_of
from discovery.verification.superseded import is_pruned, prune
from discovery.verification.wannierise import AGAIN

PROJECT_MORE = "Give more projections: see the wannier section of the preset."


def wannier_output(request: Request, directory: Path) -> StepOutput:
    """Return what the engine left for Wannier90 in a directory, the plan among it.

    Raises:
        StepError: it left none.
    """
    output = make_engine(request.engine).parse("wannier_input", directory)
    if output.wannier_plan is None:
        raise StepError(f"{directory} holds no plan of Wannier functions", AGAIN)
    return output


@dataclass
class AttemptMaker(StepMaker):
    """Makes one Hamiltonian from what one run of the engine left, and measures it; no job of its own."""

    name: str = "wannier"
    needs: tuple[str, ...] = ("wannier_input",)
    key = "wannier90"

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Run Wannier90 with its retries and hold the bands against the functional's."""
        from dft_templates.presets import Preset
        from discovery.verification.wannierise import hamiltonian, wannierise

        places = directories(previous)
        output = wannier_output(request, places["wannier_input"])
        plan = output.wannier_plan
        assert plan is not None
        found = wannierise(output, Preset.model_validate(request.preset).wannier, request.options, directory)
        bands = None
        if "bands_soc" in places:
            bands = make_engine(request.engine).parse("bands_soc", places["bands_soc"]).eigenvalues
        frozen = found.numbers.get(quality.FROZEN, quality.ABOVE)
        try:
            numbers = quality.qualities(
                hamiltonian(directory), bands, plan.n_excluded, frozen, request.options.magnetic
            )
        except BandsDifferError as error:
            raise StepError(str(error), PROJECT_MORE) from None
        return {
            "numbers": {quality.SPREAD_LIMIT: plan.volume ** (2 / 3)} | found.numbers | numbers,
            "programs": found.programs,
            "notes": (*plan.notes, *found.corrections),
            "stand_in": output.stand_in,
            "functional": functional_of(previous),
        }


@dataclass
class WannierMaker(StepMaker):
    """Makes the job that tries for good Wannier functions as often as the preset says.

    An attempt has its own folder in that of the step; from the second on, so has the engine's run before it.
    Inputs, results and what programs said are kept, so that nothing finished is run again; large files of
    those that were not taken go (`prune`). The best one's files are those of the step.
    """

    name: str = "wannier"
    needs: tuple[str, ...] = ("wannier_input",)
    keeps_folders = ATTEMPTS

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Try, change what is advised, and try again."""
        attempts, end = self.attempts(request, previous)
        told = [str(attempt) for attempt in attempts]
        decides = ""
        if end is not None:
            decides = end.decides
            said = f"{end.name} {end.state}: {end.reason}"
            told.append(f"Wannier functions, attempt {len(attempts) + 1}: {said}")
        for folder in directory.glob(ATTEMPTS):  # of other inputs, which had more attempts
            if folder.name not in [place_of(attempt.number) for attempt in attempts]:
                shutil.rmtree(folder)
        chosen = best(attempts)
        result = chosen.result
        if result.state != "done":
            tried = f" ({len(attempts)} attempts: {'; '.join(told)})" if len(told) > 1 else ""
            if decides:
                return {"decides": decides, "notes": tuple(told)}
            raise StepError(attempts[0].result.reason + tried, attempts[-1].result.remedy)
        take(Path(result.directory), directory)
        for attempt in attempts:  # one that failed is tried again, and needs all it had
            if attempt is not chosen and attempt.result.state == "done":
                prune(attempt.engine)
                prune(Path(attempt.result.directory))
        tried_notes: tuple[str, ...] = ()
        if len(told) > 1:
            tried_notes = (*told, f"Attempt {chosen.number} was taken.")
        return {
            "numbers": result.numbers | {"attempts": float(len(attempts))},
            "programs": result.programs,
            "notes": (*result.notes, *tried_notes),
            "tried": tried_notes,
            "decides": decides,
            "stand_in": result.stand_in,
            "functional": result.functional,
        }

    def attempts(
        self, request: Request, previous: Sequence[StepResult]
    ) -> tuple[list[Attempt], StepResult | None]:
        """Return all attempts, and the engine's repetition that came to no end where there is one.

        Raises:
            WalltimeReached: no time was left for the engine's repetition; it goes on later.
            StepError: the engine left no plan.
        """
        earlier = [result for result in previous if result.name != "wannier_input"]
        source = next(result for result in previous if result.name == "wannier_input")
        structure = crystal_now(request, previous).structure()
        attempts: list[Attempt] = []
        before: frozenset[str] = frozenset()
        while True:
            number = len(attempts) + 1
            engine = Path(source.directory)
            if is_pruned(engine):
                plan = WannierPlan.load(step_directory(request, self.name) / place_of(number))
            else:
                found = wannier_output(request, engine).wannier_plan
                assert found is not None
                plan = found
            maker = AttemptMaker(needs=self.needs, uses=self.uses, place=place_of(number))
            attempts.append(Attempt(number, plan, maker.run(request, [*earlier, source]), engine))
            settings, advice = request.preset["wannier"], attempts[-1].advice
            if not advice or number > settings["retries"]:
                return attempts, None
            if advice <= before:
                advice = frozenset(("bands", "mesh"))
            before |= advice
            section = changed(settings, plan, structure, advice)
            request = request.model_copy(update={"preset": request.preset | {"wannier": section}})
            again = EngineStepMaker(name="wannier_input", uses=self.uses, place=place_of(number + 1))
            source = again.run(request, earlier)
            if source.state == "waiting":
                raise WalltimeReached(source.reason)
            if source.state != "done":
                return attempts, source


def place_of(attempt: int) -> str:
    """Return the folder of an attempt in that of its step."""
    return ATTEMPTS.replace("*", str(attempt))


def take(source: Path, target: Path) -> None:
    """Lay the files of an attempt into the folder of the step: hard links, or copies between file systems."""
    for path in source.iterdir():
        if path.is_file() and path.name not in (INPUTS, RESULT):
            (target / path.name).unlink(missing_ok=True)
            try:
                os.link(path, target / path.name)
            except OSError:
                shutil.copyfile(path, target / path.name)
