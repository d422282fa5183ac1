"""What the stand-in for VASP refuses, each from the manual or from mistakes that were made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.io.vasp.inputs import Incar

from dft_templates.incar_tags import incar_tags

if TYPE_CHECKING:
    from tests.discovery.verification.vasp.stand_in import Inputs


def refusals(inputs: Inputs) -> list[str]:
    """Return what is wrong with the inputs, a sentence each."""
    return [
        text
        for rule in (_tags, _spins, _bands, _density, _hybrid, _wannier, _potcar)
        for text in rule(inputs)
    ]


def _tags(inputs: Inputs) -> list[str]:
    incar = inputs.incar
    wrong = [f"{tag} is no tag" for tag in incar if tag not in incar_tags()]
    if str(incar.get("GGA")).upper() != "PE":
        wrong.append(f"GGA = {incar.get('GGA')} is not PBE")
    if incar.get("LREAL") is not False:
        wrong.append("LREAL is not .FALSE.")
    if int(incar.get("LMAXMIX", 2)) < 4:
        wrong.append("LMAXMIX is below 4: the next step reads too few occupancies")
    if inputs.mesh is None and (incar.get("ISMEAR", 1) != 0 or incar.get("SIGMA", 0.2) > 0.05):
        wrong.append("tetrahedra or a wide smearing on a list of k-points")
    if "KSPACING" in incar:
        wrong.append("KSPACING beside KPOINTS")
    return wrong


def _spins(inputs: Inputs) -> list[str]:
    incar, n = inputs.incar, len(inputs.structure)
    wrong = []
    if inputs.spin_orbit:
        if "ncl" not in inputs.program:
            wrong.append(f"{inputs.program} knows no spin–orbit coupling")
        # The file itself: pymatgen makes vectors of whatever it finds.
        line = re.search(r"^ *MAGMOM *= *(.*)$", (inputs.folder / "INCAR").read_text(), re.MULTILINE)
        count = len(np.atleast_1d(np.ravel(Incar.proc_val("MAGMOM", line[1])))) if line else 0
        if count != 3 * n:
            wrong.append(f"MAGMOM has {count} numbers for {n} atoms, not {3 * n}")
        if incar.get("GGA_COMPAT") is not False:
            wrong.append("GGA_COMPAT is not .FALSE.")
        if incar.get("SAXIS") != [0, 0, 1]:
            wrong.append("SAXIS is not 0 0 1")
    elif incar.get("ISPIN") == 2 and len(incar.get("MAGMOM", [])) != n:
        wrong.append("MAGMOM has not one number for each atom")
    return wrong


def _bands(inputs: Inputs) -> list[str]:
    filled = inputs.n_electrons / (1 if inputs.spin_orbit else 2)
    n_bands = inputs.incar.get("NBANDS")
    if n_bands is None:
        return ["NBANDS is not set"]
    return [f"TOO FEW BANDS: {n_bands} for {filled:g} filled"] if n_bands <= filled else []


def _density(inputs: Inputs) -> list[str]:
    if inputs.incar.get("ICHARG", 2) < 10:
        return []
    file = inputs.folder / "CHGCAR"
    if not file.is_file():
        return ["ERROR: charge density could not be read from file CHGCAR"]
    grids = len(re.findall(r"^ +2 +2 +2$", file.read_text(), re.MULTILINE))
    if (grids == 4) != inputs.spin_orbit:
        made = "with" if grids == 4 else "without"
        return [f"the CHGCAR was made {made} spin–orbit coupling, and this run is not"]
    return []


def _hybrid(inputs: Inputs) -> list[str]:
    incar = inputs.incar
    if not incar.get("LHFCALC") and not incar.get("METAGGA"):
        return []
    wrong = []
    if incar.get("ICHARG", 2) >= 10:
        wrong.append("ICHARG = 11 with a functional of more than the density")
    if str(incar.get("ALGO", "Normal")).lower() not in ("all", "damped", "normal"):
        wrong.append(f"ALGO = {incar.get('ALGO')} with a hybrid")
    if inputs.mesh is None and 0 not in (inputs.kpoints.kpts_weights or []):
        wrong.append("a line without a mesh cannot be self-consistent")
    return wrong


def _wannier(inputs: Inputs) -> list[str]:
    incar = inputs.incar
    if not incar.get("LWANNIER90"):
        return []
    wrong = []
    if incar.get("ISYM") != -1:
        wrong.append("ISYM is not -1: copied spinors are wrong")
    if inputs.mesh is None:
        wrong.append("Wannier functions need a uniform mesh")
    win = inputs.folder / "wannier90.win"
    text = win.read_text() if win.is_file() else ""
    if "begin kpoints" in text.lower():
        wrong.append("a stale wannier90.win with k-points lies here")
    if "NUM_WANN" in incar:
        quoted = re.search(r'WANNIER90_WIN *= *"[^"]*begin projections[^"]*end projections[^"]*"',
                           (inputs.folder / "INCAR").read_text())  # fmt: skip
        if not quoted:
            wrong.append("WANNIER90_WIN is not a quoted text with projections")
    elif "num_wann" not in text:
        wrong.append("neither NUM_WANN nor a wannier90.win says how many Wannier functions")
    return wrong


def _potcar(inputs: Inputs) -> list[str]:
    elements = [one.element for one in inputs.potcar]
    if elements != inputs.poscar.site_symbols:
        return [f"POTCAR has {elements}, POSCAR {inputs.poscar.site_symbols}"]
    return []
