"""Run programs with their argument lists, and measure the time and memory that they took."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from discovery.settings import get_settings
from discovery.verification.engines import StepError

_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)

INSTALL = {
    "pw.x": "Install Quantum ESPRESSO (Debian: apt install quantum-espresso) or load its module.",
    "projwfc.x": "Install Quantum ESPRESSO (Debian: apt install quantum-espresso) or load its module.",
    "pw2wannier90.x": "Install Quantum ESPRESSO (Debian: apt install quantum-espresso) or load its module.",
    "wannier90.x": "Install Wannier90 (Debian: apt install wannier90) or load its module.",
}


@dataclass(frozen=True)
class Ran:
    """What a program took.

    Attributes:
        program: its name.
        code: exit status; negative for the signal that ended it.
        seconds: wall time, s.
        cpu_seconds: of all its processes, s.
        memory_mb: largest resident memory of one of its processes, MB.
    """

    program: str
    code: int
    seconds: float
    cpu_seconds: float
    memory_mb: float

    def json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class MemoryWatch:
    """Looks at the memory of all processes of a session while they run (Linux).

    The kernel's own count at the end of a process starts from that of the process that began it, which for
    small calculations is larger than theirs.

    Attributes:
        largest_kb: peak resident memory of the largest process so far.
    """

    def __init__(self, interval: float = 0.2) -> None:
        self.largest_kb = 0
        self._interval = interval
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, session: int) -> None:
        """Begin to look at the processes of a session."""
        self._thread = threading.Thread(target=self._look, args=(session,), daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop looking."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _look(self, session: int) -> None:
        own = f"{session}"
        while not self._over.wait(self._interval):
            for place in Path("/proc").glob("[0-9]*"):
                with suppress(OSError, IndexError, ValueError):
                    # pid (name) state parent group session …; a name may hold anything, brackets included
                    facts = (place / "stat").read_text().rpartition(")")[2].split()
                    if facts[3] == own:
                        peak = _PEAK.search((place / "status").read_text())
                        self.largest_kb = max(self.largest_kb, int(peak[1]) if peak else 0)


def command(program: str, arguments: Sequence[str], ranks: int = 1) -> list[str]:
    """Return the argument list that starts a program, through MPI where there are several ranks.

    Raises:
        StepError: the program or what starts it on several ranks is not installed.
    """
    found = shutil.which(program)
    if found is None:
        raise StepError(f"{program} is not installed", INSTALL.get(program, "Install it."))
    if ranks == 1:
        return [found, *arguments]
    launcher = [part.format(ranks=ranks) for part in shlex.split(get_settings().mpi_command)]
    if shutil.which(launcher[0]) is None:
        raise StepError(
            f"{launcher[0]} is not installed, and {ranks} ranks were asked for",
            "Install an MPI, name another launcher in DISCOVER_MPI_COMMAND, or ask for one rank.",
        )
    return [*launcher, found, *arguments]


def environment(threads: int, pseudo_dir: Path | None = None) -> dict[str, str]:
    """Return the environment of a program: threads, pseudopotentials, and that Open MPI runs for root."""
    changes = {"OMP_NUM_THREADS": str(threads)}
    if pseudo_dir is not None:
        # Inputs name no folder of pseudopotentials, so that they run on any machine that has one.
        changes["ESPRESSO_PSEUDO"] = str(pseudo_dir.absolute())
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        changes |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    return os.environ | changes


def execute(
    argv: Sequence[str],
    program: str,
    directory: Path,
    output: str,
    threads: int = 1,
    pseudo_dir: Path | None = None,
) -> Ran:
    """Run a program to its end; what it prints goes to ``output``, its errors to ``output.err``.

    Args:
        argv: argument list.
        program: its name.
        directory: where it runs.
        output: file in it.
        threads: OpenMP threads.
        pseudo_dir: pseudopotentials; the user's where there are no others.

    Raises:
        StepError: it could not be started.
    """
    begun = time.monotonic()
    watch = MemoryWatch()
    with (
        (directory / output).open("wb") as out,
        (directory / f"{output}.err").open("wb") as err,
    ):
        try:
            process = subprocess.Popen(
                list(argv),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=environment(threads, pseudo_dir or get_settings().resolved_pseudo_dir),
                start_new_session=True,  # by which its processes are known
            )
        except OSError as error:
            raise StepError(
                f"{argv[0]} could not be started: {error.strerror}", "Look at the program."
            ) from None
        watch.follow(process.pid)
        try:
            # wait4 counts what the program's own children took too; no other call tells that of one child.
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.send_signal(signal.SIGTERM)
            process.wait()
            raise
        finally:
            watch.end()
    process.returncode = os.waitstatus_to_exitcode(status)
    return Ran(
        program=program,
        code=process.returncode,
        seconds=round(time.monotonic() - begun, 3),
        cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
        memory_mb=round(watch.largest_kb / 1024, 1),
    )
