"""The SLURM that tests bring up behaves as one."""

from pathlib import Path

from tests.slurm import Slurm


def test_job_runs_and_leaves_the_queue(slurm: Slurm, tmp_path: Path) -> None:
    out = tmp_path / "out"
    job = slurm.call("sbatch", "--parsable", "-n", "2", "-o", str(out), "--wrap", "srun -n 2 echo it").strip()
    slurm.wait_empty()
    assert out.read_text().split() == ["it", "it"]
    assert slurm.job(job)["JobState"] == "COMPLETED"


def test_drained_node_takes_no_job_until_it_is_resumed(slurm: Slurm) -> None:
    slurm.drain()
    job = slurm.call("sbatch", "--parsable", "-o", "/dev/null", "--wrap", "true").strip()
    slurm.wait(lambda: slurm.queue()[job][1] not in ("None", "Priority"), 30, "for a reason")
    assert slurm.queue()[job][0] == "PENDING"
    slurm.resume()
    slurm.wait_empty()
    assert slurm.job(job)["JobState"] == "COMPLETED"


def test_daemons_come_back_after_they_were_killed(slurm: Slurm) -> None:
    slurm.kill("slurmctld")
    slurm.kill("slurmd")
    assert not slurm.answers()
    slurm.clear()
    job = slurm.call("sbatch", "--parsable", "-o", "/dev/null", "--wait", "--wrap", "true").strip()
    assert slurm.job(job)["JobState"] == "COMPLETED"
