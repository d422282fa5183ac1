"""The inputs of each step."""

from collections import Counter
from collections.abc import Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from discovery.databases.info import file_sha256
from discovery.verification.engines import PendingInput, StepError
from discovery.verification.engines.espresso import hubbard, hybrid, inputs, pseudos, runs
from discovery.verification.engines.espresso.parse import read_pw
from discovery.verification.engines.espresso.script import write_script
from discovery.verification.engines.espresso.steps import (
    DENSITIES,
    DENSITY_OF,
    PATHS,
    WITHOUT_COUPLING,
    pseudopotentials,
    shell_choices,
    write_plan,
)
from discovery.verification.engines.espresso.upf import Upf
from discovery.verification.meshes import TRIMS, Mesh, irreducible_count, mesh_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.presets import Preset
    from discovery.verification.options import Options
    from discovery.verification.projections import Choice


def write_step(
    step: str,
    structure: "Structure",
    preset: "Preset",
    options: "Options",
    directory: Path,
    previous: Mapping[str, Path],
) -> None:
    """Write every input file of a step; see `discovery.verification.engines.Engine.write`."""
    hybrid.require(options)
    if step == "check":  # HSE06 and +U would both correct the same states
        options = options.model_copy(update={"hubbard": {}})
    from discovery.verification.path import inversion_centre

    chosen = preset.espresso
    upfs = pseudopotentials(site.specie.symbol for site in structure)
    hubbard.require_shells(upfs, options.hubbard)
    coupled = _coupled(step, upfs)
    electrons = sum(upfs[site.specie.symbol].z_valence for site in structure)
    parities = step == "parities" or (step == "check" and inversion_centre(structure) is not None)
    if parities:
        _require_parities(structure, electrons)
    overrides = dict(getattr(preset.wannier, "projections", None) or {})
    choices = shell_choices(upfs, overrides)
    nbnd = _bands(structure, choices, electrons, preset, coupled)
    if step == "wannier_input" and preset.wannier.bands:
        nbnd = max(nbnd, preset.wannier.bands)
    ecutwfc = float(
        chosen.SYSTEM.get("ecutwfc")
        or round(chosen.cutoff_fraction * pseudos.cutoff(upfs.values(), chosen.cutoff), 1)
    )
    calculation: inputs.Calculation = "bands"
    exchange: Mesh | None = None
    kpoints: Mesh | np.ndarray = TRIMS
    if step in DENSITIES:
        calculation = "vc-relax" if step == "relax" else "scf"
        kpoints = mesh_of(structure, chosen.k_spacing)
        n_kpoints = irreducible_count(structure, kpoints)
    elif step in PATHS:
        from discovery.verification.path import band_path

        kpoints = band_path(structure, chosen.line_spacing, time_reversal=not options.magnetic).kpoints
        (directory / "projwfc.in").write_text(inputs.projwfc_input(), encoding="utf-8")
    elif step == "check":
        calculation, mesh = "scf", hybrid.mesh(structure, chosen.k_spacing)
        kpoints, exchange = hybrid.kpoints(mesh), hybrid.exchange_mesh(mesh)
        # Exchange costs the square of the bands, and only the filled ones are counted.
        nbnd = 2 * ceil(electrons / 2) + 4
    elif step == "wannier_input":
        calculation = "nscf"
        kpoints = _whole(mesh_of(structure, preset.wannier.k_spacing))
    if step not in DENSITIES:
        n_kpoints = len(kpoints)
    text = inputs.pw_input(
        structure,
        upfs,
        chosen,
        options,
        calculation=calculation,
        spin_orbit=coupled,
        ecutwfc=ecutwfc,
        nbnd=nbnd,
        kpoints=kpoints,
        as_listed=step in ("parities", "wannier_input"),
        exchange=exchange,
    )
    (directory / "pw.in").write_text(text, encoding="utf-8")
    if any(options.hubbard.values()):
        hubbard.write_pseudopotentials(upfs, directory)
    facts: dict[str, Any] = {
        "step": step,
        "electrons": electrons,
        "cutoff (Ry)": ecutwfc,
        "k-points": n_kpoints,
        "pseudopotentials": {
            symbol: {"file": upf.file.name, "sha256": file_sha256(upf.file)} for symbol, upf in upfs.items()
        },
        "projections": overrides,
        "parities": parities,
    }
    runs.write_facts(directory, facts)
    write_script(
        step,
        directory,
        previous,
        options,
        density_of=DENSITY_OF.get(step),
        pools=runs.pools_of(options.ranks, n_kpoints),
        electrons=round(electrons) if parities else None,
    )
    if step == "wannier_input":
        _write_plan(
            structure,
            choices,
            mesh_of(structure, preset.wannier.k_spacing),
            nbnd,
            directory,
            previous,
            time_reversal=not options.magnetic,
        )


