"""Verifications through jobflow-remote. Its MongoDB is mongomock, its queue a shell: plumbing."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pymatgen.core import Lattice, Structure
from typer.testing import CliRunner, Result

from candidates.store import Store
from candidates.verifications import newest_verification
from dft_templates.presets import load_preset
from discovery.cli.main import app
from discovery.settings import get_settings
from discovery.submission import SubmissionError
from discovery.submission import jobflow_remote as remote
from discovery.submission.cluster import Cluster
from discovery.submission.jobflow_remote_project import project_file, slurm_resources
from discovery.submission.ledger import read_ledger
from discovery.submission.queues import ask_queues
from discovery.submission.resources import Resources
from discovery.submission.standing import Standing
from discovery.submission.status import standings
from discovery.verification.flow import make_request
from discovery.verification.options import Options
from discovery.verification.order import planned_steps
from discovery.verification.results import Request
from tests.discovery.submission import leavings

pytest.importorskip("jobflow_remote")
mongomock = pytest.importorskip("mongomock_ng")

ROOT = Path(__file__).parents[3]
STAND_IN = Path(__file__).parent / "stand_in"

CLUSTER = Cluster.model_validate(
    {
        "prologue": "source /etc/profile\nmodule load 'it''s'",
        "environment": {"PMG_VASP_PSP_DIR": "/home/me/pot cars"},
        "resources": {"ranks": 4, "walltime": "1:00:00", "modules": ["wannier90/3.1"]},
        "engines": {"espresso": {"ranks": 32, "nodes": 2, "partition": "big", "options": ["--constraint=a"]}},
    }
)


def test_project_file_is_one_of_jobflow_remote() -> None:
    from jobflow_remote.config.base import Project

    data = yaml.safe_load(project_file(CLUSTER, Path("/scratch/jobs")))
    project = Project.model_validate(data)
    (worker,) = project.workers.values()
    assert str(worker.work_dir) == "/scratch/jobs"
    assert worker.pre_run is not None
    assert worker.pre_run.splitlines() == [
        "source /etc/profile",
        "module load 'it''s'",
        "export DISCOVER_MPI_COMMAND='srun -n {ranks}'",
        "export PMG_VASP_PSP_DIR='/home/me/pot cars'",
    ]
    assert set(project.get_jobstore().additional_stores) == {"blobs"}


def test_what_a_step_asks_for_becomes_a_header_of_slurm(tmp_path: Path) -> None:
    from qtoolkit.io.slurm import SlurmIO

    asked = slurm_resources(CLUSTER.resources_of("static", "espresso"))
    script = SlurmIO().get_submission_script("true", options=dict(asked))
    for line in ("--nodes=2", "--ntasks=32", "--time=0-01:00:00", "--partition=big", "--constraint=a"):
        assert f"#SBATCH {line}" in script
    assert "--mem" not in script
    assert set(slurm_resources(Resources())) == {"nodes", "ntasks", "cpus_per_task", "time"}


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    return make_request(
        Structure(Lattice.cubic(4.0), ["Po"], [[0, 0, 0]]),
        "0123456789ab",
        "Po",
        tmp_path / "verifications",
        "espresso",
        load_preset("fast", {}),
        Options(relax=False, surfaces=False),
    )


def test_one_worker_and_the_resources_of_each_step(request_: Request) -> None:
    flow = remote.make_flow(request_, CLUSTER, "there")
    assert [job.name for job in flow.jobs] == [*planned_steps(request_), "record"]
    configs = {job.name: job.config.manager_config for job in flow.jobs}
    assert {config["worker"] for config in configs.values()} == {"there"}
    assert [configs[step]["resources"]["ntasks"] for step in ("static_soc", "wannier", "record")] == [
        32,
        4,
        4,
    ]
    assert configs["wannier"]["exec_config"]["modules"] == ["wannier90/3.1"]
    ranks = {job.name: job.maker.request["options"]["ranks"] for job in flow.jobs[:-1]}
    assert (ranks["static_soc"], ranks["topology"]) == (32, 4)
    assert (
        remote.make_flow(request_, CLUSTER, "there", "shell").jobs[0].config.manager_config["resources"] == {}
    )


Change = Callable[[str], None]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A project whose MongoDB is mongomock; gives the controller of jobflow-remote."""
    from jobflow_remote.jobs.jobcontroller import JobController
    from mongomock_ng.gridfs import enable_gridfs_integration
    from mongomock_ng.store import ServerStore

    server = ServerStore()

    class Client(mongomock.MongoClient):
        def __init__(self, *_: Any, **__: Any) -> None:
            super().__init__(_store=server)

        def close(self) -> None:
            """Keep the data, which the stand-in would forget."""

    enable_gridfs_integration()
    monkeypatch.setattr("maggma.stores.mongolike.MongoClient", Client)
    monkeypatch.setattr("maggma.stores.gridfs.MongoClient", Client)
    folder = tmp_path / "projects"
    folder.mkdir()
    monkeypatch.setattr("jobflow_remote.SETTINGS.projects_folder", str(folder))
    monkeypatch.delenv("JFREMOTE_PROJECT", raising=False)
    data = yaml.safe_load(project_file(CLUSTER, tmp_path / "work"))
    path = [str(STAND_IN), str(Path(sys.executable).parent), os.environ["PATH"]]
    worker = data["workers"]["cluster"]
    worker |= {"scheduler_type": "shell", "resources": None, "max_jobs": None}
    exports = {"PATH": os.pathsep.join(path), "PYTHONPATH": f"{STAND_IN}:{ROOT}", "FAKE_PW": str(tmp_path)}
    worker["pre_run"] = "\n".join(f"export {name}='{value}'" for name, value in exports.items())
    data["runner"] = {f"delay_{what}": 0.5 for what in ("checkout", "check_run_status", "advance_status")}
    (folder / "discover.yaml").write_text(json.dumps(data))
    controller = JobController.from_project_name("discover")
    controller.reset(reset_output=True)
    yield controller
    controller.close()


