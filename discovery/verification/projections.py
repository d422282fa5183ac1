"""Which atomic shells become Wannier functions, read from the valence that a pseudopotential really holds.

Rules (`choose`), each with its reason beside the shell:

* a shell that the pseudopotential leaves partly filled is projected: its bands lie at the Fermi energy;
* the outermost s always; the outermost p of groups 12 to 18 and of Be and Mg, whose p lies within the
  conduction bands that matter; the d of groups 3 to 12, filled or not; the empty d above Ca, Sr, Ba and in
  lanthanides and actinides;
* every other shell is deep: filled, below the rest, and left out where a true gap lies above its bands.
  Whether one does is decided from eigenvalues (`discovery.verification.exclusion`), never from a table.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from discovery.verification.valence import LETTERS, PlanError, Shell, Valence


@dataclass(frozen=True)
class Choice:
    """What becomes of an element's shells.

    Attributes:
        element: symbol.
        projected: letters in wannier90's order.
        shells: all of the valence.
        deep: filled shells that may be left out, should a gap lie above their bands.
        reasons: shell, such as ``4d`` → why.
        source: where the valence was read, or that the user decided.
    """

    element: str
    projected: str
    shells: tuple[Shell, ...]
    deep: tuple[Shell, ...]
    reasons: Mapping[str, str]
    source: str


def choose(valence: Valence) -> Choice:
    """Return which shells of an element are projected and which are deep."""
    from pymatgen.core import Element

    element = Element(valence.element)
    rare = bool(element.is_lanthanoid or element.is_actinoid)
    row, group = element.row, 3 if rare else element.group
    usual = {f"{row}s": "outermost s"}
    if group >= 12 or valence.element in ("Be", "Mg"):
        usual[f"{row}p"] = "outermost p" if group > 12 else "empty p among the lowest conduction bands"
    if 3 <= group <= 12:
        usual[f"{row - 1}d"] = "d of groups 3 to 12"
    elif valence.element in ("Ca", "Sr", "Ba", "Ra"):
        usual[f"{row - 1}d"] = "empty d among the lowest conduction bands"
    if valence.element in ("H", "He"):
        usual = {"1s": "outermost s"}
    reasons, deep = dict(usual), []
    for shell in valence.shells:
        if shell.name in usual:
            continue
        if shell.filled:
            deep.append(shell)
            reasons[shell.name] = "filled and deep: left out below a true gap"
        else:
            reasons[shell.name] = f"open ({shell.electrons:g} of {shell.n_states} electrons)"
    projected = {name[-1] for name in reasons if name not in {shell.name for shell in deep}}
    return Choice(valence.element, _in_order(projected), valence.shells, tuple(deep), reasons, valence.source)


def overridden(valence: Valence, letters: str | Sequence[str]) -> Choice:
    """Return the user's choice for an element; filled shells that it leaves out are deep.

    Args:
        valence: what the pseudopotential holds.
        letters: such as ``"s,d"``, ``"sd"`` or ``["s", "d"]``.

    Raises:
        PlanError: no shell, an unknown one, or an open shell left out.
    """
    wanted = set(re.sub(r"[\s,;]", "", letters) if isinstance(letters, str) else letters)
    if not wanted or wanted - set(LETTERS):
        raise PlanError(
            f"projections of {valence.element}: {letters!r} names no shells",
            "Write for example s,p or s,p,d.",
        )
    outermost = {
        letter: max((s.n for s in valence.shells if s.letter == letter), default=0) for letter in LETTERS
    }
    deep, reasons = [], {f"{letter}": "asked for" for letter in wanted}
    for shell in valence.shells:
        # Of two shells of one letter, the projections stand for the outer one.
        if shell.letter in wanted and shell.n == outermost[shell.letter]:
            continue
        if not shell.filled:
            raise PlanError(
                f"projections of {valence.element} leave out {shell.name}, which {valence.source} fills with "
                f"{shell.electrons:g} of {shell.n_states} electrons: its bands are no closed group",
                f"Add {shell.letter} to wannier.projections.{valence.element}.",
            )
        deep.append(shell)
        reasons[shell.name] = "not asked for: left out below a true gap"
    return Choice(valence.element, _in_order(wanted), valence.shells, tuple(deep), reasons, "user")


def choices(
    valences: Iterable[Valence], overrides: Mapping[str, str | Sequence[str]] | None = None
) -> dict[str, Choice]:
    """Return the choice of every element, with the user's where there is one.

    Args:
        valences: one for each element.
        overrides: element → shells (``--set wannier.projections.Ag=s,d``).

    Raises:
        PlanError: shells for something that is no element; see `overridden`.
    """
    from pymatgen.core import Element

    overrides = overrides or {}
    found = {
        valence.element: overridden(valence, overrides[valence.element])
        if valence.element in overrides
        else choose(valence)
        for valence in valences
    }
    # One preset may serve several crystals: an element that this one lacks is none of its business.
    if unknown := sorted(name for name in overrides if not Element.is_valid_symbol(name)):
        raise PlanError(
            f"projections for {', '.join(unknown)}: no such element", "Correct wannier.projections."
        )
    return found


def level_ev(element: str, shell: Shell) -> float:
    """Return the energy of a shell of the free atom in eV, by which deep shells are ordered.

    Source: NIST, atomic reference data for electronic structure calculations (LDA), as pymatgen ships them.
    """
    from pymatgen.core import Element

    orbitals = Element(element).atomic_orbitals_eV
    return float(orbitals.get(shell.name, 0.0)) if orbitals else 0.0


def _in_order(letters: Iterable[str]) -> str:
    return "".join(sorted(letters, key=LETTERS.index))
