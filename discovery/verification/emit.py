"""Every input of a verification as files, for those who run it themselves."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from discovery.verification.engines import PendingInput, make_engine
from discovery.verification.flow import write_request
from discovery.verification.order import planned_steps, waits_for
from discovery.verification.results import (
    INPUTS,
    NOT_RUN,
    RESULT,
    SHARED_STEPS,
    Request,
    step_directory,
    write_text,
)

PLAN, README = "plan.json", "README.txt"

LATER = {
    "wannier": {"SEED.win, with its windows": "eigenvalues of wannier_input"},
    "topology": {"number of occupied bands, gates": "Hamiltonian of wannier, bands of bands_soc"},
    "surfaces": {"surface spectra": "Hamiltonian of wannier"},
    "verdict": {"class": "all steps"},
}


@dataclass(frozen=True)
class WrittenStep:
    """What became of one step.

    Attributes:
        name: of the step.
        directory: relative to the candidate's.
        files: that were written.
        needs: what is open → what it will come from.
    """

    name: str
    directory: str
    files: tuple[str, ...] = ()
    needs: Mapping[str, str] = field(default_factory=dict)


def write_inputs(request: Request) -> tuple[WrittenStep, ...]:
    """Write what can be written before anything has run, and a list of what cannot.

    Directories are those in which `discover verify … --submit local` with the same place would run the steps;
    it begins each afresh. Nothing that has a result is touched.

    Raises:
        StepError: a pseudopotential or other file is missing, or the crystal cannot be treated.
    """
    from dft_templates.presets import Preset

    request = write_request(request)
    planned = planned_steps(request)
    preset, structure = Preset.model_validate(request.preset), request.crystal.structure()
    engine = make_engine(request.engine)
    written = []
    for name in planned:
        directory = step_directory(request, name)
        if name in SHARED_STEPS:
            written.append(WrittenStep(name, directory.name, needs=LATER[name]))
            continue
        directory.mkdir(parents=True, exist_ok=True)
        needs: dict[str, str] = {}
        earlier = {step: step_directory(request, step) for step in waits_for(name, planned)}
        if not (directory / RESULT).exists():
            write_text(directory / INPUTS, json.dumps({"inputs": NOT_RUN}) + "\n")
            try:
                engine.write(name, structure, preset, request.options, directory, earlier)
            except PendingInput as open_:
                needs = open_.needs
        if "relax" in earlier:
            needs = {"structure": "relaxed cell of relax", **needs}
        files = tuple(
            sorted(path.name for path in directory.iterdir() if path.is_file() and path.name != INPUTS)
        )
        written.append(WrittenStep(name, directory.name, files, needs))
    root = Path(request.directory)
    plan = [
        {"step": w.name, "directory": w.directory, "files": w.files, "filled in later": dict(w.needs)}
        for w in written
    ]
    write_text(root / PLAN, json.dumps(plan, indent=2, ensure_ascii=False) + "\n")
    write_text(root / README, _readme(request, written))
    return tuple(written)


def _readme(request: Request, written: list[WrittenStep]) -> str:
    lines = [
        f"{request.name}, {request.candidate_id}: inputs for {request.engine}, preset "
        f"{request.preset.get('name', '')}.",
        f"Space group {request.spacegroup}, standardised primitive cell of {len(request.crystal.elements)} "
        "atoms.",
        "",
        "Steps, in order; `<-` says what is filled in later, and from what.",
        "",
    ]
    for step in written:
        lines.append(f"{step.directory}/  {', '.join(step.files) or 'nothing before its results'}")
        lines += [f"    <- {what}: {source}" for what, source in step.needs.items()]
    lines += [
        "",
        "`discover verify … --submit local` with the same -o runs all of it and fills these in.",
        "",
    ]
    return "\n".join(lines)
