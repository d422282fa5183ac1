import multiprocessing
from pathlib import Path

import pytest

from discovery.submission import SubmissionError
from discovery.submission.ledger import (
    LEDGER,
    Stage,
    Submission,
    candidate_directories,
    locked,
    now,
    read_ledger,
    write_ledger,
)
from discovery.submission.resources import Resources, parse_walltime
from discovery.verification.results import REQUEST


def submission(**changes: object) -> Submission:
    stages = (
        Stage(name="1-relax", steps=("relax", "static"), resources=Resources(ranks=4)),
        Stage(name="2-wannier", steps=("wannier", "verdict"), resources=Resources()),
    )
    facts = {"backend": "slurm", "candidate": "0123456789ab", "token": "a1b2c3", "cluster": "/c.yaml"}
    facts |= {"cluster_sha256": "0" * 64, "max_jobs": 10, "max_attempts": 3, "created": now()}
    return Submission(**(facts | {"stages": stages} | changes))


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_ledger(tmp_path) is None
    write_ledger(tmp_path, submission())
    assert read_ledger(tmp_path) == submission(created=read_ledger(tmp_path).created)


def test_a_change_concerns_one_stage() -> None:
    changed = submission().changed("2-wannier", state="sent", job_id="17", attempt=1)
    assert [stage.state for stage in changed.stages] == ["held", "sent"]
    assert changed.stage_of("verdict").job_id == "17"
    assert changed.stage_of("surfaces") is None
    assert changed.job_name(changed.stages[1]) == "discover-0123456789ab-a1b2c3-2.1"
    with pytest.raises(SubmissionError, match="no stage"):
        changed.changed("3-none", state="sent")


@pytest.mark.parametrize("text", ["", "{", '{"backend": "slurm"}', "[]", "\x00"])
def test_a_damaged_ledger_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    (tmp_path / LEDGER).write_text(text)
    with pytest.raises(SubmissionError, match=LEDGER) as caught:
        read_ledger(tmp_path)
    assert "squeue" in caught.value.remedy


def test_directories_of_candidates_are_those_with_a_request(tmp_path: Path) -> None:
    for name in ("0123456789ab", "aaaaaaaaaaaa", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / REQUEST).touch()
    (tmp_path / "bbbbbbbbbbbb").mkdir()
    found = candidate_directories(tmp_path)
    assert [path.name for path in found] == ["0123456789ab", "aaaaaaaaaaaa"]
    assert candidate_directories(tmp_path / "nowhere") == []


def _count(directory: Path, times: int) -> None:
    for _ in range(times):
        with locked(directory):
            ledger = read_ledger(directory)
            attempt = ledger.stages[0].attempt
            write_ledger(directory, ledger.changed("1-relax", attempt=attempt + 1))


def test_two_processes_lose_no_change(tmp_path: Path) -> None:
    write_ledger(tmp_path, submission())
    context = multiprocessing.get_context("fork")
    others = [context.Process(target=_count, args=(tmp_path, 25)) for _ in range(2)]
    for process in others:
        process.start()
    for process in others:
        process.join()
    assert read_ledger(tmp_path).stages[0].attempt == 50


def test_a_lock_that_is_held_is_waited_for_only_so_long(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(SubmissionError, match="another process"), locked(tmp_path, 0.1):
        pass


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (90, 5400),
        ("90", 5400),
        ("10:30", 630),
        ("24:00:00", 86400),
        ("2-12", 216000),
        ("1-02:03", 93780),
        ("1-02:03:04", 93784),
        ("0-00:00:05", 5),
    ],
)
def test_walltimes_are_those_of_sbatch(given: object, seconds: int) -> None:
    assert Resources(walltime=given).seconds == seconds
    assert Resources(walltime=parse_walltime(given)).seconds == seconds


@pytest.mark.parametrize("given", ["", "soon", "1h", "-5", 0, "0:00", "1-2-3", None])
def test_other_walltimes_are_refused(given: object) -> None:
    with pytest.raises(ValueError):
        Resources(walltime=given)
