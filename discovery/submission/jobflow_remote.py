"""Verifications in the hands of jobflow-remote, whose queue is a MongoDB.

Its project file (`jobflow_remote_project.project_file`) says where jobs run and where outputs go. The ledger
of a candidate holds the number of its Flow only: jobflow-remote keeps the rest.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from discovery.submission import SubmissionError
from discovery.submission.jobflow_remote_project import PROJECT, slurm_resources
from discovery.submission.ledger import Submission, locked, read_ledger, write_ledger
from discovery.verification.results import Request, write_text

if TYPE_CHECKING:
    from jobflow import Flow

    from candidates.verification import Verification
    from discovery.submission.cluster import Cluster
    from discovery.submission.resources import Resources

INSTALL = "pip install 'xbert-discovery[jobflow-remote]'"
BROKEN = ("FAILED", "REMOTE_ERROR")
"""States of jobs that jobflow-remote does not go on with by itself."""

RECORD, VERIFICATION = "record", "verification.json"


@dataclass(frozen=True)
class RemoteJob:
    """A job of a Flow as the database has it: number, uuid, state, and why it failed."""

    id: str
    uuid: str
    state: str
    error: str = ""


@dataclass(frozen=True)
class RemoteFlow:
    """A Flow as the database has it.

    Attributes:
        id: its uuid.
        jobs: step, or ``record`` → job, in order.
    """

    id: str
    jobs: Mapping[str, RemoteJob] = field(default_factory=dict)


def project_name() -> str:
    """Return the project: that of JFREMOTE_PROJECT, or ``discover``."""
    return os.environ.get("JFREMOTE_PROJECT") or PROJECT


@contextmanager
def _controller() -> Iterator[Any]:
    """Give the way to the database.

    Raises:
        SubmissionError: jobflow-remote is not installed, its project cannot be read, or MongoDB is away.
    """
    try:
        from jobflow_remote.config.base import ConfigError
        from jobflow_remote.jobs.jobcontroller import JobController
        from pymongo.errors import PyMongoError
    except ImportError as error:
        raise SubmissionError(f"jobflow-remote is not installed: {error}", INSTALL) from None
    try:
        controller = JobController.from_project_name(project_name())
    except ConfigError as error:
        raise SubmissionError(
            f"no project {project_name()!r} of jobflow-remote: {' '.join(str(error).split())}",
            "`discover cluster init --backend jobflow-remote -o ~/.jfremote/discover.yaml` writes one.",
        ) from None
    except PyMongoError as error:
        raise _away(error) from None
    try:
        yield controller
    except PyMongoError as error:
        raise _away(error) from None
    finally:
        controller.close()


def _away(error: Exception) -> SubmissionError:
    said = " ".join(str(error).split())
    return SubmissionError(
        f"the MongoDB of jobflow-remote does not answer: {said[:200]}",
        "Start it (docs/jobflow-remote.md), or correct host, port and password in the project file.",
    )


def submit(
    request: Request,
    cluster: "Cluster",
    path: Path,
    sha256: str,
    worker: str | None = None,
    again: bool = False,
) -> Literal["new", "known"]:
    """Hand a verification over as one Flow, unless the database has it already.

    Args:
        request: what to do; its directory is made here, and on the worker when the first job runs.
        cluster: what each step asks for.
        path: of the cluster file.
        sha256: of the cluster file.
        worker: on which all of it runs; the project's first without it.
        again: take an earlier Flow back and hand over a new one, which keeps finished steps.

    Raises:
        StepError: its directory holds something else.
        SubmissionError: SLURM has it, or jobflow-remote cannot take it.
    """
    from discovery.verification.flow import write_request

    request = write_request(request)
    directory = Path(request.directory)
    with locked(directory), _controller() as controller:
        before = read_ledger(directory)
        if before is not None and before.backend != "jobflow-remote":
            raise SubmissionError(
                f"{before.candidate} was handed to {before.backend}",
                f"`discover retry {before.candidate}` goes on there; another folder (-o) begins anew.",
            )
        if before is not None and before.flow and _flows(controller, [before.flow]):
            if not again:
                return "known"
            controller.stop_jobs(flow_ids=[before.flow], raise_on_error=False)
        workers = controller.project.workers
        name = worker or next(iter(workers), "")
        if name not in workers:
            raise SubmissionError(
                f"the project {project_name()!r} has no worker {name!r}",
                f"It has {', '.join(workers) or 'none'}.",
            )
        root = (controller.project.metadata or {}).get("verifications")
        if root:  # the folder as the worker sees it
            request = request.model_copy(update={"directory": str(Path(root) / request.candidate_id)})
        flow = make_flow(request, cluster, name, str(workers[name].scheduler_type))
        ledger = Submission.new(
            "jobflow-remote", request.candidate_id, cluster, path, sha256, stages=(), flow=flow.uuid
        )
        # Written first: a Flow that is in the database is found again, one that is not is handed over anew.
        write_ledger(directory, ledger)
        try:
            controller.add_flow(flow, worker=name)
        except ValueError as error:
            raise SubmissionError(
                f"jobflow-remote does not take it: {error}",
                "A new database is set up by `jf admin reset`, once.",
            ) from None
    return "new"


def make_flow(request: Request, cluster: "Cluster", worker: str, scheduler: str = "slurm") -> "Flow":
    """Return the Flow of a verification, every job with its resources and all on one worker.

    Args:
        request: what to do, with the directory as the worker sees it.
        cluster: what each step asks for.
        worker: on which densities and overlaps stay put.
        scheduler: kind of its queue, as jobflow-remote names it.
    """
    from jobflow import Flow

    from discovery.submission.jobflow_record import record
    from discovery.verification.flow import VerificationMaker

    flow = VerificationMaker().make(request)
    for job in flow.jobs:
        assert not isinstance(job, Flow)  # steps are not nested
        asked = cluster.resources_of(job.name, request.engine)
        options = request.options.model_copy(update={"ranks": asked.ranks, "threads": asked.threads})
        own = request.model_copy(update={"options": options})
        job.update_maker_kwargs({"request": own.model_dump(mode="json")}, nested=False)
        job.config.manager_config = _manager_config(asked, worker, scheduler)
    last = record(request.model_dump(mode="json"), flow.jobs[-1].output)
    last.name = RECORD
    last.config.manager_config = _manager_config(
        cluster.resources_of("verdict", request.engine), worker, scheduler
    )
    flow.add_jobs(last)
    flow.metadata = {"candidate": request.candidate_id}
    return flow


def _manager_config(asked: "Resources", worker: str, scheduler: str) -> dict[str, Any]:
    """Return what jobflow-remote takes from a job; other queues than SLURM get what all know."""
    from qtoolkit.core.data_objects import QResources

    resources: Any = {}
    if scheduler == "slurm":
        resources = dict(slurm_resources(asked))
    elif scheduler != "shell":  # which has no queue
        resources = QResources(
            nodes=asked.nodes,
            processes=asked.ranks,
            threads_per_process=asked.threads,
            time_limit=asked.seconds,
            queue_name=asked.partition,
            account=asked.account,
            qos=asked.qos,
        )
    setup = {"modules": list(asked.modules) or None, "export": {"OMP_NUM_THREADS": str(asked.threads)}}
    return {"worker": worker, "resources": resources, "exec_config": setup}


def ask_flows(ids: Sequence[str]) -> dict[str, RemoteFlow]:
    """Return the Flows of these numbers that the database has, in one query.

    Raises:
        SubmissionError: it cannot be asked.
    """
    with _controller() as controller:
        return _flows(controller, ids)


def _flows(controller: Any, ids: Sequence[str]) -> dict[str, RemoteFlow]:
    if not ids:
        return {}
    # Jobs, not Flows: what jobflow-remote asks of Flows with their jobs goes through its whole database.
    found: dict[str, dict[str, RemoteJob]] = {}
    for info in sorted(controller.get_jobs_info(flow_ids=list(ids)), key=lambda info: _number(info.db_id)):
        failed = info.state.value in BROKEN
        said = (info.error or info.remote.error or "") if failed else ""
        error = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "")
        job = RemoteJob(str(info.db_id), info.uuid, info.state.value, error)
        for flow in {*(info.hosts or ())} & {*ids}:
            found.setdefault(flow, {})[info.name] = job
    return {id: RemoteFlow(id, jobs) for id, jobs in found.items()}


def _number(id: str) -> int:
    """Return the number at the end of a job's id, which may have a prefix."""
    return int(re.sub(r"^.*\D", "", id) or 0)


