"""Ask programs for their version without waiting long or leaving anything behind."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE = 5.0
"""Seconds after which a program is given up."""

LIMIT = 65_536
"""Characters of its output that are read."""

NOT_STARTED = (126, 127)
"""Exit status where the system could not run a program: not executable, a shared library missing."""


@dataclass(frozen=True)
class Answer:
    """What a program said.

    Attributes:
        text: standard output, standard error and the files asked for, after each other.
        code: exit status; None where it was given up.
        error: why it could not be started, or empty.
    """

    text: str
    code: int | None
    error: str = ""

    @property
    def started(self) -> bool:
        """Whether the system could run the program at all."""
        return not self.error and self.code not in NOT_STARTED

    @property
    def last_line(self) -> str:
        """The last line of the text that says something."""
        lines = [line.strip() for line in self.text.splitlines() if line.strip()]
        return lines[-1] if lines else ""


def ask(
    command: Sequence[str],
    files: Sequence[str] = (),
    seconds: float = PATIENCE,
    variables: Mapping[str, str] | None = None,
) -> Answer:
    """Run a program in an empty directory, without input, and return what it says.

    Args:
        command: argument list.
        files: names of files that it may leave in its directory and that are read too.
        seconds: after which it is ended with all its children.
        variables: of its environment, besides those of this process.
    """
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        **(variables or {}),
    }
    with tempfile.TemporaryDirectory(prefix="discover-doctor-", ignore_cleanup_errors=True) as place:
        # To a file, not a pipe: a child that outlives the program would keep a pipe open.
        output = Path(place) / ".output"
        try:
            with output.open("wb") as out:
                process = subprocess.Popen(
                    list(command),
                    cwd=place,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
        except OSError as error:
            return Answer("", None, error.strerror or str(error))
        code: int | None = None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        texts = []
        for path in (output, *(Path(place) / name for name in files)):
            with suppress(OSError), path.open(encoding="utf-8", errors="replace") as read:
                texts.append(read.read(LIMIT))
    return Answer("\n".join(texts), code)
