"""What travels between the jobs of a verification and what each leaves in its directory: plain JSON."""

import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from candidates.records import Record
from candidates.verification import STEPS, Step, StepState
from discovery.verification.engines import StepError
from discovery.verification.options import Options

if TYPE_CHECKING:
    from pymatgen.core import Structure

RESULT, REQUEST, INPUTS, WRITTEN = "result.json", "request.json", "inputs.json", "written.json"
VERDICT = "verdict.json"

NOT_RUN = "written, not run"
"""In place of a hash where inputs were written for somebody else to run."""

LATER = "The same command goes on from there."

ATTEMPTS = "attempt-*"
"""Folders in a step's own for what was done again in another way."""

SHARED_STEPS = ("wannier", "topology", "surfaces", "verdict")
"""Steps after the first-principles program; the others are an engine's."""

_OPTIONS = {
    "check": {"hubbard", "magnetic", "check"},
    "wannier": {"magnetic"},
    "wannier90": {"magnetic"},
    "topology": {"magnetic"},
    "surfaces": {"miller"},
    "verdict": set[str](),
}
"""Options that a step's result depends on; of an engine's step `hubbard` and `magnetic`."""


class Crystal(Record):
    """A structure as plain numbers."""

    lattice: tuple[float, ...] = Field(min_length=9, max_length=9, description="Rows a, b, c, Å.")
    elements: tuple[str, ...] = Field(min_length=1, description="Symbols.")
    frac_coords: tuple[float, ...] = Field(description="Fractional, three for each atom, flat.")

    @classmethod
    def of(cls, structure: "Structure") -> "Crystal":
        """Return the crystal of an ordered pymatgen structure."""
        return cls(
            lattice=tuple(structure.lattice.matrix.ravel().tolist()),
            elements=tuple(site.specie.symbol for site in structure),
            frac_coords=tuple(structure.frac_coords.ravel().tolist()),
        )

    def structure(self) -> "Structure":
        """Return it as pymatgen has it."""
        import numpy as np
        from pymatgen.core import Structure

        lattice, places = np.reshape(self.lattice, (3, 3)), np.reshape(self.frac_coords, (-1, 3))
        return Structure(lattice, list(self.elements), places)


class Request(Record):
    """One verification as it was asked for; all that its jobs need to know beside earlier results."""

    candidate_id: str = Field(pattern=r"^[0-9a-f]{12}$", description="Candidate, or hash of a file.")
    name: str = Field(description="Formula or file, for people.")
    engine: str = Field(description="Name of an engine, or `module:class`.")
    preset: dict[str, Any] = Field(description="`dft_templates.presets.Preset` as JSON.")
    options: Options = Field(description="What was asked for beside it.")
    crystal: Crystal = Field(description="Standardised primitive cell.")
    spacegroup: int = Field(ge=1, le=230, description="Its number.")
    inversion: bool = Field(description="Whether it has inversion.")
    directory: str = Field(description="Absolute directory of this candidate.")
    created: str = Field(description="ISO 8601 in UTC.")


class StepResult(Record):
    """How one step ended: the output of its job and the `result.json` in its directory."""

    name: str = Field(description="One of `STEPS`.")
    state: StepState = Field(description="How it stands.")
    reason: str = Field(default="", description="Why it stopped, failed or was skipped.")
    remedy: str = Field(default="", description="What the user can do about it.")
    decides: str = Field(default="", description="What it found that makes the rest pointless.")
    directory: str = Field(default="", description="Where it ran.")
    seconds: float | None = Field(default=None, description="Wall time, s.")
    memory_mb: float | None = Field(default=None, description="Largest resident memory, MB.")
    programs: dict[str, str] = Field(default_factory=dict, description="Program → version.")
    numbers: dict[str, float] = Field(default_factory=dict, description="Name with unit → value.")
    notes: tuple[str, ...] = Field(default=(), description="What was decided or tried again, and why.")
    tried: tuple[str, ...] = Field(default=(), description="Attempts and what each gave, one sentence each.")
    advice: str = Field(default="", description="What of the step before to change: `bands` or `mesh`.")
    functional: str = Field(default="", description="Density functional, where it has one.")
    stand_in: str = Field(default="", description="What ran instead of the program.")
    crystal: Crystal | None = Field(default=None, description="The crystal from here on, if it changed.")
    inputs: str = Field(default="", description="Hash of all that it depends on.")

    def step(self) -> Step:
        """Return it as the candidate's record has it."""
        fields = {name: getattr(self, name) for name in Step.model_fields}
        return Step(**fields)


