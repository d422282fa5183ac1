"""wt.x under custodian: the job, what a good end is, and retries where there is something to retry."""

import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from custodian.custodian import ErrorHandler, Job, Validator
from custodian.utils import backup

from discovery.verification.engines import StepError
from discovery.verification.supervise import find_command, supervise
from discovery.wannier.wanniertools.output import FINISHED, WtOutput, WtOutputError, parse_wt_out

INPUT, OUTPUT, STREAM = "wt.in", "WT.out", "wt.log"

INSTALL = "Build WannierTools (github.com/quanshengwu/wannier_tools), or rely on the built-in Wilson loops."

STALLED_S = 3600.0
"""Time in s without a new line in WT.out after which a run is taken to hang."""


class WtJob(Job):
    """Run ``wt.x`` in a directory that holds `wt.in` and its Hamiltonian.

    Args:
        command: program and what goes before it.
    """

    def __init__(self, command: Sequence[str] = ("wt.x",)) -> None:
        self.command = tuple(command)

    @property
    def name(self) -> str:
        """Of the program."""
        return "WannierTools"

    def setup(self, directory: str = "./") -> None:
        """Take away the output of an earlier run: it would pass for this one's."""
        (Path(directory) / OUTPUT).unlink(missing_ok=True)

    def run(self, directory: str = "./") -> "subprocess.Popen[bytes]":
        """Start the program."""
        self.setup(directory)  # before each attempt, not only the first
        with (Path(directory) / STREAM).open("wb") as stream:
            return subprocess.Popen(
                list(self.command), cwd=directory, stdout=stream, stderr=subprocess.STDOUT
            )

    def postprocess(self, directory: str = "./") -> None:
        """Nothing is left to do."""


class WtValidator(Validator):
    """`WT.out` ends with the program's congratulations."""

    def check(self, directory: str = "./") -> bool:
        """Return whether something is wrong."""
        path = Path(directory) / OUTPUT
        return not path.is_file() or FINISHED not in path.read_text(encoding="utf-8", errors="replace")


class LoopMeshHandler(ErrorHandler):
    """ν₀ of the three axes disagrees: double the points of the Wilson loops.

    Where that does not help, the run is left as it is: its indices are inconclusive, which is a result.
    """

    def __init__(self, max_num_corrections: int = 2) -> None:
        self.max_num_corrections = max_num_corrections

    def check(self, directory: str = "./") -> bool:
        """Return whether the strong index depends on the axis."""
        try:
            output = _read(Path(directory))
        except StepError:
            return False
        strong = output.strong_indices
        return output.finished and strong is not None and len(set(strong)) > 1

    def correct(self, directory: str = "./") -> dict[str, Any]:
        """Double Nk1 and Nk2, kept odd so that k = ½ stays among the points."""
        strong = _read(Path(directory)).strong_indices
        path = Path(directory) / INPUT
        backup([INPUT, OUTPUT], directory=directory)

        def double(match: re.Match[str]) -> str:
            return f"{match[1]}{2 * int(match[2]) - 1}"

        text = re.sub(r"(?mi)^(\s*Nk[12]\s*=\s*)(\d+)", double, path.read_text(encoding="utf-8"))
        path.write_text(text, encoding="utf-8")
        meshes = ", ".join(re.findall(r"(?mi)^\s*(Nk[12]\s*=\s*\d+)", text))
        return {
            "errors": [f"ν₀ on the three axes is {strong}"],
            "actions": [f"denser Wilson loops: {meshes}"],
        }


class StalledHandler(ErrorHandler):
    """wt.x writes nothing for long: it hangs, for instance without a SURFACE; end it."""

    is_monitor = True

    def __init__(self, seconds: float = STALLED_S) -> None:
        self.seconds = seconds
        self._seen: tuple[float, int] = (0.0, -1)

    def check(self, directory: str = "./") -> bool:
        """Return whether nothing was written for too long."""
        path = Path(directory) / OUTPUT
        size = path.stat().st_size if path.is_file() else 0
        if self._seen[1] != size:
            self._seen = (monotonic(), size)
            return False
        if path.is_file() and FINISHED in path.read_text(encoding="utf-8", errors="replace"):
            return False
        return monotonic() - self._seen[0] > self.seconds

    def correct(self, directory: str = "./") -> dict[str, Any]:
        """Give up."""
        return {
            "errors": [f"no line was written for {self.seconds:g} s"],
            "actions": None,
            "remedy": "Look at wt.in: every section it needs, SURFACE among them, has to be there.",
        }


@dataclass(frozen=True)
class WtRun:
    """A run that ended well.

    Attributes:
        output: what it found.
        corrections: what was retried, one sentence each.
    """

    output: WtOutput
    corrections: tuple[str, ...]


def run_wt(directory: Path, *, command: Sequence[str] = ("wt.x",), stalled_s: float = STALLED_S) -> WtRun:
    """Run wt.x with its retries.

    Args:
        directory: holds `wt.in` and the Hamiltonian that it names.
        command: program and what goes before it.
        stalled_s: time without a new line after which the run is ended.

    Raises:
        StepError: the program or wt.in is missing, or it did not end well.
    """
    if not (directory / INPUT).is_file():
        raise StepError(f"{directory / INPUT} is missing", "Write it with discovery.wannier.wanniertools.")
    corrections = supervise(
        WtJob(find_command(command, INSTALL)),
        directory,
        [StalledHandler(stalled_s), LoopMeshHandler()],
        [WtValidator()],
        STREAM,
    )
    return WtRun(_read(directory), corrections)


def _read(directory: Path) -> WtOutput:
    try:
        return parse_wt_out((directory / OUTPUT).read_text(encoding="utf-8", errors="replace"))
    except (OSError, WtOutputError) as error:
        raise StepError(f"{directory / OUTPUT}: {error}", f"Look at {STREAM} there.") from None