def submit(request: Request, again: bool = False) -> str:
    cluster = Cluster(resources=Resources())
    return remote.submit(request, cluster, Path("cluster.yaml"), "0" * 64, again=again)


def stand(request: Request) -> Standing:
    directories = [Path(request.directory)]
    (row,) = standings(directories, ask_queues(directories))
    return row


def set_state(database: Any, step: str, state: str, **facts: Any) -> None:
    database.jobs.update_one({"job.name": step}, {"$set": {"state": state, **facts}})


def test_submitted_twice_is_there_once(database: Any, request_: Request) -> None:
    assert submit(request_) == "new"
    assert submit(request_) == "known"
    assert database.count_flows() == 1
    row = stand(request_)
    assert (row.state, row.step, row.queue, row.backend) == ("queued", "static", "1", "jobflow-remote")


def test_a_laptop_that_went_away_before_the_database_knew(
    database: Any, request_: Request, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jobflow_remote.jobs.jobcontroller.JobController.add_flow", gone)
        with pytest.raises(KeyboardInterrupt):
            submit(request_)
    assert stand(request_).state == "lost"
    assert submit(request_) == "new"
    assert database.count_flows() == 1
    assert stand(request_).state == "queued"


def test_states(database: Any, request_: Request) -> None:
    submit(request_)
    set_state(database, "static", "RUNNING")
    assert (stand(request_).state, stand(request_).step) == ("running", "static")
    set_state(database, "static", "COMPLETED")
    set_state(database, "bands", "FAILED", error="Traceback\n  File\nOSError: disk full\n")
    row = stand(request_)
    assert (row.state, row.step, row.error) == ("lost", "bands", "jobflow-remote: failed: OSError: disk full")
    assert "discover retry 0123456789ab" in row.remedy
    for step in planned_steps(request_):
        set_state(database, step, "COMPLETED")
    assert stand(request_).step == "record"


def test_cancel_and_retry(database: Any, request_: Request, tmp_path: Path) -> None:
    submit(request_)
    root = str(tmp_path / "verifications")
    done = run("cancel", "--all", "-o", root)
    assert done.exit_code == 0, done.output
    assert stand(request_).state == "cancelled"
    leavings.end(request_, "static")
    (tmp_path / "cluster.yaml").write_text("{}")
    ledger = Path(request_.directory) / "submission.json"
    first = read_ledger(ledger.parent)
    ledger.write_text(
        ledger.read_text().replace('"cluster.yaml"', json.dumps(str(tmp_path / "cluster.yaml")))
    )
    done = run("retry", "0123", "-o", root)
    assert done.exit_code == 0, done.output
    assert "1 steps kept" in done.stdout
    assert stand(request_).state == "queued"
    second = read_ledger(ledger.parent)
    assert first is not None
    assert second is not None
    assert first.flow != second.flow


def test_not_what_slurm_has(database: Any, request_: Request) -> None:
    submit(request_)
    path = Path(request_.directory) / "submission.json"
    path.write_text(path.read_text().replace('"jobflow-remote"', '"slurm"'))
    with pytest.raises(SubmissionError, match="handed to slurm"):
        submit(request_)


def test_no_project_and_no_database(
    request_: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobflow_remote.SETTINGS.projects_folder", str(tmp_path))
    with pytest.raises(SubmissionError) as refusal:
        submit(request_)
    assert "cluster init --backend jobflow-remote" in refusal.value.remedy
    data = yaml.safe_load(project_file(CLUSTER, tmp_path / "work"))
    for store in (data["queue"]["store"], data["jobstore"]["docs_store"]):
        store |= {"port": 1, "mongoclient_kwargs": {"serverSelectionTimeoutMS": 100}}
    (tmp_path / "discover.yaml").write_text(json.dumps(data))
    with pytest.raises(SubmissionError, match="does not answer"):
        submit(request_)
    done = run("status", "-o", str(tmp_path / "verifications"))
    assert (done.exit_code, "does not answer" in done.stderr) == (0, True)


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.mark.slow
def test_from_the_queue_to_the_store_without_a_common_file_system(
    database: Any, request_: Request, tmp_path: Path
) -> None:
    """All jobs run by jobflow-remote's own runner; the folder of the worker is another one."""
    from jobflow_remote.jobs.runner import Runner

    path = tmp_path / "projects" / "discover.yaml"
    far = tmp_path / "scratch"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metadata": {"verifications": str(far)}}))
    assert submit(request_) == "new"
    Runner(project_name="discover").run_all_jobs(max_seconds=900)
    assert (far / "0123456789ab" / "12-verdict" / "result.json").exists()
    assert not (Path(request_.directory) / "12-verdict").exists()
    assert stand(request_).state == "done"
    done = run("collect", "-o", str(tmp_path / "verifications"))
    assert done.exit_code == 0, done.output
    assert "strong TI  (stored)" in done.stdout
    record = newest_verification(Store(get_settings().resolved_store_url), "0123")
    assert len(record.bands) == 2
    assert record.bands[0].energies
    (last,) = (job for job in database.get_jobs_info() if job.name == "record")
    there = database.jobstore.get_output(last.uuid)
    assert "blob_uuid" in there["bands"], "bands are in the additional store"
    assert (stand(request_).state, stand(request_).verdict) == ("done", "strong TI")
    assert "known" in run("collect", "-o", str(tmp_path / "verifications")).stdout
