"""From the directory of a verification to the record of its candidate, as often as one likes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from candidates.records import Verdict
from candidates.verification import (
    BandPlot,
    Step,
    SurfacePlot,
    Verification,
    VerificationState,
    WilsonPlot,
)
from discovery.verification import plots
from discovery.verification.engines import UNFINISHED, make_engine
from discovery.verification.lock import at_work
from discovery.verification.results import (
    ATTEMPTS,
    INPUTS,
    LATER,
    NOT_RUN,
    VERDICT,
    Request,
    StepResult,
    begun_with,
    input_texts,
    read_request,
    read_result,
    step_directory,
    written_inputs,
)

VERIFICATION = "verification.json"

INTERRUPTED = "it had begun and was interrupted"
"""Why a step waits that no process is at work on any more."""


def collect(directory: Path) -> Verification:
    """Return the record of what a candidate's directory holds by now.

    The same files give the same record, and only one thing of the moment enters it: the step that has begun
    counts as running while a process is at work in the directory. Without one it counts as waiting, and says
    so, like all others that have no result: a verification that was cut short can be looked at, and is called
    interrupted.

    Raises:
        StepError: it is not a directory of a verification.
    """
    from discovery.verification.order import planned_steps

    request = read_request(directory)
    if Path(request.directory) != directory.resolve():  # it was moved, or came from another machine
        request = request.model_copy(update={"directory": str(directory.resolve())})
    results = []
    running = _running(request)
    for name in planned_steps(request):
        found = read_result(step_directory(request, name)) or _open(request, name, running)
        if found.decides and request.options.stop_early and found.state == "done":
            found = found.model_copy(update={"state": "stopped", "reason": found.decides})
        results.append(found)
    results = _skipped(results)
    verdict = None
    if results[-1].state == "done":
        text = (step_directory(request, "verdict") / VERDICT).read_text(encoding="utf-8")
        verdict = Verdict.model_validate_json(text)
    return assemble(request, results, verdict, busy=at_work(Path(request.directory)))


def _running(request: Request) -> str:
    """Return the step that a process is at work on; empty where none is."""
    from discovery.verification.order import planned_steps

    if not at_work(Path(request.directory)):
        return ""
    begun = {}
    for name in planned_steps(request):
        place = step_directory(request, name)
        if begun_with(place) not in ("", NOT_RUN) and read_result(place) is None:
            begun[name] = (place / INPUTS).stat().st_mtime_ns
    return max(begun, key=lambda name: begun[name], default="")  # older ones are left from an earlier run


def _open(request: Request, name: str, running: str) -> StepResult:
    """Return how a step stands that has no result."""
    if name == running:
        return StepResult(name=name, state="running")
    place = step_directory(request, name)
    if (place / UNFINISHED).is_file():
        said = "it was stopped in good order before the end of its time"
    elif begun_with(place) not in ("", NOT_RUN):
        said = INTERRUPTED
    else:
        return StepResult(name=name, state="waiting")
    return StepResult(name=name, state="waiting", reason=said, remedy=LATER)


def _skipped(results: list[StepResult]) -> list[StepResult]:
    """Mark waiting steps after one that decided: their jobs ended without a trace of their own."""
    from discovery.verification.order import NEEDS

    final: dict[str, StepResult] = {}
    for result in results:
        stopped = next((r for r in final.values() if r.state == "stopped"), None)
        lost = next(
            (n for n in NEEDS[result.name] if n in final and final[n].state in ("failed", "skipped")), None
        )
        if result.state == "waiting" and (stopped or lost):
            reason = f"{stopped.name} decided: {stopped.reason}" if stopped else f"needs {lost}"
            result = result.model_copy(update={"state": "skipped", "reason": reason})
        final[result.name] = result
    return list(final.values())


def assemble(
    request: Request, results: Sequence[StepResult], verdict: Verdict | None, busy: bool = False
) -> Verification:
    """Put results, plots and inputs together.

    Args:
        request: what was asked for.
        results: of the steps, in order.
        verdict: what it came to.
        busy: whether a process is at work on it.
    """
    bands: list[BandPlot] = []
    wilson: tuple[WilsonPlot, ...] = ()
    surfaces: tuple[SurfacePlot, ...] = ()
    files: dict[str, str] = {}
    for result in results:
        place = step_directory(request, result.name)
        if result.state in ("done", "stopped"):
            bands += plots.read_plots(BandPlot, place / plots.BANDS)
            wilson = plots.read_plots(WilsonPlot, place / plots.WILSON) or wilson
            surfaces = plots.read_plots(SurfacePlot, place / plots.SURFACES) or surfaces
        if result.state in ("done", "stopped", "failed"):
            for folder in (place, *sorted(place.glob(ATTEMPTS))):
                texts = input_texts(folder, written_inputs(folder))
                shown = folder.relative_to(place.parent).as_posix()
                files |= {f"{shown}/{name}": text for name, text in texts.items()}
    functional = next((r.functional for r in reversed(results) if r.functional and r.name != "check"), "")
    return Verification(
        candidate_id=request.candidate_id,
        created=request.created,
        engine=_engine_name(request.engine),
        preset=str(request.preset.get("name", "")),
        functional=functional or "not known yet",
        state=_state(results, verdict, busy),
        steps=tuple(_step(result, request) for result in results),
        verdict=verdict,
        bands=tuple(bands),
        wilson=wilson,
        surfaces=surfaces,
        files=files,
        stand_in=next((r.stand_in for r in results if r.stand_in), ""),
    )


def _state(results: Sequence[StepResult], verdict: Verdict | None, busy: bool) -> VerificationState:
    if verdict is not None:
        return "verified"
    states = {result.state for result in results}
    if "stopped" in states:
        return "stopped"
    if "failed" in states:
        return "failed"
    if busy or "running" in states:
        return "running"
    return "interrupted" if any(result.reason == INTERRUPTED for result in results) else "waiting"


def _step(result: StepResult, request: Request) -> Step:
    """Return a step with its directory relative to the candidate's, so that the record can travel."""
    step = result.step()
    return step.model_copy(update={"directory": step_directory(request, result.name).name})


def _engine_name(engine: str) -> Literal["vasp", "espresso"]:
    if engine == "vasp":
        return "vasp"
    return "espresso" if engine == "espresso" else make_engine(engine).name
