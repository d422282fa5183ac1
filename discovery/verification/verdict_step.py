"""The job that puts everything together."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification import plots
from discovery.verification.order import needed_for
from discovery.verification.results import VERDICT, Request, StepResult, write_text
from discovery.verification.steps import StepMaker, directories

if TYPE_CHECKING:
    from candidates.records import Verdict


@dataclass
class VerdictMaker(StepMaker):
    """Makes the job that puts everything together; it runs whatever became of the others."""

    name: str = "verdict"
    keeps = False

    def blocked(self, request: Request, previous: Sequence[StepResult]) -> str:
        """Nothing stands in its way."""
        return ""

    def work(self, request: Request, previous: list[StepResult], directory: Path) -> dict[str, Any]:
        """Write the verdict, if there is one, and the whole record."""
        from discovery.verification.collect import VERIFICATION, assemble

        places = directories(previous)
        verdict = _read_verdict(places["topology"]) if "topology" in places else None
        changes: dict[str, Any] = {}
        check = next((result for result in previous if result.name == "check"), None)
        if verdict is not None and check is not None:
            from discovery.verification.conclude import checked

            verdict = checked(
                verdict,
                check,
                plots.read_parities(places["parities"]) if "parities" in places else None,
                plots.read_parities(places["check"]) if "check" in places else None,
            )
        if verdict is None:
            first = _decisive(previous)
            changes["reason"] = f"no verdict: {first.name}: {first.reason}" if first else "no verdict"
            changes["state"] = "skipped"
        else:
            write_text(directory / VERDICT, verdict.model_dump_json(indent=2) + "\n")
        own = StepResult(name=self.name, state="done", directory=str(directory)).model_copy(update=changes)
        record = assemble(request, [*previous, own], verdict)
        write_text(Path(request.directory) / VERIFICATION, record.model_dump_json(indent=2) + "\n")
        return changes


def _read_verdict(directory: Path) -> "Verdict":
    from candidates.records import Verdict

    return Verdict.model_validate_json((directory / VERDICT).read_text(encoding="utf-8"))


def _decisive(previous: Sequence[StepResult]) -> StepResult | None:
    """Return the step for which there is no verdict; others that failed are only missed."""
    needed = needed_for("topology", tuple(result.name for result in previous))
    ended = [r for r in previous if r.state == "stopped" or (r.state == "failed" and r.name in needed)]
    waiting = [r for r in previous if r.state == "waiting" and r.name in needed]
    return next(iter([*ended, *waiting]), None)
