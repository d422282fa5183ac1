"""Parities of VASP's spinors at the TRIMs, counted by irrep.

irrep (Iraola et al., Comput. Phys. Commun. 272, 108226 (2022)) reads POSCAR and WAVECAR. The plane-wave part
of a PAW spinor has the parity of the whole.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from discovery.topology.parities import ParityError, ParityResult
from discovery.verification.engines import StepError
from discovery.wannier.irrep import IrrepError, parse_irrep

INSTALL = 'Install it: pip install "irrep<3" "irreptables>=3.0.0"; or rely on the Wilson loops.'


def irrep_arguments(n_electrons: int, places: Sequence[int]) -> list[str]:
    """Return irrep's arguments for the TRIMs of a VASP run.

    Args:
        n_electrons: occupied bands, one electron each.
        places: of the eight TRIMs in the WAVECAR, from one.

    Raises:
        StepError: electrons that fill no whole number of Kramers pairs.
    """
    if n_electrons < 2 or n_electrons % 2:
        raise StepError(
            f"{n_electrons} electrons fill no whole number of Kramers pairs",
            "It is a metal: it has no Z2 index.",
        )
    listed = ",".join(str(place) for place in places)
    return [
        "-code",
        "vasp",
        "-spinor",
        "-fPOS",
        "POSCAR",
        "-fWAV",
        "WAVECAR",
        "-kpoints",
        listed,
        "-IBend",
        str(n_electrons),
    ]


def read_parities(
    directory: Path, n_electrons: float, places: Sequence[int], timeout_s: float = 3600.0
) -> ParityResult:
    """Run irrep on a directory's WAVECAR; its log is kept as ``irrep.log``.

    Raises:
        StepError: WAVECAR or irrep is missing, irrep failed, or its log is refused.
    """
    if not (directory / "WAVECAR").is_file():
        raise StepError(
            f"{directory / 'WAVECAR'} is missing", "The step needs LWAVE = .TRUE.: write its inputs again."
        )
    arguments = irrep_arguments(round(n_electrons), places)
    beside = Path(sys.executable).with_name("irrep")
    program = shutil.which(str(beside) if beside.is_file() else "irrep")
    if program is None:
        raise StepError("irrep is not installed", INSTALL)
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StepError(
            f"irrep took more than {timeout_s:.0f} s in {directory}", "Rely on the Wilson loops."
        ) from None
    (directory / "irrep.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    if done.returncode:
        tail = " ".join((done.stderr or done.stdout).strip().splitlines()[-1:])
        raise StepError(
            f"irrep ended with {done.returncode}: {tail}", f"{directory / 'irrep.log'} has its words."
        )
    try:
        return parse_irrep(done.stdout).indices
    except (IrrepError, ParityError) as error:
        raise StepError(str(error), f"{directory / 'irrep.log'} has irrep's words.") from None
