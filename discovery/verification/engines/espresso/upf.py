"""What a UPF file says of itself: valence, shells, relativity, functional, and whether it averages over j.

Only the header, the tags of the wavefunctions and the strengths of the projectors are read. The format is
https://pseudopotentials.quantum-espresso.org/home/unified-pseudopotential-format; files in the wild carry
``<`` and ``&`` in their remarks, so no XML parser reads them all, Quantum ESPRESSO's own included.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from discovery.verification.engines import StepError

_HEADER = re.compile(r"<PP_HEADER\b([^>]*?)/?>")
_CHI = re.compile(r"<PP_CHI\.(\d+)\b([^>]*)>")
_RELWFC = re.compile(r"<PP_RELWFC\.(\d+)\b([^>]*?)/?>")
_BETA = re.compile(r"<PP_RELBETA\.(\d+)\b([^>]*?)/?>")
_DIJ = re.compile(r"<PP_DIJ\b[^>]*>(.*?)</PP_DIJ>", re.DOTALL)
_ATTRIBUTE = re.compile(r"([\w.]+)\s*=\s*\"([^\"]*)\"")
_REMEDY = "Fetch the set that this program knows: discover pseudos fetch."


@dataclass(frozen=True)
class Shell:
    """An atomic shell as the file has it; `discovery.verification.valence` numbers those without a number.

    Attributes:
        n: principal quantum number, or None where the file does not say.
        l: angular momentum, 0 for s.
        electrons: that it holds in the reference atom, both j together.
    """

    n: int | None
    l: int  # noqa: E741 - the name of the quantum number
    electrons: float


@dataclass(frozen=True)
class Upf:
    """The head of a UPF file.

    Attributes:
        file: where it is.
        element: symbol.
        z_valence: electrons that it treats.
        shells: of the valence, in the order of the file.
        relativistic: ``full`` holds spin–orbit coupling.
        functional: as the file names it, such as ``PBE``.
        norm_conserving: neither ultrasoft nor PAW.
        averages: whether Quantum ESPRESSO can take the mean over j, which a run without coupling needs.
    """

    file: Path
    element: str
    z_valence: float
    shells: tuple[Shell, ...]
    relativistic: Literal["full", "scalar", "no"]
    functional: str
    norm_conserving: bool
    averages: bool

    @property
    def fully_relativistic(self) -> bool:
        """Whether spin–orbit coupling is in it."""
        return self.relativistic == "full"


def read_upf(path: Path) -> Upf:
    """Read the head of a UPF file of version 2.

    Raises:
        StepError: no such file, another format, or a header without what is needed.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StepError(f"{path} cannot be read: {error.strerror}", _REMEDY) from None
    head = _HEADER.search(text)
    if head is None or not head[1].strip():
        raise StepError(f"{path} has no header with attributes: it is no UPF file of version 2", _REMEDY)
    if "</UPF>" not in text[-200:]:
        raise StepError(f"{path} is cut off: it does not end in </UPF>", _REMEDY)
    facts = _attributes(head[1])
    try:
        element, z_valence = facts["element"].strip(), float(facts["z_valence"].replace("D", "E"))
        relativistic = facts["relativistic"].strip().lower()
    except (KeyError, ValueError) as error:
        raise StepError(f"the header of {path} lacks {error}", _REMEDY) from None
    if relativistic not in ("full", "scalar", "no"):
        raise StepError(f"{path} is {relativistic!r}: none of full, scalar, no", _REMEDY)
    soft = _true(facts, "is_ultrasoft") or _true(facts, "is_paw")
    return Upf(
        file=path,
        element=element,
        z_valence=z_valence,
        shells=_shells(text),
        relativistic=relativistic,  # type: ignore[arg-type]
        functional=facts.get("functional", "").strip(),
        norm_conserving=not soft,
        averages=relativistic != "full" or (not soft and _averages(text)),
    )


def _attributes(tag: str) -> dict[str, str]:
    return {name.lower(): value for name, value in _ATTRIBUTE.findall(tag)}


def _true(facts: dict[str, str], name: str) -> bool:
    return facts.get(name, "F").strip().strip(".").upper().startswith("T")


def _shells(text: str) -> tuple[Shell, ...]:
    """Join wavefunctions of j = l ± ½ to shells; a negative occupation marks one that is not bound."""
    held: dict[tuple[int | None, int, int], float] = {}
    seen: dict[tuple[int, float], int] = {}
    j_of = {index: _attributes(tag).get("jchi", "0.5") for index, tag in _RELWFC.findall(text)}
    for index, tag in _CHI.findall(text):
        facts = _attributes(tag)
        l, electrons = int(facts["l"]), float(facts.get("occupation", "0").replace("D", "E"))  # noqa: E741
        if electrons < 0:
            continue
        label = re.match(r"\s*(\d)", facts.get("label", ""))
        # Files without labels repeat (l, j) for each further n.
        turn = seen[l, float(j_of.get(index, 0))] = seen.get((l, float(j_of.get(index, 0))), 0) + 1
        key = (int(label[1]), l, 0) if label else (None, l, turn)
        held[key] = held.get(key, 0.0) + electrons
    return tuple(Shell(n, l, round(electrons, 6)) for (n, l, _), electrons in held.items())  # noqa: E741


def _averages(text: str) -> bool:
    """Say whether `average_pp` of Quantum ESPRESSO yields real numbers.

    It averages the projectors of j = l + ½ and l − ½, each scaled by the square root of its strength over
    the mean strength (PW/src/average_pp.f90, 6.7): where the two differ in sign, that root is imaginary
    and the energies come out as NaN.
    """
    found = _DIJ.search(text)
    betas = [_attributes(tag) for _, tag in _BETA.findall(text)]
    if found is None or not betas:
        return False
    numbers = [float(number.replace("D", "E")) for number in found[1].split()]
    n = len(betas)
    if len(numbers) != n * n:
        return False
    strength = [numbers[i * n + i] for i in range(n)]
    i = 0
    while i < n:
        l = int(betas[i]["lll"])  # noqa: E741
        if l == 0:
            i += 1
            continue
        if i + 1 == n or int(betas[i + 1]["lll"]) != l or betas[i]["jjj"] == betas[i + 1]["jjj"]:
            return False
        upper = i if float(betas[i]["jjj"]) > l else i + 1
        lower = 2 * i + 1 - upper
        mean = ((l + 1) * strength[upper] + l * strength[lower]) / (2 * l + 1)
        if strength[upper] * mean < 0 or strength[lower] * mean < 0:
            return False
        i += 2
    return True