def stop(directories: Sequence[Path]) -> None:
    """Take the Flows of these candidates back; jobs that run are cancelled.

    Raises:
        SubmissionError: a ledger cannot be read, or the database does not answer.
    """
    ledgers = [ledger for directory in directories if (ledger := read_ledger(directory))]
    ids = [ledger.flow for ledger in ledgers if ledger.backend == "jobflow-remote" and ledger.flow]
    if ids:
        with _controller() as controller:
            controller.stop_jobs(flow_ids=ids, raise_on_error=False)


def fetch(directory: Path) -> "Verification | None":
    """Return the record of a finished Flow and keep it as ``verification.json``; None of an unfinished one.

    This is how results come from a worker whose file system is not this one.

    Args:
        directory: of a candidate.

    Raises:
        SubmissionError: the database does not answer, or what it holds is no record.
    """
    from pydantic import ValidationError

    from candidates.verification import Verification

    ledger = read_ledger(directory)
    if ledger is None or ledger.backend != "jobflow-remote":
        return None
    with _controller() as controller:
        flow = _flows(controller, [ledger.flow]).get(ledger.flow)
        last = flow.jobs.get(RECORD) if flow else None
        if last is None or last.state != "COMPLETED":
            return None
        output = controller.get_job_output(job_id=last.uuid, load=True)
    try:
        record = Verification.model_validate(output)
    except ValidationError as error:
        raise SubmissionError(
            f"the record of {directory.name} in jobflow-remote is damaged: {error.errors()[0]['msg']}",
            f"`discover retry {directory.name} --from verdict` makes it again.",
        ) from None
    write_text(directory / VERIFICATION, record.model_dump_json(indent=2) + "\n")
    return record
