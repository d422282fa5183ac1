"""When a step has decided already, so that the rest of a verification would be work for nothing."""

from typing import TYPE_CHECKING

from discovery.verification.eigenvalues import ElectronCountError

if TYPE_CHECKING:
    from discovery.verification.eigenvalues import Eigenvalues
    from discovery.verification.options import Options
    from discovery.verification.results import Crystal

CLOSED = 1e-3
"""Direct gap in eV at a computed k-point below which bands count as touching."""

OVERLAP = 0.1
"""Overlap in eV beyond which touching bands are a metal's. Dirac and Weyl points lie at the Fermi energy or
near it, so that bands of a semimetal worth its nodes overlap by less; those go on to the search for nodes."""

SPIN_ORBIT_STEPS = ("static_soc", "bands_soc", "wannier_input")


def odd_electrons(crystal: "Crystal", options: "Options") -> str:
    """Return why the electron count alone decides; empty where it does not.

    Bands come in Kramers pairs at the eight TRIMs, so an odd number of electrons always leaves one half full.
    """
    from pymatgen.core import Element

    count = sum(Element(symbol).Z for symbol in crystal.elements)
    if options.magnetic or count % 2 == 0:
        return ""
    return f"metal: {count} electrons in the cell, an odd number, fill no whole number of Kramers pairs"


def metal(step: str, eigenvalues: "Eigenvalues", options: "Options") -> str:
    """Return why these bands decide; empty where they do not.

    Only spin–orbit bands decide, because the coupling opens gaps. Bands that overlap in energy with a direct
    gap at every k, as those of Sb, have indices and go on.
    """
    if step not in SPIN_ORBIT_STEPS:
        return ""
    try:
        n, direct, indirect = eigenvalues.n_filled, eigenvalues.direct_gap, eigenvalues.indirect_gap
    except ElectronCountError as error:
        return f"metal: {error}"
    if n % 2 and not options.magnetic:
        return f"metal: {n} electrons, an odd number, fill no whole number of Kramers pairs"
    if direct < CLOSED and indirect < -OVERLAP:
        return (
            f"metal: bands {n} and {n + 1} come within {1e3 * direct:.2g} meV at one k-point and overlap by "
            f"{-indirect:.2f} eV, so there is no gap to take an index of"
        )
    return ""
