"""Parities from irrep: the command that asks for them and the log it answers with.

irrep (Iraola et al., Comput. Phys. Commun. 272, 108226 (2022)) is not a dependency: it is run as a program,
and its log is plain text. Version 2.6 is meant; versions from 3 on do not import on Python 3.11.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from discovery.topology.parities import ParityError, ParityResult, Trim, fu_kane, odd_pairs_of_states

CUT = 1e-4
"""Gap in eV to the next band below which the number of bands cuts through a degenerate level."""

_KPOINT = re.compile(r"^ *k-point +\d+ *: *\[([^\]]*)\] *\(in DFT cell\)", re.MULTILINE)
_STATES = re.compile(
    r"^kpoint +\d+ *= *\[([^\]]*)\].*?^number of inversion-odd states: *(\d+)", re.MULTILINE | re.DOTALL
)
_PAIRS = re.compile(r"^Number of inversions-odd Kramers pairs *: *(\d+)", re.MULTILINE)
_GAP = re.compile(r"^Gap with upper bands: *(\S+)", re.MULTILINE)
_BANDS = re.compile(r"^Saving (\d+) bands starting from (\d+)", re.MULTILINE)
_TOTAL = re.compile(r"^TOTAL number of inversions-odd Kramers pairs *: *(\d+)", re.MULTILINE)
_Z2 = re.compile(r"^Z2 invariant: *(\d+)", re.MULTILINE)
_Z4 = re.compile(r"^Z4 invariant: *(\d+)", re.MULTILINE)
_INVERSION = re.compile(
    r"^rotation : \| +-1 +0 +0 \|\s+\| +0 +-1 +0 \|\s+\| +0 +0 +-1 \|.*?^translation +: +\[([^\]]*)\]",
    re.MULTILINE | re.DOTALL,
)
_GROUP = re.compile(r"^Space group: *(\S+) *\(# *(\d+)\)", re.MULTILINE)


class IrrepError(RuntimeError):
    """irrep is missing, failed, or its log holds no parities; the message says which and what to do."""


@dataclass(frozen=True)
class IrrepParities:
    """What a log of irrep says of the eight TRIMs.

    Attributes:
        n_bands: occupied bands counted, spin included.
        odd_pairs: odd Kramers pairs at each TRIM.
        gaps_ev: gap to the next band at each TRIM in eV; None where the calculation holds no further band.
        spacegroup: number irrep found.
        indices: Fu–Kane indices and Z4 computed from ``odd_pairs``.
    """

    n_bands: int
    odd_pairs: dict[Trim, int]
    gaps_ev: dict[Trim, float | None]
    spacegroup: int | None
    indices: ParityResult


def parse_irrep(text: str) -> IrrepParities:
    """Read the log of ``irrep`` run on the eight TRIMs with spin–orbit coupling.

    Raises:
        IrrepError: not such a log, cut off, without inversion, or with numbers that contradict each other.
        ParityError: a TRIM is missing, or the bands cut a Kramers pair.
    """
    bands, total, z2, z4 = (pattern.search(text) for pattern in (_BANDS, _TOTAL, _Z2, _Z4))
    if bands is None:
        raise IrrepError("no line 'Saving N bands': this is not a log of irrep 2.6")
    if "Invariant under inversion: No" in text:
        raise IrrepError(_no_inversion(text))
    if total is None or z2 is None or z4 is None:
        raise IrrepError(
            "no 'TOTAL number of inversions-odd Kramers pairs' with its Z2 and Z4: the log is cut off, or "
            "the calculation is not a spinor one with time reversal"
        )
    n_bands, first = int(bands[1]), int(bands[2])
    if first != 1:
        raise IrrepError(f"bands from {first} on were counted: count from the first, without -IBstart")
    if n_bands % 2:
        raise ParityError(f"{n_bands} bands are no whole number of Kramers pairs")
    odd_pairs: dict[Trim, int] = {}
    gaps: dict[Trim, float | None] = {}
    starts = list(_KPOINT.finditer(text))
    ends = [match.start() for match in starts[1:]] + [total.start()]
    for match, end in zip(starts, ends, strict=True):
        trim, block = _trim(match[1]), text[match.end() : end]
        pairs, gap = _PAIRS.search(block), _GAP.search(block)
        if pairs is None:
            raise IrrepError(f"no odd Kramers pairs are given for k-point [{match[1].strip()}]")
        if trim in odd_pairs:
            raise IrrepError(f"the TRIM [{match[1].strip()}] occurs twice")
        odd_pairs[trim] = int(pairs[1])
        gaps[trim] = float(gap[1]) if gap else None
    _check_states(text, odd_pairs)
    indices = fu_kane(odd_pairs, n_bands // 2)
    cut = [trim for trim, gap_ev in gaps.items() if gap_ev is not None and gap_ev < CUT]
    if cut:
        raise ParityError(
            f"band {n_bands} is degenerate with the next at {cut}: parities there have no meaning"
        )
    own = sum(odd_pairs.values()), indices.nu[0], indices.z4_odd
    printed = int(total[1]), int(z2[1]), int(z4[1])
    if own != printed:
        raise IrrepError(
            f"total, Z2 and Z4 printed are {printed}, the eight k-points give {own}: the log is mixed up"
        )
    group = _GROUP.search(text)
    return IrrepParities(n_bands, odd_pairs, gaps, int(group[2]) if group else None, indices)


def _no_inversion(text: str) -> str:
    """Say why irrep found no parities: it only knows an inversion about the origin of the cell."""
    found = _INVERSION.search(text)
    if found is None:
        return "a k-point is not invariant under inversion: without it there are no parities"
    centre = ", ".join(f"{0.5 * float(x):.5f}" for x in found[1].split())
    return (
        f"the crystal is symmetric under inversion about ({centre}), and irrep counts parities about the "
        "origin only: move all atoms so that this centre becomes the origin (parities.inversion_centre finds "
        "it beforehand) and run the calculation again"
    )


def _check_states(text: str, odd_pairs: dict[Trim, int]) -> None:
    """Refuse an odd number of odd states, which irrep halves and rounds down without a word."""
    states = {_trim(k): int(count) for k, count in _STATES.findall(text)}
    pairs = odd_pairs_of_states(states)
    wrong = [trim for trim, count in pairs.items() if odd_pairs.get(trim, count) != count]
    if wrong:
        raise IrrepError(f"states and Kramers pairs of odd parity disagree at {wrong}: the log is mixed up")


def _trim(numbers: str) -> Trim:
    """Return (n1, n2, n3) of a fractional k-point, n/2 folded into {0, ½}.

    Raises:
        ParityError: no time-reversal invariant momentum.
    """
    doubled = [2.0 * float(number) for number in numbers.split()]
    if len(doubled) != 3 or any(abs(x - round(x)) > 1e-3 for x in doubled):
        raise ParityError(f"k-point [{numbers.strip()}] is not a time-reversal invariant momentum")
    a, b, c = (round(x) % 2 for x in doubled)
    return a, b, c


def irrep_command(
    prefix: str, n_electrons: int, kpoints: Sequence[int] = range(1, 9), executable: str = "irrep"
) -> list[str]:
    """Return the arguments that make irrep count odd parities of a Quantum ESPRESSO calculation.

    Args:
        prefix: of ``PREFIX.save``, relative to where irrep runs.
        n_electrons: number of electrons, which with spin–orbit coupling is that of occupied bands.
        kpoints: places of the eight TRIMs in the calculation, from one.
        executable: name or path of irrep.

    Raises:
        ParityError: an odd number of electrons, or not eight k-points.
    """
    if n_electrons < 2 or n_electrons % 2:
        raise ParityError(f"{n_electrons} electrons fill no whole number of Kramers pairs")
    if len(set(kpoints)) != 8:
        raise ParityError(f"{len(set(kpoints))} k-points given: the eight TRIMs are needed, each once")
    listed = ",".join(str(int(number)) for number in kpoints)
    return [
        executable,
        "-code",
        "espresso",
        "-prefix",
        prefix,
        "-kpoints",
        listed,
        "-IBend",
        str(n_electrons),
    ]


def run_irrep(
    directory: Path,
    prefix: str,
    n_electrons: int,
    kpoints: Sequence[int] = range(1, 9),
    executable: str | None = None,
    timeout_s: float = 3600.0,
) -> tuple[IrrepParities, str]:
    """Run irrep in ``directory`` and return the parities with the log they were read from.

    The calculation is one of Quantum ESPRESSO with norm-conserving, fully relativistic pseudopotentials on
    the eight TRIMs with ``nosym`` and ``noinv``, an inversion centre at the origin (``inversion_centre``) and
    cell and atoms symmetric to 1e-6.

    Args:
        directory: where irrep runs.
        prefix: of ``PREFIX.save``, relative to it, such as ``tmp/s``.
        n_electrons: number of electrons.
        kpoints: places of the TRIMs in the calculation, from one.
        executable: name or path of irrep; None looks beside this Python first, then in PATH.
        timeout_s: after which irrep is given up.

    Raises:
        IrrepError: irrep is not installed, failed or took too long, or its log is refused.
        ParityError: the electrons or the TRIMs do not make an index.
    """
    beside = Path(sys.executable).with_name("irrep")
    executable = executable or (str(beside) if beside.is_file() else "irrep")
    command = irrep_command(prefix, n_electrons, kpoints, executable)
    found = shutil.which(executable)
    if found is None:
        raise IrrepError(
            f'{executable} is not installed: \'pip install "irrep<3" "irreptables>=3.0.0"\', '
            "or leave parities out and rely on Wilson loops"
        )
    try:
        done = subprocess.run(
            [str(Path(found).resolve()), *command[1:]],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise IrrepError(f"irrep took more than {timeout_s:.0f} s in {directory}") from None
    if done.returncode:
        tail = (done.stderr or done.stdout).strip().splitlines()[-1:]
        advice = ""
        if "No pair found for the g-vector" in done.stderr + done.stdout:
            advice = "; the cell is not symmetric to 1e-6: symmetrise it first"
        raise IrrepError(f"irrep ended with {done.returncode} in {directory}: {' '.join(tail)}{advice}")
    return parse_irrep(done.stdout), done.stdout