def step_directory(request: Request, step: str) -> Path:
    """Return where a step runs: its place in `STEPS` and its name, whatever else is left out."""
    return Path(request.directory) / f"{STEPS.index(step) + 1:02d}-{step.replace('_', '-')}"


def inputs_hash(step: str, request: Request, previous: Sequence[StepResult]) -> str:
    """Return a SHA-256 over all that the result of a step depends on.

    Numbers of the crystal count to 1e-6, so that reading a file again changes nothing.
    """
    # All that the preset says of the topology so far is how surfaces are drawn.
    none: list[str] = []
    sections = {"wannier": ["wannier"], "surfaces": ["topology"]}
    sections |= {"wannier90": none, "topology": none, "verdict": none}
    engine = _section(request.engine, request.preset)
    wanted = sections.get(step, [engine, "wannier"] if step == "wannier_input" else [engine])
    chosen = _OPTIONS.get(step, {"hubbard", "magnetic"})
    crystal = request.crystal
    facts = {
        "step": step,
        "engine": request.engine,
        "preset": {name: _values(step, request.preset.get(name)) for name in wanted},
        "options": {name: getattr(request.options, name) for name in sorted(chosen)},
        "crystal": [crystal.elements, *(_rounded(x) for x in (crystal.lattice, crystal.frac_coords))],
        "previous": {result.name: [result.inputs, result.state == "done"] for result in previous},
    }
    if own := _projections(step, request):
        facts["projections"] = own
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def _values(step: str, section: Any) -> Any:
    """Return a section of the preset without what says nothing to this step."""
    if step != "wannier_input" or not isinstance(section, dict):
        return section
    return {key: value for key, value in section.items() if key not in _OF_RETRIES and value is not None}


def _projections(step: str, request: Request) -> dict[str, Any]:
    """Return the user's projections of the crystal's elements where the number of bands follows from them.

    That is so from the density with coupling on, whose hash later steps hold; nothing without a choice, so
    that what was computed before stays valid.
    """
    if step != "static_soc":
        return {}
    chosen = (request.preset.get("wannier") or {}).get("projections") or {}
    return {element: chosen[element] for element in sorted(chosen) if element in request.crystal.elements}


_OF_RETRIES = ("retries", "more_bands", "denser_mesh")
"""Fields of the section ``wannier`` that only decide what is done when Wannier functions are poor."""


def _section(engine: str, preset: Mapping[str, Any]) -> str:
    return engine if engine in preset else "espresso"


def _rounded(values: Sequence[float]) -> list[int]:
    return [round(1e6 * value) for value in values]


def read_request(directory: Path) -> Request:
    """Return what was asked for in a candidate's directory.

    Raises:
        StepError: it is not a directory of a verification, or its request is damaged.
    """
    try:
        return Request.model_validate_json((directory / REQUEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StepError(f"{directory} holds no verification", "Name the folder of a candidate.") from None
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise StepError(
            f"{directory / REQUEST} cannot be read: {error}", "Run `discover verify` again."
        ) from None


def read_result(directory: Path) -> StepResult | None:
    """Return the result in a step's directory; None where there is none that can be read."""
    try:
        return StepResult.model_validate_json((directory / RESULT).read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        return None


def begun_with(directory: Path) -> str:
    """Return the hash of the inputs that a step began with; empty where it has not begun."""
    try:
        known = json.loads((directory / INPUTS).read_text(encoding="utf-8"))
        return str(known["inputs"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is whole or not there, whenever the machine stops."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def written_inputs(directory: Path) -> list[str]:
    """Return the names of the inputs that the engine wrote into a step's directory."""
    try:
        names = json.loads((directory / WRITTEN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str) and Path(name).name == name]


SECRET = re.compile(r"POTCAR(?!\.spec)|\.upf$", re.IGNORECASE)
"""Names of files that are not shown: licensed or large, and known by their checksum."""


def input_texts(directory: Path, names: Sequence[str], largest: int = 100_000) -> dict[str, str]:
    """Return the text of those inputs that are text, small, and no pseudopotential."""
    texts = {}
    for name in names:
        path = directory / name
        if SECRET.search(name) or not path.is_file() or path.stat().st_size > largest:
            continue
        try:
            texts[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
    return texts
