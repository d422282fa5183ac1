"""``cluster.yaml``: what a cluster is like and which steps get what of it."""

import hashlib
import os
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from candidates.verification import STEPS
from discovery.submission import SubmissionError
from discovery.submission.resources import Resources
from discovery.submission.yaml_file import REMEDY, read_yaml
from discovery.verification.results import SHARED_STEPS

FILE, VARIABLE = "cluster.yaml", "DISCOVER_CLUSTER"

LAUNCHERS: Mapping[str, str] = {"srun": "srun -n {ranks}", "mpirun": "mpirun -np {ranks}"}

Text = Annotated[str, Field(min_length=1, pattern=r"^[^\n\x00]+$")]

Engine = Literal["espresso", "vasp"]


class Cluster(BaseModel):
    """What `load_cluster` read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    scheduler: Literal["slurm"] = Field(default="slurm", description="What keeps the queue.")
    max_jobs: int = Field(default=100, ge=1, description="Jobs of ours in the queue at once.")
    max_attempts: int = Field(default=5, ge=1, description="Jobs for the same steps, if walltime ends them.")
    margin: int = Field(
        default=300, ge=10, description="Seconds before the walltime at which a job begins to end."
    )
    mpi: Text = Field(default="srun", description="srun, mpirun, or a command with {ranks} in it.")
    python: Text | None = Field(
        default=None, description="Python on the nodes; without it the one that submits."
    )
    environment: dict[str, str] = Field(default_factory=dict, description="Variables that jobs export.")
    prologue: str = Field(default="", description="Shell lines that jobs run first.")
    resources: Resources = Field(default=Resources(), description="Of every step, unless it says otherwise.")
    engines: dict[Engine, dict[str, Any]] = Field(
        default_factory=dict, description="Engine → what its first-principles steps get instead."
    )
    steps: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Step → what it gets instead; this wins."
    )

    @model_validator(mode="before")
    @classmethod
    def _without_empty_sections(cls, value: Any) -> Any:
        """Take a section whose lines are all comments as one that is not there."""
        if not isinstance(value, dict):
            return value
        whole = {key: content for key, content in value.items() if content is not None}
        for key in ("engines", "steps"):
            if isinstance(whole.get(key), dict):
                whole[key] = {name: content for name, content in whole[key].items() if content is not None}
        return whole

    @field_validator("environment", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for name, content in value.items():
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(name)):
                raise ValueError(f"{name!r} is no name of a variable")
            if isinstance(content, bool) or not isinstance(content, str | int | float):
                raise ValueError(f"{name} is no text: put it in quotes")
        return {str(name): str(content) for name, content in value.items()}

    @field_validator("mpi")
    @classmethod
    def _has_ranks(cls, value: str) -> str:
        if value not in LAUNCHERS and value.count("{ranks}") != 1:
            raise ValueError("write srun, mpirun, or a command with {ranks} in it")
        return value

    @field_validator("steps")
    @classmethod
    def _steps_exist(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if name not in STEPS:
                near = get_close_matches(name, STEPS, n=1)
                raise ValueError(
                    f"there is no step {name}; "
                    + (f"did you mean {near[0]}?" if near else f"steps: {', '.join(STEPS)}")
                )
        return value

    @model_validator(mode="after")
    def _resources_are_whole(self) -> "Cluster":
        for place, section in (("engines", self.engines), ("steps", self.steps)):
            for name, changes in section.items():
                try:
                    self._with(changes)
                except ValidationError as error:
                    raise ValueError(_explain(error, f"{place}.{name}")) from None
        for engine in ("espresso", "vasp"):
            for step in STEPS:
                if self.resources_of(step, engine).seconds <= self.margin:
                    raise ValueError(f"margin: {self.margin} s is no less than the walltime of {step}")
        return self

    def _with(self, *changes: Mapping[str, Any]) -> Resources:
        facts = self.resources.model_dump()
        for change in changes:
            facts |= change
        return Resources.model_validate(facts)

    def resources_of(self, step: str, engine: str) -> Resources:
        """Return what a step gets: its own, before its engine's, before those of all."""
        own: Mapping[str, Any] = {}
        if step not in SHARED_STEPS:
            own = self.engines.get("vasp" if engine == "vasp" else "espresso", {})
        return self._with(own, self.steps.get(step, {}))

    @property
    def launcher(self) -> str:
        """What starts a program on ``{ranks}`` MPI ranks (str)."""
        return LAUNCHERS.get(self.mpi, self.mpi)


def cluster_path(given: Path | None = None) -> Path:
    """Return where the cluster file is.

    It is the one given, that of ``DISCOVER_CLUSTER``, ``cluster.yaml`` here, or the one in the user's folder
    of configuration.

    Raises:
        SubmissionError: there is none.
    """
    from platformdirs import user_config_path

    from discovery.settings import APP

    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None:
        if named.is_file():
            return named.resolve()
        raise SubmissionError(
            f"{named}: no such file", f"Write one with `discover cluster init -o {named}`, or name another."
        )
    places = (Path(FILE), user_config_path(APP) / FILE)
    for place in places:
        if place.is_file():
            return place.resolve()
    raise SubmissionError(
        f"no cluster file: there is no {places[0]} here, no {places[1]}, and {VARIABLE} is not set",
        "Write one with `discover cluster init`, then look at it.",
    )


def load_cluster(given: Path | None = None) -> tuple[Cluster, Path, str]:
    """Read the cluster file that `cluster_path` finds.

    Returns:
        What it says, its absolute path, and its SHA-256.

    Raises:
        SubmissionError: it is missing, no YAML, or has a key or value that cannot be; with its path, the
            key, and keys like it.
    """
    path = cluster_path(given)
    data = read_yaml(path)
    try:
        cluster = Cluster.model_validate(data)
    except ValidationError as error:
        raise SubmissionError(f"{path}: {_explain(error)}", REMEDY) from None
    return cluster, path, hashlib.sha256(path.read_bytes()).hexdigest()


def _explain(error: ValidationError, place: str = "") -> str:
    """Return what is wrong with each key, in one line; ``place`` is the section that was read alone."""
    said = []
    for item in error.errors():
        where = [part for part in (place, *map(str, item["loc"])) if part]
        what = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            what = _unknown(where)
        elif not item["loc"] and not place:  # our own sentence, which names its key
            where = []
        said.append(": ".join([".".join(where), what]) if where else what)
    return "; ".join(said)


def _unknown(where: list[str]) -> str:
    """Say that a key does not exist, with those like it."""
    key = where[-1]
    names = tuple(Cluster.model_fields if len(where) == 1 else Resources.model_fields)
    near = get_close_matches(key, names, n=1)
    if len(where) == 1 and key in Resources.model_fields:
        near = [f"resources.{key}"]
    return "no such key; " + (f"did you mean {near[0]}?" if near else f"keys: {', '.join(names)}")
