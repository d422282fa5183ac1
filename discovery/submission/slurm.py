"""SLURM through its own commands: sbatch, squeue, scontrol, scancel. Accounting (sacct) is not needed."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from discovery.submission import SubmissionError
from discovery.submission.ledger import PREFIX
from discovery.verification.engines import DEADLINE

TIMEOUT = 120.0
"""Seconds that a command may take: slurmctld under load lets others wait for up to a minute."""

LEFT = 5
"""Fields of a line of squeue before the last one, the reason, which may hold anything."""


class Refused(SubmissionError):
    """SLURM said no: a partition, an account, a limit. Nothing was submitted."""


class Unanswered(SubmissionError):
    """SLURM was not there or did not answer; what was asked for may have been done all the same."""


@dataclass(frozen=True)
class QueueJob:
    """A job in the queue.

    Attributes:
        id: its number.
        name: as `ledger.Submission.job_name` made it.
        state: as squeue writes it in full, `PENDING`, `RUNNING`, ….
        reason: why it waits; `None` where it does not.
        elapsed: seconds since it began to run.
        node: where it runs; empty while it waits.
    """

    id: str
    name: str
    state: str
    reason: str
    elapsed: int
    node: str


def queue(names: Sequence[str] = ()) -> dict[str, QueueJob]:
    """Return number → job of all jobs of ours that wait, run or are just ending, in one call.

    Args:
        names: only jobs of these names.

    Raises:
        Unanswered: the queue could not be asked.
    """
    arguments = ["--noheader", f"--user={os.getuid()}", "--format=%i|%T|%M|%N|%j|%r"]
    if names:
        arguments.append(f"--name={','.join(names)}")
    found = {}
    for line in _call("squeue", arguments).splitlines():
        fields = line.split("|", LEFT)
        if len(fields) != LEFT + 1 or not fields[4].startswith(PREFIX):
            continue
        number, state, elapsed, node, name, reason = (field.strip() for field in fields)
        found[number] = QueueJob(number, name, state, reason, _seconds(elapsed), node)
    return found


def submit(script: Path, name: str, after: str = "", keep_open: Sequence[int] = ()) -> str:
    """Hand a job script to sbatch and return the number of the job; it will run in the script's folder.

    Args:
        script: of the job; its folder is where the job's log goes.
        name: of the job.
        after: number of a job that has to end first, however it ends.
        keep_open: files that stay open until sbatch has ended, so that their locks do.

    Raises:
        Refused: SLURM does not take it.
        Unanswered: it could not be reached, or went silent: the job may be in the queue.
    """
    said = _call("sbatch", submit_arguments(script, name, after), keep_open=keep_open)
    number = said.strip().partition(";")[0]  # NUMBER;CLUSTER where there are several
    if not number.isdigit():
        raise Unanswered(f"sbatch answered {said.strip()!r} instead of a number", "Look at squeue --me.")
    return number


def submit_arguments(script: Path, name: str, after: str = "") -> list[str]:
    """Return the arguments with which `submit` calls sbatch."""
    chained = [f"--dependency=afterany:{after}"] if after else []
    return ["--parsable", f"--job-name={name}", f"--chdir={script.parent}", *chained, str(script)]


def would_take(script: Path) -> str:
    """Ask SLURM whether it would take a job, without submitting it, and return when and where it would run.

    Raises:
        Refused: it would not.
        Unanswered: it could not be asked.
    """
    return _call("sbatch", ["--test-only", str(script)], both=True).strip().removeprefix("sbatch: ")


def rechain(number: str, after: str) -> None:
    """Let a waiting job wait for another one.

    Raises:
        Refused: it does not wait any more.
        Unanswered: SLURM could not be reached.
    """
    _call("scontrol", ["update", f"JobId={number}", f"Dependency=afterany:{after}"])


def show(number: str) -> dict[str, str]:
    """Return what ``scontrol show job`` knows of a job, which it forgets minutes after its end; or nothing.

    Raises:
        Unanswered: SLURM could not be reached.
    """
    try:
        said = _call("scontrol", ["--oneliner", "show", "job", number])
    except Refused:
        return {}
    return dict(word.split("=", 1) for word in said.split() if "=" in word)


def cancel(numbers: Sequence[str]) -> None:
    """Take jobs out of the queue, and end those that run; numbers it does not know any more do not matter.

    Raises:
        Refused: one of them is not ours.
        Unanswered: SLURM could not be reached.
    """
    if numbers:
        _call("scancel", ["--quiet", *numbers])


_NO_ANSWER = ("unable to contact", "timed out", "socket", "connection refused", "communication", "configur")


def _call(program: str, arguments: Sequence[str], keep_open: Sequence[int] = (), both: bool = False) -> str:
    """Return what a command of SLURM printed."""
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            env=environment(os.environ),
            pass_fds=tuple(keep_open),
            check=False,
        )
    except FileNotFoundError:
        raise Unanswered(
            f"{program} is not on this machine",
            "Submit from a login node of the cluster; where SLURM is a module, load it.",
        ) from None
    except OSError as error:
        raise Unanswered(
            f"{program} could not be started: {error.strerror}", "Look at the program."
        ) from None
    except subprocess.TimeoutExpired:
        raise Unanswered(
            f"{program} did not answer within {TIMEOUT:g} s", "SLURM is busy or away: try again later."
        ) from None
    output, errors = (text.decode(errors="replace") for text in (done.stdout, done.stderr))
    if done.returncode == 0:
        return output + errors if both else output
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    said = (
        "; ".join(line.partition("error: ")[2] or line for line in lines[-2:]) or f"status {done.returncode}"
    )
    if any(words in errors.lower() for words in _NO_ANSWER):
        raise Unanswered(
            f"{program}: {said}", "SLURM is away or not set up on this machine: try again later."
        )
    raise Refused(f"{program}: {said}", "`discover cluster check` asks SLURM about every kind of job.")


def environment(given: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without what describes the job that this process is part of.

    sbatch hands the environment on, and what one job got is no request of the next.
    """
    kept = ("SLURM_CONF", "SLURM_CLUSTERS")
    of_this_job = (DEADLINE, "SLURM_", "SLURMD_", "SRUN_", "SBATCH_", "PMI_", "PMIX_")
    return {name: value for name, value in given.items() if name in kept or not name.startswith(of_this_job)}


def _seconds(clock: str) -> int:
    """Return seconds of squeue's ``D-HH:MM:SS``, in which all before the minutes may be missing."""
    days, _, rest = clock.rpartition("-")
    try:
        parts = [int(part) for part in rest.split(":")]
        seconds = sum(part * 60**power for power, part in enumerate(reversed(parts)))
        return 86400 * int(days or 0) + seconds
    except ValueError:  # INVALID, UNLIMITED
        return 0