def _whole(mesh: Mesh) -> np.ndarray:
    """Return all points of a mesh, last component fastest."""
    axes = np.meshgrid(*(np.arange(n) / n for n in mesh), indexing="ij")
    return np.reshape(axes, (3, -1)).T


def _coupled(step: str, upfs: Mapping[str, Upf]) -> bool:
    """Say whether a step runs with coupling, as relaxations do where there is no going without.

    Raises:
        StepError: the step is one without coupling, and a pseudopotential cannot do without.
    """
    if step not in WITHOUT_COUPLING:
        return True
    stuck = [upf.file.name for upf in upfs.values() if not upf.averages]
    if stuck and step != "relax":
        raise StepError(
            f"Quantum ESPRESSO cannot average {', '.join(stuck)} over j (projectors of opposite sign): "
            "there are no bands without spin–orbit coupling",
            "The steps with coupling do not need it; VASP has both.",
        )
    return bool(stuck)


def _bands(
    structure: "Structure",
    choices: "Mapping[str, Choice]",
    electrons: float,
    preset: "Preset",
    coupled: bool,
) -> int:
    """Return the bands of a run: what the preset wants above the filled ones, or what the plan will need."""
    from discovery.verification.band_counts import bands_needed

    chosen = preset.espresso
    empty = max(chosen.empty_at_least, chosen.empty_fraction * electrons)
    wanted = 2 * ceil((electrons + empty) / 2)
    if not coupled:
        return wanted // 2
    return max(wanted, bands_needed(choices, Counter(site.specie.symbol for site in structure)))


def _write_plan(
    structure: "Structure",
    choices: "Mapping[str, Choice]",
    mesh: Mesh,
    nbnd: int,
    directory: Path,
    previous: Mapping[str, Path],
    time_reversal: bool,
) -> None:
    from discovery.verification.inputs import kpoints, write_pw2wannier90
    from discovery.verification.plan import WannierPlan

    place = previous.get("static_soc")
    if place is None or not (place / inputs.SAVE).is_dir():
        source = "eigenvalues of static_soc"
        raise PendingInput({"wannier90.win": source, "pw2wannier90.in": source})
    bands = read_pw(place).eigenvalues()
    plan = WannierPlan.decide(
        structure, choices, bands, mesh, "QE", n_bands=nbnd, time_reversal=time_reversal
    )
    if not np.allclose(kpoints(plan), _whole(mesh)):
        raise StepError("the plan's k-points are in another order than those of pw.x")
    write_plan(plan, directory)
    text = write_pw2wannier90(plan, inputs.PREFIX, inputs.OUTDIR)
    (directory / "pw2wannier90.in").write_text(text, encoding="utf-8")


def _require_parities(structure: "Structure", electrons: float) -> None:
    """Refuse what irrep cannot count: half a Kramers pair, or a cell that is symmetric only roughly."""
    from discovery.verification.path import STANDARDISE, space_group

    if abs(electrons / 2 - round(electrons / 2)) > 1e-3:
        raise StepError(
            f"{electrons:g} electrons fill no whole number of Kramers pairs: there are no parities",
            "A crystal with an odd number of electrons is a metal, or magnetic.",
        )
    rough, exact = space_group(structure), space_group(structure, 1e-8)
    if rough != exact:
        raise StepError(
            f"the cell has space group {rough} at 0.01 Å and {exact} at 1e-8 Å: irrep needs an exact one",
            STANDARDISE,
        )
