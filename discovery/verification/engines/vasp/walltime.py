"""VASP stops before the walltime, through custodian's `WalltimeHandler`, and goes on in the next job.

The handler writes a STOPCAR with ``LABORT = .TRUE.`` (``LSTOP`` for a relaxation, so that its last structure
belongs to its last forces). What goes on is the WAVECAR, which is therefore written in any run that has a
deadline, and the relaxed structure.
"""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.verification.engines import UNFINISHED, WalltimeReached, seconds_left

if TYPE_CHECKING:
    from custodian.custodian import ErrorHandler

PART, LEAST, MOST = 0.05, 60.0, 300.0
"""Part of the time that is left at which VASP is asked to stop, and the bounds of that in seconds: it ends
the electronic step that it is in and writes its wavefunctions."""

_LWAVE = re.compile(r"^(\s*LWAVE\s*=\s*)(\S+)", re.IGNORECASE | re.MULTILINE)


@contextmanager
def watched(step: str, directory: Path) -> "Iterator[Sequence[ErrorHandler]]":
    """Give the handlers that stop VASP in time; leave what it takes to go on when they have.

    Args:
        step: that runs.
        directory: where; its inputs are written, and perhaps results of a run that was stopped.

    Raises:
        WalltimeReached: VASP was stopped, or there is too little time to begin.
    """
    left = seconds_left()
    if left is None and not (directory / UNFINISHED).is_file():
        yield ()
        return
    _prepare(step, directory)
    asked = min(MOST, max(LEAST, PART * left)) if left is not None else 0.0
    if left is not None and left < 2 * asked:
        _leave(directory, f"{left:.0f} s were left before the deadline, too few to begin VASP")
    incar = (directory / "INCAR").read_text(encoding="utf-8")
    keeps = _LWAVE.search(incar)
    if left is not None:
        changed = _LWAVE.sub(r"\g<1>.TRUE.", incar) if keeps else f"{incar.rstrip()}\nLWAVE = .TRUE.\n"
        (directory / "INCAR").write_text(changed, encoding="utf-8")
    try:
        yield () if left is None else (_handler(step, left, asked),)
    finally:
        stopped = _stopped(directory)
        if stopped:  # other handlers took the cut-off output for an error and changed the INCAR
            (directory / "INCAR").write_text(incar, encoding="utf-8")
    if stopped:
        _leave(directory, f"VASP was stopped {asked:.0f} s before its deadline")
    if keeps and keeps[2].strip(".").upper().startswith("F"):
        last = (directory / "INCAR").read_text(encoding="utf-8")
        (directory / "INCAR").write_text(_LWAVE.sub(rf"\g<1>{keeps[2]}", last), encoding="utf-8")
        (directory / "WAVECAR").unlink(missing_ok=True)


def _handler(step: str, left: float, asked: float) -> "ErrorHandler":
    from custodian.vasp.handlers import WalltimeHandler

    known = os.environ.pop("CUSTODIAN_WALLTIME_START", None)
    try:
        handler = WalltimeHandler(wall_time=left, buffer_time=asked, electronic_step_stop=step != "relax")
    finally:  # it keeps the start of the first run for those after it, whose time is another
        os.environ.pop("CUSTODIAN_WALLTIME_START", None)
        if known is not None:
            os.environ["CUSTODIAN_WALLTIME_START"] = known
    handler.start_time = datetime.now()
    return handler


def _prepare(step: str, directory: Path) -> None:
    """Begin where an earlier run was stopped."""
    for name in ("STOPCAR", "custodian.json"):
        (directory / name).unlink(missing_ok=True)
    relaxed = directory / "CONTCAR"
    if step == "relax" and (directory / UNFINISHED).is_file() and relaxed.is_file():
        text = relaxed.read_text(encoding="utf-8", errors="replace")
        if text.strip():
            (directory / "POSCAR").write_text(text, encoding="utf-8")


def _stopped(directory: Path) -> bool:
    """Return whether custodian's log says that the handler has stopped VASP."""
    try:
        log = json.loads((directory / "custodian.json").read_text(encoding="utf-8"))
        return any("Walltime reached" in one["errors"] for run in log for one in run["corrections"])
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _leave(directory: Path, reason: str) -> None:
    (directory / UNFINISHED).write_text(json.dumps({"reason": reason}) + "\n", encoding="utf-8")
    raise WalltimeReached(reason, "The step goes on from there when it is run again.")
