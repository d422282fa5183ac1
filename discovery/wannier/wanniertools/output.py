"""Read `WT.out`: what was asked, what came out, and whether wt.x reached its end.

The header of a block decides what its numbers are: `# z2 number for 6 planes` and `# Chern number for 6
planes` are followed by the same six lines.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from discovery.wannier.wanniertools.plan import IntVector, Vector

PLANES = ("k1=0.0", "k1=0.5", "k2=0.0", "k2=0.5", "k3=0.0", "k3=0.5")
"""The six planes, in the order in which wt.x prints them."""

FINISHED = "Congratulations! you finished the calculation."
_HEADERS = {"# z2 number for 6 planes": "z2", "# Chern number for 6 planes": "chern"}
_PLANE = re.compile(r"\s*(k[123]=0\.[05]), k[123]-k[123] plane:\s*(-?\d+)\s*")
_NODE_HEADER = re.compile(r"\s*k1\s+k2\s+k3\s+gap\s*")
_MIRROR = re.compile(r"\s*MCN for ky=0 mirror ([+-])i :\s*(-?\d+)")
_SINGLE = re.compile(r"\s*Z2 for the plane you choose:\s*(\d+)")
_ERROR = re.compile(r"error|forrtl|severe|segmentation", re.IGNORECASE)


class WtOutputError(ValueError):
    """`WT.out` is not one, or is not whole; the message says what is missing."""


@dataclass(frozen=True)
class Minimum:
    """Where the node search ended from one starting point: fractional k and the gap there in eV."""

    k: Vector
    gap: float


@dataclass(frozen=True)
class Chirality:
    """A node with the Chern number of a small sphere around it.

    Attributes:
        k: fractional.
        cartesian: in 1/Å.
        chirality: Chern number of the occupied bands.
    """

    k: Vector
    cartesian: Vector
    chirality: int


@dataclass(frozen=True)
class WtOutput:
    """One run of wt.x.

    Attributes:
        version: of WannierTools.
        hamiltonian: file that was read, cut off at 25 characters by wt.x.
        package: who made it, as wt.in said.
        tasks: `_calc` flags that were true.
        n_occupied: NumOccupied.
        fermi_energy: in eV.
        spin_orbit: SOC > 0.
        finished: the run reached its last line.
        errors: lines that report an error.
        z2: plane → Z2, or None where it was not computed.
        chern: plane → Chern number, or None.
        plane_z2: Z2 of the plane of `wanniercenter_calc`; None without time reversal, when it says nothing.
        mirror_chern: Chern numbers of the sectors that wt.x calls +i and −i, or None. Its operator leaves
            out the factor −i of a spin's reflection, so its +i is the eigenvalue −i of the true one, and it
            goes round the plane the other way: half the difference has the sign of the usual convention.
        minima: local minima of the gap that a node search found, one for each starting point.
        chiralities: nodes with their chirality.
    """

    version: str
    hamiltonian: str
    package: str
    tasks: tuple[str, ...]
    n_occupied: int
    fermi_energy: float
    spin_orbit: bool
    finished: bool
    errors: tuple[str, ...]
    z2: dict[str, int] | None
    chern: dict[str, int] | None
    plane_z2: int | None
    mirror_chern: tuple[int, int] | None
    minima: tuple[Minimum, ...]
    chiralities: tuple[Chirality, ...]

    @property
    def strong_indices(self) -> IntVector | None:
        """ν₀ from each axis, Z2(kᵢ=0) + Z2(kᵢ=½) mod 2; they agree where the planes can be believed."""
        if self.z2 is None:
            return None
        a, b, c = ((self.z2[f"k{i}=0.0"] + self.z2[f"k{i}=0.5"]) % 2 for i in (1, 2, 3))
        return a, b, c

    @property
    def indices(self) -> tuple[int, int, int, int] | None:
        """(ν₀, ν₁, ν₂, ν₃), or None without them or where the three ν₀ disagree."""
        strong = self.strong_indices
        if self.z2 is None or strong is None or len(set(strong)) != 1:
            return None
        return strong[0], self.z2["k1=0.5"], self.z2["k2=0.5"], self.z2["k3=0.5"]


def parse_wt_out(text: str, time_reversal: bool = True) -> WtOutput:
    """Read the text of a `WT.out`.

    Args:
        text: the whole file; a run that broke off is read as far as it came, with ``finished`` false.
        time_reversal: whether the crystal has it; decides if the Z2 of a single plane is kept.

    Raises:
        WtOutputError: not a `WT.out`, or a block of planes that is cut off.
    """
    if "Welcome to WannierTools" not in text:
        raise WtOutputError("this is no WT.out: WannierTools does not welcome anybody in it")
    lines = text.splitlines()
    blocks: dict[str, dict[str, int]] = {}
    for number, line in enumerate(lines):
        if kind := _HEADERS.get(line.strip()):
            blocks[kind] = _planes(lines[number + 1 : number + 7], line.strip())
    mirror = {sign: int(value) for sign, value in (m.groups() for m in map(_MIRROR.match, lines) if m)}
    single = [int(m[1]) for m in map(_SINGLE.match, lines) if m]
    return WtOutput(
        version=_first(r"Version\s+(\S+)", text),
        hamiltonian=_first(r"Tight-binding Hamiltonian filename :\s*(\S+)", text),
        package=_first(r"obtained from package :\s*(\S+)", text),
        tasks=tuple(re.findall(r"^\s*(\w+_calc)\s*:\s*T\s*$", text, re.MULTILINE)),
        n_occupied=int(_first(r"Number of Occupied bands:\s*(\d+)", text)),
        fermi_energy=float(_first(r"Fermi energy \(eV\) :\s*(\S+)", text)),
        spin_orbit=int(_first(r"With SOC or not in Hrfile:\s*(\d+)", text)) > 0,
        finished=FINISHED in text,
        errors=tuple(line.strip() for line in lines if _ERROR.search(line)),
        z2=blocks.get("z2"),
        chern=blocks.get("chern"),
        plane_z2=single[-1] if single and time_reversal else None,
        mirror_chern=(mirror["+"], mirror["-"]) if len(mirror) == 2 else None,
        minima=tuple(_minima(lines)),
        chiralities=tuple(_chiralities(lines)),
    )


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise WtOutputError(f"WT.out ends before {pattern!r}: wt.x did not get through its wt.in")
    return found[1]


def _planes(lines: list[str], header: str) -> dict[str, int]:
    found = {m[1]: int(m[2]) for m in map(_PLANE.fullmatch, lines) if m}
    if tuple(found) != PLANES:
        raise WtOutputError(f"{header!r} is followed by {len(found)} of its six planes")
    return found


def _minima(lines: list[str]) -> Iterator[Minimum]:
    for number, line in enumerate(lines[:-1]):
        if _NODE_HEADER.fullmatch(line) and len(numbers := _numbers(lines[number + 1])) == 4:
            yield Minimum((numbers[0], numbers[1], numbers[2]), numbers[3])


def _chiralities(lines: list[str]) -> Iterator[Chirality]:
    starts = [number for number, line in enumerate(lines) if line.strip() == "Chiralities"]
    for line in lines[starts[-1] + 2 :] if starts else []:
        numbers = _numbers(line)
        if len(numbers) != 7:
            return
        a, b, c, x, y, z, charge = numbers
        yield Chirality((a, b, c), (x, y, z), int(charge))


def _numbers(line: str) -> list[float]:
    try:
        return [float(word) for word in line.split()]
    except ValueError:
        return []
