"""The stand-in engine with a program that is really started, so that it can really be killed: plumbing."""

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from discovery.verification.engines import (
    UNFINISHED,
    StepError,
    StepOutput,
    WalltimeReached,
    seconds_left,
)
from discovery.verification.options import Options
from discovery.verification.supervise import find_command
from tests.discovery.verification.fake_engine import FakeEngine

MARGIN = 10.0
"""Seconds before the deadline at which the program is asked to leave."""


class ProgramEngine(FakeEngine):
    """Runs ``fake-pw.x STEP``, which the job's PATH must hold, and believes only a whole answer."""

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: Options) -> None:
        command = find_command(["fake-pw.x", step], "Put it on PATH.")
        program = subprocess.Popen(command, cwd=directory)
        while program.poll() is None:
            left = seconds_left()
            if left is not None and left < MARGIN and not os.environ.get("FAKE_PW_DEAF"):
                program.terminate()
                if program.wait() == 0:  # it was just done
                    break
                (directory / UNFINISHED).write_text("{}")
                raise WalltimeReached(f"{step} was stopped before the walltime")
            time.sleep(0.1)
        if program.returncode:
            raise StepError(f"fake-pw.x ended with status {program.returncode}", "Run it again.")
        super().run(step, directory, previous, options)

    def parse(self, step: str, directory: Path) -> StepOutput:
        try:
            answer = (directory / "fake-pw.out").read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise StepError(f"the output of {step} cannot be read: {error}", "Run it again.") from None
        if not answer.endswith("JOB DONE.\n"):
            raise StepError(f"the output of {step} ends before JOB DONE", "Run it again.")
        return super().parse(step, directory)
