"""The valence that a pseudopotential really holds: from UPF and POTCAR files, or a POTCAR's title."""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from discovery.verification.engines import StepError

LETTERS = "spdf"


POTCAR_REMEDY = "Put the POTCAR where the run is planned (pymatgen's PMG_VASP_PSP_DIR)."


class PlanError(StepError):
    """No Wannier functions can be planned; says why and what to do about it."""


@dataclass(frozen=True, order=True)
class Shell:
    """A shell of an atom's valence.

    Attributes:
        n: principal quantum number.
        letter: s, p, d or f.
        electrons: that the pseudopotential's reference atom has in it.
    """

    n: int
    letter: str
    electrons: float

    @property
    def name(self) -> str:
        """Such as ``4d``."""
        return f"{self.n}{self.letter}"

    @property
    def n_states(self) -> int:
        """Spinor states of the shell, 2 (2l + 1)."""
        return 2 * (2 * LETTERS.index(self.letter) + 1)

    @property
    def filled(self) -> bool:
        """Whether the reference atom fills it."""
        return abs(self.electrons - self.n_states) < 1e-3


@dataclass(frozen=True)
class Valence:
    """What a pseudopotential treats.

    Attributes:
        element: symbol.
        shells: occupied shells of the reference atom, in the order n, l.
        source: file or title they come from.

    Raises:
        PlanError: no shell, or one twice.
    """

    element: str
    shells: tuple[Shell, ...]
    source: str

    def __post_init__(self) -> None:
        names = [shell.name for shell in self.shells]
        if not names or len(set(names)) != len(names):
            raise PlanError(
                f"{self.source}: the valence of {self.element} reads {' '.join(names) or 'empty'}."
            )

    @property
    def n_electrons(self) -> float:
        """Electrons of the neutral atom that are treated (Z valence, ZVAL)."""
        return sum(shell.electrons for shell in self.shells)


def read_upf(path: str | Path) -> Valence:
    """Read the valence of a UPF file from its pseudo-wavefunctions (label, l and occupation).

    A file that does not number its shells gets the outermost ones that its letters can mean.

    Raises:
        StepError: no UPF file.
        PlanError: its shells disagree with ``z_valence``.
    """
    from discovery.verification.engines.espresso.upf import read_upf as read_head

    head = read_head(Path(path))
    rows = [(shell.n, LETTERS[shell.l], shell.electrons) for shell in head.shells]
    numbered = []
    for i, (n, letter, electrons) in enumerate(rows):
        above = sum(later == letter for _, later, _ in rows[i + 1 :])
        numbered.append((_outer(head.element, letter) - above if n is None else n, letter, electrons))
    valence = Valence(head.element, _shells(numbered), Path(path).name)
    if abs(valence.n_electrons - head.z_valence) > 1e-3:
        raise PlanError(
            f"{path}: its shells hold {valence.n_electrons:g} electrons and z_valence is {head.z_valence:g}",
            "Take a file that describes its wavefunctions, such as PseudoDojo's (discover pseudos fetch).",
        )
    return valence


def _outer(element: str, letter: str) -> int:
    """Return n of the outermost shell of this letter: the row for s and p, one and two less for d and f."""
    from pymatgen.core import Element

    return int(Element(element).row) - max(0, LETTERS.index(letter) - 1)


def _shells(rows: Iterable[tuple[int, str, float]]) -> tuple[Shell, ...]:
    """Add up the electrons of a shell that comes in parts (one for each j)."""
    total: dict[tuple[int, str], float] = {}
    for n, letter, electrons in rows:
        if electrons > 0:
            total[n, letter] = total.get((n, letter), 0.0) + electrons
    ordered = sorted(total.items(), key=lambda item: (item[0][0], LETTERS.index(item[0][1])))
    return tuple(Shell(n, letter, electrons) for (n, letter), electrons in ordered)


