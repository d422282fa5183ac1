"""What the electrons of a crystal ask of the INCAR: bands, moments, Hubbard terms, densities of shells."""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, lcm
from typing import TYPE_CHECKING, Any

from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.core import Structure

HEAVY = 56
"""Atomic number above which f shells may matter, as pymatgen counts."""

Vector = tuple[float, float, float]


def number_of_bands(
    n_electrons: float,
    spin_orbit: bool,
    *,
    empty_fraction: float,
    empty_at_least: int,
    groups: int,
    moment: float = 0.0,
    needed: int = 0,
) -> int:
    """Return NBANDS.

    VASP rounds NBANDS up to its MPI layout by itself, after which custodian compares numbers that differ; so
    it is rounded here. pymatgen doubles its estimate for LNONCOLLINEAR only, not for LSORBIT.

    Args:
        n_electrons: NELECT.
        spin_orbit: whether a band holds one electron.
        empty_fraction: empty bands as a fraction of the filled ones.
        empty_at_least: empty spin–orbit bands; half as many without.
        groups: number that the result is a multiple of; with spin–orbit coupling it is even as well, so that
            the last Kramers pair is whole.
        moment: total collinear moment in μB, by which the fuller spin exceeds half of the electrons.
        needed: bands that another program asks for.
    """
    filled = ceil(n_electrons if spin_orbit else (n_electrons + abs(moment)) / 2 - 1e-6)
    least = empty_at_least if spin_orbit else ceil(empty_at_least / 2)
    wanted = max(filled + max(ceil(empty_fraction * filled), least), needed)
    step = lcm(groups, 2) if spin_orbit else groups
    return ceil(wanted / step) * step


def starting_moments(structure: "Structure") -> list[Vector]:
    """Return a moment for every site in μB: its ``magmom`` property, otherwise atomate2's for the element.

    Numbers point along z, which is SAXIS.

    Raises:
        StepError: a moment that is neither a number nor three.
    """
    from atomate2.vasp.sets.base import VaspInputGenerator

    usual = VaspInputGenerator().config_dict["INCAR"].get("MAGMOM", {})
    moments: list[Vector] = []
    for site in structure:
        given: Any = site.properties.get("magmom")
        if given is None:
            given = usual.get(str(site.specie), usual.get(site.specie.symbol, 0.6))
        given = getattr(given, "moment", given)  # pymatgen's Magmom
        try:
            numbers = [float(x) for x in given] if hasattr(given, "__len__") else [0.0, 0.0, float(given)]
            x, y, z = numbers
        except (TypeError, ValueError):
            raise StepError(
                f"the moment {given!r} of {site.specie} is neither a number nor three",
                "Give each site a magmom such as 3.0 or [0, 0, 3.0].",
            ) from None
        moments.append((x, y, z))
    return moments


def magmom(structure: "Structure", magnetic: bool, spin_orbit: bool) -> dict[str, Any]:
    """Return ISPIN and MAGMOM.

    With spin–orbit coupling MAGMOM has three numbers for each site, zeros too: VASP would start from 1 μB
    per atom. ISPIN is left away then, for VASP ignores it.

    Raises:
        StepError: moments that are not along z without spin–orbit coupling.
    """
    if not magnetic:
        return {"MAGMOM": [[0.0, 0.0, 0.0] for _ in structure]} if spin_orbit else {"ISPIN": 1}
    moments = starting_moments(structure)
    if spin_orbit:
        return {"MAGMOM": [list(moment) for moment in moments]}
    if any(abs(x) + abs(y) > 1e-6 for x, y, _ in moments):
        raise StepError(
            "moments that are not along z need spin–orbit coupling",
            "Start from moments along z, or leave out the steps without spin–orbit coupling.",
        )
    return {"ISPIN": 2, "MAGMOM": [z for _, _, z in moments]}


def hubbard_tags(species: Sequence[str], hubbard: Mapping[str, float]) -> dict[str, Any]:
    """Return Dudarev's LDA+U tags (LDAUTYPE 2: only U − J counts, so J is 0) in the order of the POSCAR.

    U acts on the d shell, on the f shell of lanthanides and actinides (Phys. Rev. B 57, 1505 (1998)).

    Raises:
        StepError: an element that the crystal does not have, or a negative U.
    """
    from pymatgen.core import Element

    wanted = {element: u for element, u in hubbard.items() if u}
    if not wanted:
        return {}
    if absent := sorted(set(wanted) - set(species)):
        raise StepError(
            f"U was given for {', '.join(absent)}, which the crystal does not have",
            f"Its elements are {', '.join(species)}.",
        )
    if any(u < 0 for u in wanted.values()):
        raise StepError("a Hubbard U is negative", "Give U in eV, such as 4.0.")

    def shell(symbol: str) -> int:
        if symbol not in wanted:
            return -1
        element = Element(symbol)
        return 3 if element.is_lanthanoid or element.is_actinoid else 2

    return {
        "LDAU": True,
        "LDAUTYPE": 2,
        "LDAUL": [shell(symbol) for symbol in species],
        "LDAUU": [float(wanted.get(symbol, 0.0)) for symbol in species],
        "LDAUJ": [0.0 for _ in species],
    }


def lmaxmix(elements: Iterable[str]) -> int:
    """Return LMAXMIX: 6 where there may be f electrons, 4 otherwise, for s and p crystals too.

    A band run reads the occupancies of the PAW spheres from CHGCAR, only up to this l (VASP wiki, LMAXMIX).
    """
    from pymatgen.core import Element

    return 6 if any(Element(symbol).Z > HEAVY for symbol in elements) else 4
