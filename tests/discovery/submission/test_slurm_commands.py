"""How SLURM's answers are read; the commands are stand-ins."""

from pathlib import Path

import pytest

from discovery.submission import slurm
from tests.discovery.submission.paper_queue import PaperQueue, paper

__all__ = ["paper"]


def test_the_queue_is_read_field_by_field(paper: PaperQueue) -> None:
    paper.sign(
        "queue",
        "17|RUNNING|1-02:03:04|n[1-2],n5|discover-0123456789ab-a1b2c3-1.1|None\n"
        "18|PENDING|0:00||discover-0123456789ab-a1b2c3-2.1|a|strange (reason)\n"
        "19|RUNNING|INVALID|n1|discover-x|None\n"
        "20|RUNNING|5:00|n1|of somebody|None\n"
        "half a line\n",
    )
    jobs = slurm.queue()
    assert list(jobs) == ["17", "18", "19"]
    assert jobs["17"].elapsed == 93784
    assert jobs["17"].node == "n[1-2],n5"
    assert jobs["18"].reason == "a|strange (reason)"
    assert jobs["19"].elapsed == 0


def test_a_job_knows_nothing_of_the_one_that_sent_it() -> None:
    given = {"SLURM_JOB_ID": "1", "SLURM_MEM_PER_NODE": "9", "SBATCH_PARTITION": "x", "SLURM_CONF": "/c"}
    given |= {"DISCOVER_DEADLINE": "5"}
    assert slurm.environment(given | {"PATH": "/bin"}) == {"SLURM_CONF": "/c", "PATH": "/bin"}


def test_missing_commands_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(slurm.Unanswered, match="squeue is not on this machine") as caught:
        slurm.queue()
    assert "login node" in caught.value.remedy


def test_an_answer_that_is_no_number_is_not_taken_for_one(paper: PaperQueue, tmp_path: Path) -> None:
    (paper.place / "sbatch").write_text("#!/bin/bash\necho 'Submitted to the night queue'\n")
    with pytest.raises(slurm.Unanswered, match="night queue"):
        slurm.submit(tmp_path / "a.sh", "discover-x")
    (paper.place / "sbatch").write_text("#!/bin/bash\necho '42;other'\n")
    assert slurm.submit(tmp_path / "a.sh", "discover-x") == "42"


def test_jobs_unknown_to_the_queue_are_cancelled_without_complaint(paper: PaperQueue) -> None:
    slurm.cancel([])
    assert paper.calls("scancel") == []
    slurm.cancel(["1", "2"])
    assert paper.calls("scancel") == ["scancel --quiet 1 2"]
