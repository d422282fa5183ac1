"""Text of the input files of pw.x, projwfc.x: https://www.quantum-espresso.org/Doc/INPUT_PW.html (6.7)."""

import re
from collections.abc import Mapping
from io import StringIO
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from discovery.verification.engines.espresso import hubbard, hybrid
from discovery.verification.engines.espresso.upf import Upf
from discovery.verification.meshes import Mesh

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.espresso import EspressoPreset
    from discovery.verification.options import Options

PREFIX, OUTDIR = "crystal", "./out"
SAVE = f"out/{PREFIX}.save"

Calculation = Literal["vc-relax", "scf", "nscf", "bands"]

MAGNETIC_START = 0.5
"""Magnetisation of open d and f shells at the start, as a fraction of the valence; 0.1 for other atoms."""


def pw_input(
    structure: "Structure",
    upfs: Mapping[str, Upf],
    preset: "EspressoPreset",
    options: "Options",
    *,
    calculation: Calculation,
    spin_orbit: bool,
    ecutwfc: float,
    nbnd: int,
    kpoints: Mesh | np.ndarray,
    as_listed: bool = False,
    exchange: Mesh | None = None,
) -> str:
    """Return the input of pw.x.

    Args:
        structure: the crystal.
        upfs: element → pseudopotential.
        preset: free choices.
        options: what the user asked for.
        calculation: of pw.x.
        spin_orbit: spinors with coupling; without it the pseudopotentials are averaged over j.
        ecutwfc: cutoff of the wavefunctions, Ry.
        nbnd: bands.
        kpoints: divisions of a Γ-centred mesh, (n, 3) fractional points, or (n, 4) with their weights.
        as_listed: neither symmetry nor time reversal may touch the points (``nosym``, ``noinv``).
        exchange: divisions of the mesh of HSE06's exchange, which makes it that functional.

    Raises:
        StepError: +U that Quantum ESPRESSO does not have.
    """
    from ase import Atoms
    from ase.io.espresso import write_espresso_in

    fixed_density = calculation in ("nscf", "bands")
    system: dict[str, Any] = dict(preset.SYSTEM) | {
        "ecutwfc": ecutwfc,
        "occupations": "smearing",
        "nbnd": nbnd,
    }
    if spin_orbit:
        system |= {"noncolin": True, "lspinorb": True}
    elif options.magnetic:
        system["nspin"] = 2
    if as_listed:
        system |= {"nosym": True, "noinv": True}
    if exchange is not None:
        system |= hybrid.variables(exchange, ecutwfc)
    symbols = [site.specie.symbol for site in structure]
    species = list(dict.fromkeys(symbols))
    system |= hubbard.variables(species, options.hubbard, spin_orbit, calculation)
    electrons: dict[str, Any] = dict(preset.ELECTRONS)
    if fixed_density:
        electrons["diago_thr_init"] = preset.diago_thr
    control: dict[str, Any] = dict(preset.CONTROL) | {
        "calculation": calculation,
        "prefix": PREFIX,
        "outdir": OUTDIR,
        "disk_io": "low",
    }
    sections: dict[str, Any] = {"CONTROL": control, "SYSTEM": system, "ELECTRONS": electrons}
    if calculation == "vc-relax":
        sections |= {"IONS": dict(preset.IONS), "CELL": dict(preset.CELL)}
    else:
        for name in ("nstep", "forc_conv_thr", "etot_conv_thr"):
            control.pop(name, None)
    atoms = Atoms(symbols, cell=structure.lattice.matrix, scaled_positions=structure.frac_coords, pbc=True)
    if options.magnetic:
        atoms.set_initial_magnetic_moments([_moment(symbol) for symbol in symbols])
    text = StringIO()
    write_espresso_in(
        text,
        atoms,
        input_data=sections,
        pseudopotentials={symbol: upfs[symbol].file.name for symbol in species},
        kpts=kpoints if isinstance(kpoints, tuple) else _weighted(kpoints),
        crystal_coordinates=True,
    )
    # ASE opens every namelist that it knows; a relaxation wants IONS and CELL, be they empty.
    unused = "FCP|RISM" if calculation == "vc-relax" else "IONS|CELL|FCP|RISM"
    return re.sub(rf"&(?:{unused})\n/\n", "", text.getvalue())


def _weighted(kpoints: np.ndarray) -> np.ndarray:
    if kpoints.shape[1] == 4:
        return kpoints
    return np.column_stack([kpoints, np.full(len(kpoints), 1.0 / len(kpoints))])


def _moment(symbol: str) -> float:
    from pymatgen.core import Element

    element = Element(symbol)
    open_shell = (
        element.is_lanthanoid or element.is_actinoid or (element.is_transition_metal and element.group < 12)
    )
    return MAGNETIC_START if open_shell else 0.1


def projwfc_input() -> str:
    """Return the input of projwfc.x, which weighs the bands by atomic orbitals."""
    return f"&PROJWFC\n   prefix = '{PREFIX}'\n   outdir = '{OUTDIR}'\n   lsym = .false.\n/\n"


def gentler(text: str, part: float = 0.4, least_steps: int = 300) -> str:
    """Return an input of pw.x that mixes less of each new density and may take more steps.

    Args:
        text: the input that did not converge.
        part: by which ``mixing_beta`` is multiplied.
        least_steps: of ``electron_maxstep``.
    """
    electrons = _sections(text)["electrons"]
    return changed(
        text,
        "electrons",
        mixing_beta=round(part * float(electrons.get("mixing_beta", 0.7)), 4),
        electron_maxstep=max(least_steps, int(electrons.get("electron_maxstep", 100))),
    )


def limited(text: str, seconds: float | None, restart: bool) -> str:
    """Return an input of pw.x that stops in good order after some time, or goes on with such a run.

    Args:
        text: the input; a shorter ``max_seconds`` of its own stays.
        seconds: wall time, s; no limit without it.
        restart: go on with what an earlier run left.
    """
    control: dict[str, Any] = {"restart_mode": "restart"} if restart else {}
    if seconds is not None:
        control["max_seconds"] = min(seconds, float(_sections(text)["control"].get("max_seconds", seconds)))
    return changed(text, "control", **control)


def changed(text: str, section: str, **values: Any) -> str:
    """Return an input of pw.x with other values in a namelist."""
    from ase.io.espresso import read_fortran_namelist
    from ase.io.espresso_namelist.namelist import Namelist

    sections, cards = read_fortran_namelist(StringIO(text))
    sections[section].update(values)
    return str(Namelist(sections).to_string()) + "\n".join(cards) + "\n"


def _sections(text: str) -> dict[str, dict[str, Any]]:
    from ase.io.espresso import read_fortran_namelist

    sections, _ = read_fortran_namelist(StringIO(text))
    return {name: dict(values) for name, values in sections.items()}
