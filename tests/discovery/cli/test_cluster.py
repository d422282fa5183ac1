"""``discover cluster``; SLURM is on paper."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from discovery.cli.main import app
from discovery.submission.cluster import load_cluster
from tests.discovery.submission.paper_queue import PaperQueue, paper

__all__ = ["paper"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DISCOVER_CLUSTER", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def cluster(*words: str) -> Result:
    return CliRunner().invoke(app, ["cluster", *words], env={"COLUMNS": "160"})


def test_written_checked_and_not_overwritten(paper: PaperQueue) -> None:
    assert cluster("init").exit_code == 0
    assert load_cluster(Path("cluster.yaml"))[0].max_jobs == 100
    done = cluster("check")
    assert done.exit_code == 0, done.output
    assert "relax … wannier_input" in done.stdout
    assert "would take it" in done.stdout
    tested = paper.calls("sbatch")
    assert len(tested) == 3, "each kind of job once"
    assert all("--test-only" in call for call in tested)
    again = cluster("init")
    assert again.exit_code == 2
    assert "exists" in again.stderr


def test_what_slurm_would_refuse_is_shown(paper: PaperQueue) -> None:
    Path("cluster.yaml").write_text("resources: {partition: lang}")
    paper.sign("refuse", "sbatch: error: invalid partition specified: lang\n")
    done = cluster("check")
    assert done.exit_code == 1
    assert "invalid partition" in " ".join(done.stdout.split())
    assert cluster("check", "--no-ask").exit_code == 0


def test_refusals(paper: PaperQueue) -> None:
    assert "no cluster file" in cluster("check").stderr
    Path("cluster.yaml").write_text("ranks: 4")
    done = cluster("check")
    assert done.exit_code == 2
    assert "did you mean resources.ranks?" in done.stderr
    assert cluster("init", "-o", "cluster.yaml/x.yaml").exit_code == 2


def test_printed(paper: PaperQueue) -> None:
    done = cluster("init", "-o", "-")
    assert done.stdout.startswith("# What `discover verify --submit slurm` knows")
    assert not Path("cluster.yaml").exists()


def test_a_project_of_jobflow_remote_comes_from_the_cluster_file(paper: PaperQueue) -> None:
    Path("cluster.yaml").write_text("max_jobs: 17\nresources: {partition: topo}")
    done = cluster("init", "--backend", "jobflow-remote", "-o", "mine.yaml")
    assert done.exit_code == 0, done.output
    text = Path("mine.yaml").read_text()
    assert "17" in text
    assert "topo" in text
    assert "mine" in text
