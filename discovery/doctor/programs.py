"""Programs that verification starts, and the scheduler: are they there, do they start, which version."""

import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from discovery.doctor.check import Check, State
from discovery.doctor.processes import PATIENCE, ask

IN_JOBS = "Well where MPI programs start in jobs only; elsewhere start it by hand and see what it says."
NUMBER = r"(\d+(?:\.\d+)+\S*)"
SCHEDULER = ("sbatch", "squeue", "scontrol")
LAUNCHERS = {"mpirun": "mpirun -np {ranks}", "srun": "srun -n {ranks}", "mpiexec": "mpiexec -n {ranks}"}


@dataclass(frozen=True)
class Program:
    """A program and how it tells its version.

    Attributes:
        name: in the table.
        command: what starts it.
        arguments: that make it tell its version and end, or end for want of input.
        version: pattern whose group is the version.
        remedy: where it is missing.
        files: that it writes its version to instead.
        named: a setting of the user's names it, so that its absence is a mistake.
    """

    name: str
    command: tuple[str, ...]
    arguments: tuple[str, ...]
    version: str
    remedy: str
    files: tuple[str, ...] = ()
    named: bool = False


def known_programs() -> list[Program]:
    """Return the programs of verification that can be asked for their version."""
    from discovery.verification.engines.espresso.execute import INSTALL
    from discovery.verification.wannier90 import INSTALL as WANNIER90
    from discovery.verification.wannierise import wannier90_command
    from discovery.verification.wanniertools_job import INSTALL as WANNIERTOOLS

    espresso = {"pw.x": "PWSCF", "projwfc.x": "PROJWFC", "pw2wannier90.x": "PW2WANNIER"}
    wannier90 = wannier90_command()
    return [
        *(
            Program(name, (name,), (), rf"Program {title} v\.(\S+)", INSTALL[name])
            for name, title in espresso.items()
        ),
        Program(
            "wannier90.x",
            wannier90,
            ("-v",),
            r"Wannier90: (\S+)",
            WANNIER90,
            named=wannier90 != ("wannier90.x",),
        ),
        Program("wt.x", ("wt.x",), (), r"Version\s+(\S+)", WANNIERTOOLS, files=("WT.out",)),
    ]


def program(it: Program, seconds: float = PATIENCE) -> Check:
    """Look for a program, start it and read its version.

    MPI programs that may not start on a login node are no fault; one that the system cannot run is.
    """
    found = shutil.which(it.command[0])
    if found is None:
        return Check(it.name, "broken" if it.named else "missing", f"no {it.command[0]} in PATH", it.remedy)
    answer = ask((found, *it.command[1:], *it.arguments), it.files, seconds)
    if match := re.search(it.version, answer.text):
        return Check(it.name, "ok", f"{match[1]}, {found}")
    if not answer.started:
        reason = answer.error or answer.last_line or f"exit status {answer.code}"
        return Check(
            it.name,
            "broken",
            f"{found} does not start: {reason}",
            f"Load its libraries or modules. {it.remedy}",
        )
    silent = f"no answer in {seconds:g} s" if answer.code is None else "does not tell its version"
    return Check(it.name, "warning", f"{found}, {silent}", IN_JOBS)


def irrep() -> Check:
    """Look for irrep where verification does: beside this Python, then in PATH; it is slow to answer."""
    from discovery.verification.engines.vasp.parities import INSTALL

    beside = Path(sys.executable).with_name("irrep")
    found = shutil.which(str(beside) if beside.is_file() else "irrep")
    if found is None:
        return Check("irrep", "missing", "neither beside this Python nor in PATH", INSTALL)
    if found != str(beside):
        return Check("irrep", "ok", f"{found}, of another Python")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return Check("irrep", "ok", f"{version('irrep')}, {found}")
    except PackageNotFoundError:
        return Check("irrep", "broken", f"{found} without its package", INSTALL)


def vasp(name: str, command: str, default: str) -> Check:
    """Look for VASP as atomate2's setting ``name`` starts it; it has no version to ask for without a run.

    Args:
        name: setting of atomate2, ``VASP_CMD`` or ``VASP_NCL_CMD``.
        command: its value.
        default: its value where nobody set it.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        words, reason = [], str(error)
    else:
        reason = "empty"
    remedy = f"Load VASP's module, or set ATOMATE2_{name} to what starts it, such as 'srun {default}'."
    if not words:
        return Check(default, "broken", f"ATOMATE2_{name} is no command: {reason}", remedy)
    absent = [word for word in dict.fromkeys((words[0], words[-1])) if shutil.which(word) is None]
    if absent:
        state: State = "missing" if command == default else "broken"
        return Check(default, state, f"no {' and no '.join(absent)} in PATH", remedy)
    return Check(default, "ok", f"{command} ({shutil.which(words[-1])})")


def launcher(command: str, default: str, seconds: float = PATIENCE) -> Check:
    """Look whether what starts programs on several ranks is there.

    Args:
        command: as DISCOVER_MPI_COMMAND has it.
        default: what it is where nobody set it.
        seconds: see `ask`.
    """
    name, setting = "MPI launcher", "DISCOVER_MPI_COMMAND"
    try:
        words = [word.format(ranks=2) for word in shlex.split(command)]
    except (KeyError, IndexError, ValueError) as error:
        words = []
        reason = f"{command!r} is no command with {{ranks}}: {error}"
    else:
        reason = f"{setting} is empty"
    if not words or "{ranks" not in command:
        reason = reason if not words else f"{command!r} does not say {{ranks}}"
        return Check(name, "broken", reason, f"Set {setting} to, for example, '{default}'.")
    there = next((other for other in LAUNCHERS if shutil.which(other)), None)
    remedy = (
        f"Set {setting}='{LAUNCHERS[there]}'."
        if there
        else f"Install an MPI or load its module; {setting} names another launcher. One rank needs none."
    )
    return program(
        Program(name, (words[0],), ("--version",), NUMBER, remedy, named=command != default), seconds
    )


def scheduler(seconds: float = PATIENCE, names: Sequence[str] = SCHEDULER) -> Check:
    """Look for SLURM's commands and whether its controller answers."""
    title = "scheduler (SLURM)"
    absent = [name for name in names if shutil.which(name) is None]
    if len(absent) == len(names):
        return Check(
            title, "missing", f"no {', '.join(names)} in PATH", "Only needed to submit to a cluster's queue."
        )
    if absent:
        return Check(
            title,
            "broken",
            f"no {' and no '.join(absent)} in PATH",
            "Load SLURM's module, or install it whole.",
        )
    told = re.search(NUMBER, ask(("sbatch", "--version"), seconds=seconds).text)
    version = told[1] if told else "version not told"
    answer = ask(("scontrol", "ping"), seconds=seconds)
    if re.search(r"\bUP\b", answer.text):
        return Check(title, "ok", f"{version}, controller answers")
    said = answer.last_line if answer.code is not None else f"no answer in {seconds:g} s"
    return Check(
        title,
        "broken",
        f"{version}, controller does not answer: {said or answer.error}",
        "Ask with `scontrol ping`; tell whoever runs the cluster.",
    )