def read_potcar(path: str | Path) -> tuple[Valence, ...]:
    """Read the valences of a POTCAR in its order, from its atomic configurations and ZVAL.

    Raises:
        PlanError: not a POTCAR, or one without its atomic configuration.
    """
    from pymatgen.io.vasp.inputs import Potcar

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an unknown checksum does not matter here
            singles = list(Potcar.from_file(str(path)))
            found = tuple(
                Valence(one.element, _shells(one.electron_configuration), one.keywords["TITEL"].strip())
                for one in singles
            )
    except OSError as error:
        raise PlanError(f"{path} cannot be read: {error.strerror or error}", POTCAR_REMEDY) from None
    except (RuntimeError, KeyError, ValueError, IndexError) as error:
        raise PlanError(f"{path}: no atomic configuration can be read ({error})", POTCAR_REMEDY) from None
    for one, valence in zip(singles, found, strict=True):
        if abs(valence.n_electrons - one.zval) > 1e-3:
            raise PlanError(
                f"{path}: the shells of {valence.source} hold {valence.n_electrons:g} electrons, ZVAL is "
                f"{one.zval:g}",
                "Take another POTCAR of the element.",
            )
    return found


def valence_of_title(title: str, electrons: float | None = None) -> Valence:
    """Return the valence that a POTCAR's title promises, for a machine without POTCARs.

    ``_d`` adds the d shell below, ``_pv`` the p, ``_sv`` s and p; plain names hold the valence of the
    periodic table. ``_3`` and ``_2`` of a lanthanide say the valency that is left where f lies in the core.
    Source: VASP wiki, "Available pseudopotentials" and, for f, the manual's page on f elements.

    Args:
        title: such as ``Sn_d`` or ``PAW_PBE Sn_d 06Sep2000``.
        electrons: that it treats (ZVAL); says how much below the valency a lanthanide has besides.

    Raises:
        PlanError: lanthanides and actinides with f electrons, GW and fractional sets, whose titles do not
            say it.
    """
    from pymatgen.core import Element

    label = next((word for word in title.split() if re.match(r"[A-Z][a-z]?(_|$)", word)), title)
    symbol, *suffixes = label.split("_")
    if not Element.is_valid_symbol(symbol):
        raise PlanError(f"{title!r} does not say what valence it holds", POTCAR_REMEDY)
    element = Element(symbol)
    if element.is_lanthanoid or element.is_actinoid:
        return Valence(symbol, _without_f(title, symbol, suffixes, electrons), title)
    if set(suffixes) - {"d", "pv", "sv"}:
        raise PlanError(f"{title!r} does not say what valence it holds", POTCAR_REMEDY)
    row = element.row
    outer = {(row, "s"), (row, "p")} | ({(row - 1, "d")} if 3 <= element.group <= 12 else set())
    if element.group <= 2:
        outer = {(row, "s")}
    deep = {"d": {(row - 1, "d")}, "pv": {(row - 1, "p")}, "sv": {(row - 1, "s"), (row - 1, "p")}}
    wanted = outer.union(*(deep[suffix] for suffix in suffixes))
    shells = _shells(
        (n, letter, electrons)
        for n, letter, electrons in element.full_electronic_structure
        if (n, letter) in wanted
    )
    return Valence(symbol, shells, title)


_FROZEN_F = {
    8: ((5, "p", 6.0), (6, "s", 2.0)),
    9: ((5, "p", 6.0), (5, "d", 1.0), (6, "s", 2.0)),
    11: ((5, "s", 2.0), (5, "p", 6.0), (5, "d", 1.0), (6, "s", 2.0)),
}
"""Electrons of a lanthanide without f → its shells: two or three of the valency, 5p, in the light ones 5s."""


def _without_f(title: str, symbol: str, suffixes: list[str], electrons: float | None) -> tuple[Shell, ...]:
    """Return the shells of a lanthanide whose f electrons lie in the core, or which has none (La).

    Raises:
        PlanError: f electrons are treated, or the number of electrons is not one that is known.
    """
    valency = {("La", ""): 3, ("La", "s"): 3}.get((symbol, "_".join(suffixes)))
    if suffixes in (["2"], ["3"]):
        valency = int(suffixes[0])
    if valency is None:
        raise PlanError(
            f"{title!r} does not say which f electrons it treats",
            f"{POTCAR_REMEDY} Of a lanthanide with f in the core, {symbol}_3 or {symbol}_2 says it "
            f"(--set vasp.potcars.{symbol}=NAME).",
        )
    rows = _FROZEN_F.get(round(electrons)) if electrons is not None else None
    if rows is None or (valency == 2) != (len(rows) == 2):
        treated = "an unknown number of" if electrons is None else f"{electrons:g}"
        raise PlanError(
            f"{title!r} with {treated} electrons does not say which shells it treats", POTCAR_REMEDY
        )
    return _shells(rows)
