"""What was handed over for a candidate, kept beside its results: ``submission.json`` in its directory.

How a step ended stands in its ``result.json``, whether a job waits or runs is asked of the queue; the ledger
holds only what neither knows: which job was sent for which steps. It is written before a job is sent and
again when its number is known, so that a job sent by a machine that then went away is found by its name.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from discovery.submission import SubmissionError
from discovery.submission.resources import Resources
from discovery.verification.lock import taken
from discovery.verification.results import REQUEST, write_text

if TYPE_CHECKING:
    from discovery.submission.cluster import Cluster

LEDGER, LOCK = "submission.json", ".submission.lock"

Backend = Literal["slurm", "jobflow-remote"]

StageState = Literal["held", "sending", "sent", "ended", "failed", "cancelled"]
"""How a stage stands:

``held``: not sent yet, because the queue takes no more or an earlier stage is to be sent first;
``sending``: handed to sbatch, its number not written down yet; a job of this name may be in the queue;
``sent``: in the queue, running, or gone from it without a word (then it is lost);
``ended``: its job has said that every step has ended, well or not;
``failed``: it will not be sent again by itself (walltime reached too often, or sbatch refused);
``cancelled``: taken back by the user.
"""

_CANDIDATE = re.compile(r"^[0-9a-f]{12}$")

PREFIX = "discover-"
"""Beginning of the names of all our jobs."""


class Stage(BaseModel):
    """Steps that run in one job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Its place and steps, such as `1-relax`; part of file names.")
    steps: tuple[str, ...] = Field(min_length=1, description="Names of steps, in order.")
    resources: Resources = Field(description="What its job asks for.")
    state: StageState = Field(default="held", description="How it stands.")
    job_id: str = Field(default="", description="Number of the last job; empty until one is known.")
    attempt: int = Field(default=0, ge=0, description="Jobs sent for it so far.")
    walltimes: int = Field(default=0, ge=0, description="Jobs in a row that ended within the same step.")
    submitted: str = Field(default="", description="When the last job was sent, ISO 8601 in UTC.")
    reason: str = Field(default="", description="Why it is held, failed or was cancelled.")


class Submission(BaseModel):
    """Everything that was handed over for one candidate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    backend: Backend = Field(description="To what.")
    candidate: str = Field(pattern=r"^[0-9a-f]{12}$", description="Its id.")
    token: str = Field(pattern=r"^[0-9a-f]{6}$", description="Tells its jobs from those of another folder.")
    cluster: str = Field(description="Path of the cluster file.")
    cluster_sha256: str = Field(description="Its checksum, when this was submitted.")
    max_jobs: int = Field(ge=1, description="Jobs of ours that may be in the queue at once.")
    max_attempts: int = Field(ge=1, description="Jobs that one stage may use up by reaching the walltime.")
    stages: tuple[Stage, ...] = Field(description="In order; empty for a backend that keeps its own.")
    created: str = Field(description="ISO 8601 in UTC.")
    flow: str = Field(default="", description="Number of the flow in a backend that keeps its own.")

    @classmethod
    def new(
        cls, backend: Backend, candidate: str, cluster: "Cluster", path: Path, sha256: str, **more: Any
    ) -> "Submission":
        """Begin a ledger under what a cluster file says.

        Args:
            backend: to what it is handed over.
            candidate: its id.
            cluster: the content of the cluster file.
            path: of that file.
            sha256: its checksum.
            more: other fields.
        """
        return cls(
            backend=backend,
            candidate=candidate,
            token=uuid4().hex[:6],
            cluster=str(path),
            cluster_sha256=sha256,
            max_jobs=cluster.max_jobs,
            max_attempts=cluster.max_attempts,
            created=now(),
            **more,
        )

    def stage(self, name: str) -> Stage:
        """Return the stage of this name.

        Raises:
            SubmissionError: there is none.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = ", ".join(stage.name for stage in self.stages)
        raise SubmissionError(f"{self.candidate} has no stage {name!r}", f"It has {names}.")

    def stage_of(self, step: str) -> Stage | None:
        """Return the stage that a step belongs to; None where there is none."""
        return next((stage for stage in self.stages if step in stage.steps), None)

    def changed(self, name: str, **changes: Any) -> "Submission":
        """Return it with fields of one stage changed.

        Raises:
            SubmissionError: there is no such stage.
        """
        new = self.stage(name).model_copy(update=changes)
        stages = tuple(new if stage.name == name else stage for stage in self.stages)
        return self.model_copy(update={"stages": stages})

    def job_name(self, stage: Stage) -> str:
        """Return the name of the stage's latest job: unique among all jobs that were ever sent for it."""
        number = stage.name.partition("-")[0]
        return f"{PREFIX}{self.candidate}-{self.token}-{number}.{stage.attempt}"


def read_ledger(directory: Path) -> Submission | None:
    """Return the ledger in a candidate's directory; None where nothing was submitted.

    Raises:
        SubmissionError: it cannot be read.
    """
    path = directory / LEDGER
    try:
        return Submission.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        what = f"{'.'.join(map(str, first['loc'])) or 'content'}: {first['msg']}"
    except (OSError, UnicodeDecodeError) as error:
        what = str(error)
    raise SubmissionError(
        f"{path} cannot be read: {what}",
        "Finished steps are safe. Look for jobs of this candidate in the queue (squeue --me), move the file "
        "away and submit again.",
    )


def write_ledger(directory: Path, submission: Submission) -> None:
    """Write the ledger so that it is whole whenever the machine stops; call it within `locked`.

    Raises:
        SubmissionError: the directory is not there, full, or may not be written to.
    """
    try:
        write_text(directory / LEDGER, submission.model_dump_json(indent=2) + "\n")
    except OSError as error:
        raise SubmissionError(
            f"{directory / LEDGER} cannot be written: {error.strerror}", "Make room, or look at its rights."
        ) from None


@contextmanager
def locked(directory: Path, timeout: float = 60.0) -> Iterator[int]:
    """Keep other processes from changing the ledger in this directory, on this and on other nodes.

    ``flock`` goes to the server under NFS 4 and, where it is mounted with ``flock``, Lustre. Yields the
    descriptor that holds the lock: a process that inherits it holds the lock as well, until it ends.

    Args:
        directory: of a candidate, or the root of all.
        timeout: seconds to wait for another process.

    Raises:
        SubmissionError: the other one did not let go, or the directory cannot be written to.
    """
    path = directory / LOCK
    try:
        file = path.open("a")
    except OSError as error:
        raise SubmissionError(f"{path}: {error.strerror}", "Name a folder that can be written to.") from None
    with file:
        if not taken(file, timeout):
            raise SubmissionError(
                f"another process holds {path} for more than {timeout:g} s", "Try again later."
            )
        yield file.fileno()


def candidate_directories(root: Path) -> list[Path]:
    """Return the directories of candidates below the root of all verifications, by name.

    Raises:
        SubmissionError: the root cannot be read.
    """
    try:
        found = [
            path for path in root.iterdir() if _CANDIDATE.match(path.name) and (path / REQUEST).is_file()
        ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SubmissionError(f"{root}: {error.strerror}", "Name another folder with -o.") from None
    return sorted(found)


def now() -> str:
    """Return the time as ledgers write it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
