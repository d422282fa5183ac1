"""What went wrong in a run of Quantum ESPRESSO, in its own words, and what to do about it."""

import re
import shutil
from pathlib import Path

from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.execute import Ran

_ROUTINE = re.compile(r"Error in routine\s+(.+?)\s*\(\s*-?\d+\):\s*\n\s*(.+)")
_ACCURACY = re.compile(r"estimated scf accuracy\s*<\s*(\S+) Ry")
_NOT_CONVERGED = "convergence NOT achieved"
_TIME_OVER = "Maximum CPU time exceeded"
_FULL = ("No space left on device", "Disk quota exceeded")
_MEMORY = ("Cannot allocate memory", "Allocation would exceed memory limit", "out of memory")
_SCARCE = 10 * 1024**2

REMEDIES: dict[str, str] = {
    "too many bands are not converged": "Ask for fewer empty bands (espresso.empty_at_least), or take "
    "--set espresso.ELECTRONS.diagonalization=cg.",
    "some nodes have no k-points": "Ask for fewer ranks.",
    "charge is wrong": "The density went astray: --set espresso.ELECTRONS.mixing_beta=0.1, or other starting "
    "moments.",
    "S matrix not positive definite": "Atoms may be too close: look at the crystal.",
    "pseudopotential not yet inserted": "Quantum ESPRESSO has no +U for that element: leave it out of "
    "--hubbard.",
    "wrong offset": "The pseudopotential lacks the wavefunction that +U acts on: leave the element out of "
    "--hubbard.",
    # Said by 7.1 and later, which take +U from a card; what spinors have of it there has not been tested.
    "input syntax has changed": "--hubbard is written as Quantum ESPRESSO 6.7 to 7.0 read it: take one of "
    "these, or --engine vasp.",
    "Hubbard": "Look at the elements that --hubbard names.",
}
"""Part of a message → what to do."""


def unconverged(text: str) -> bool:
    """Say whether a run of pw.x ended because its density did not converge."""
    return _NOT_CONVERGED in text


def stopped_in_time(text: str) -> bool:
    """Say whether a run of pw.x ended in good order because its ``max_seconds`` were over."""
    return _TIME_OVER in text and "JOB DONE" in text


def check_ran(ran: Ran, directory: Path, output: str) -> None:
    """Raise what is wrong with a finished run; nothing where it went well.

    Raises:
        StepError: the program stopped, was ended by a signal, ran out of disk or memory, did not converge,
            or its output ends early.
    """
    text = _read(directory / output)
    errors = _read(directory / f"{output}.err")
    place = directory / output
    if ran.code == 0 and "JOB DONE" in text and not unconverged(text):
        return
    if any(sign in text + errors for sign in _FULL) or shutil.disk_usage(directory).free < _SCARCE:
        raise StepError(
            f"the disk of {directory} is full: {ran.program} could not write",
            "Make room or run elsewhere; the step begins anew.",
        )
    if any(sign in text + errors for sign in _MEMORY) or ran.code in (-9, 137):
        raise StepError(
            f"{ran.program} was ended for want of memory (it held {ran.memory_mb:.0f} MB in one process)",
            "Ask for fewer ranks, or a lower cutoff or coarser mesh.",
        )
    if unconverged(text):
        accuracy = _ACCURACY.findall(text)
        reached = f"; it came to {accuracy[-1]} Ry" if accuracy else ""
        raise StepError(
            f"the density of {place} did not converge, with less mixing either{reached}",
            "Try --set espresso.ELECTRONS.mixing_beta=0.05, espresso.ELECTRONS.mixing_mode=local-TF, a "
            "larger espresso.SYSTEM.degauss or a denser mesh; magnetic crystals need --magnetic.",
        )
    found = _ROUTINE.search(text) or _ROUTINE.search(_read(directory / "CRASH"))
    if found:
        message = found[2].strip()
        remedy = next((advice for part, advice in REMEDIES.items() if part in message), f"See {place}.")
        raise StepError(f"{ran.program} stopped in {found[1]}: {message}", remedy)
    if ran.code:
        said = [line.strip() for line in f"{text}\n{errors}".splitlines()]
        # mpirun ends its advice with a ruler of dashes.
        last = next((line for line in reversed(said) if any(map(str.isalnum, line))), "it printed nothing")
        how = f"was ended by signal {-ran.code}" if ran.code < 0 else f"ended with status {ran.code}"
        raise StepError(f"{ran.program} {how}: {last}", f"See {place} and {place}.err.")
    raise StepError(f"{place} ends before JOB DONE: the run was cut off", "Run the step again.")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
