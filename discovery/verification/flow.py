"""A candidate's verification as one jobflow Flow."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobflow import Flow, Maker

from discovery.verification.engines import Particular, StepError, make_engine
from discovery.verification.first_principles import EngineStepMaker
from discovery.verification.options import Options
from discovery.verification.order import NEEDS, planned_steps, used_by, waits_for
from discovery.verification.results import REQUEST, Crystal, Request, write_text
from discovery.verification.steps import StepMaker
from discovery.verification.surfaces_step import SurfacesMaker
from discovery.verification.topology_step import TopologyMaker
from discovery.verification.verdict_step import VerdictMaker
from discovery.verification.wannier_step import WannierMaker

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.presets import Preset

MAKERS: Mapping[str, type[StepMaker]] = {
    "wannier": WannierMaker,
    "topology": TopologyMaker,
    "surfaces": SurfacesMaker,
    "verdict": VerdictMaker,
}


def make_request(
    structure: "Structure",
    candidate_id: str,
    name: str,
    root: Path,
    engine: str,
    preset: "Preset",
    options: Options,
) -> Request:
    """Standardise a crystal and write down what is asked for it.

    Args:
        structure: in any cell.
        candidate_id: 12 hex digits.
        name: formula or file, for people.
        root: directory of all verifications; this one runs in ``root/candidate_id``.
        engine: name of an engine.
        preset: the choices.
        options: what was asked for beside it.

    Raises:
        StepError: the crystal is none (`require_sound`) or has no standardised cell, or the engine does not
            exist.
    """
    from discovery.verification.path import inversion_centre, space_group, standard_cell
    from discovery.verification.soundness import require_sound

    program = make_engine(engine)
    require_sound(structure)
    cell = standard_cell(structure)
    absent = sorted(set(options.hubbard) - {site.specie.symbol for site in cell})
    if absent:
        raise StepError(f"--hubbard names {', '.join(absent)}, which {name} does not hold", "Leave it out.")
    if isinstance(program, Particular):
        program.require(cell, options)
    return Request(
        candidate_id=candidate_id,
        name=name,
        engine=engine,
        preset=preset.model_dump(mode="json"),
        options=options,
        crystal=Crystal.of(cell),
        spacegroup=space_group(cell),
        inversion=inversion_centre(cell) is not None,
        directory=str((root / candidate_id).resolve()),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def write_request(request: Request) -> Request:
    """Keep the request in the candidate's directory and return it, with the time of the first one there.

    A verification that goes on is the same one, whatever was overridden; steps that this concerns run anew.

    Raises:
        StepError: the directory holds something else, or the work of another engine or preset.
    """
    from discovery.verification.collect import read_request

    directory = Path(request.directory)
    if directory.exists() and any(directory.iterdir()):
        if not (directory / REQUEST).exists():
            raise StepError(
                f"{directory} holds files that are not of a verification", "Name another directory with -o."
            )
        known = read_request(directory)
        theirs, ours = ((r.engine, r.preset.get("name")) for r in (known, request))
        if theirs != ours:
            raise StepError(
                f"{directory} holds a verification by {theirs[0]} with preset {theirs[1]}",
                "Name another directory with -o, or remove that one.",
            )
        request = request.model_copy(update={"created": known.created})
    directory.mkdir(parents=True, exist_ok=True)
    write_text(directory / REQUEST, request.model_dump_json(indent=2) + "\n")
    return request


@dataclass
class VerificationMaker(Maker):
    """Makes the Flow of one candidate.

    Attributes:
        name: of the Flow.
        needs: step → steps without which it is skipped.
    """

    name: str = "verification"
    needs: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(NEEDS))

    def make(self, request: Request, steps: Collection[str] | None = None) -> Flow:
        """Return the Flow; its output is the result of its last step, the verdict.

        Args:
            request: what to do.
            steps: those that run; of others before them the results that are there are taken, and others
                after them are left out. All of them without it.

        Example:
            >>> from jobflow import run_locally
            >>> run_locally(VerificationMaker().make(request))  # doctest: +SKIP
        """
        planned = planned_steps(request)
        wanted = set(planned if steps is None else steps)
        jobs: dict[str, Any] = {}
        for step in planned[: max(map(planned.index, wanted & set(planned)), default=-1) + 1]:
            maker = MAKERS.get(step, EngineStepMaker)(
                name=step,
                request=request.model_dump(mode="json"),
                needs=tuple(name for name in self.needs[step] if name in planned),
                uses=used_by(step, planned),
                runs=step in wanted,
            )
            jobs[step] = maker.make([jobs[name].output for name in waits_for(step, planned)])
        last = next(reversed(jobs.values()), None)
        return Flow(
            list(jobs.values()), output=last and last.output, name=f"{self.name} {request.candidate_id}"
        )
