"""From a preset and the user's options to the input set of a step, and its files."""

from collections.abc import Mapping
from math import lcm
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification.engines import PendingInput, StepError
from discovery.verification.engines.vasp.base_set import TopologySetGenerator, grouped
from discovery.verification.engines.vasp.generators import (
    GENERATORS,
    CheckSetGenerator,
    WannierInputSetGenerator,
)
from discovery.verification.engines.vasp.planning import bands_for_wannier, make_plan
from discovery.verification.engines.vasp.potentials import Potential, choose_potentials
from discovery.verification.engines.vasp.record import VaspRecord
from discovery.verification.inputs import vasp_tags, write_win
from discovery.verification.meshes import mesh_of
from discovery.verification.path import inversion_centre
from discovery.verification.valence import PlanError

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.presets import Preset
    from discovery.verification.options import Options
    from discovery.verification.plan import WannierPlan

FUNCTIONALS = {"hse06": "HSE06", "mbj": "mBJ"}
"""Option ``check`` → name of the functional."""

PENDING = "INCAR.pending"
"""INCAR without what follows from results; VASP does not take it for its own."""


def generator_of(
    step: str, structure: "Structure", preset: "Preset", options: "Options"
) -> TopologySetGenerator:
    """Return the input set of a step; the Wannier plan of ``wannier_input`` is still to be laid in.

    Args:
        step: one of `dft_templates.vasp.VASP_STEPS`.
        structure: standardised primitive cell; its elements choose the POTCARs.
        preset: settings.
        options: what the user asked for.

    Raises:
        StepError: a step that VASP does not run, an unknown POTCAR, no functional for ``check``.
    """
    if step not in GENERATORS:
        raise StepError(f"VASP does not run the step {step!r}", f"Steps: {', '.join(GENERATORS)}.")
    settings, own = preset.vasp, preset.vasp.step(step)
    potentials = choose_potentials((site.specie.symbol for site in structure), settings)
    needed, extra = _needed_bands(step, structure, potentials, preset), dict[str, Any]()
    if step == "wannier_input" and preset.wannier.bands:
        needed = max(needed, preset.wannier.bands)
    if step == "check":
        if options.check is None:
            raise StepError("no functional was chosen for the check", "Use --check hse06 or --check mbj.")
        extra["functional"] = options.check
    return GENERATORS[step](
        config_dict={
            "INCAR": {},
            "KPOINTS": {},
            "POTCAR": {element: one.symbol for element, one in potentials.items()},
            "POTCAR_FUNCTIONAL": settings.potcar_functional,
        },
        tags=settings.tags(step),
        electrons={element: one.electrons for element, one in potentials.items()},
        k_spacing=own.k_spacing or settings.k_spacing,
        line_spacing=settings.line_spacing,
        empty_fraction=settings.empty_fraction,
        empty_at_least=settings.empty_at_least,
        band_groups=lcm(settings.band_groups, groups_of(settings.tags(step), options.ranks)),
        needed_bands=needed,
        n_bands=own.nbands,
        hubbard=dict(options.hubbard),
        magnetic=options.magnetic,
        version=settings.version,
        **extra,
    )


def _needed_bands(
    step: str, structure: "Structure", potentials: Mapping[str, Potential], preset: "Preset"
) -> int:
    """Return the bands with coupling that Wannier functions will need; 0 where a step does without.

    The plan is decided from those of ``static_soc``: where it is not known how many that are, the inputs
    would be found useless only after it has run.

    Raises:
        StepError: they are not known, and nobody has said how many there are to be.
    """
    if step != "wannier_input" and preset.vasp.step(step).nbands is not None:
        return 0
    try:
        return bands_for_wannier(structure, potentials, preset)
    except PlanError as error:
        if step != "static_soc":
            return 0
        raise StepError(
            f"how many bands Wannier functions need is not known: {error.reason}",
            f"{error.remedy} Or say how many: --set vasp.static_soc.nbands=N.",
        ) from None


def groups_of(tags: Mapping[str, Any], ranks: int) -> int:
    """Return how many groups of MPI ranks share the bands of a k-point: ranks / (KPAR · NCORE)."""
    return max(1, ranks // (int(tags.get("KPAR", 1)) * int(tags.get("NCORE", 1))))


def write_step(
    step: str,
    structure: "Structure",
    preset: "Preset",
    options: "Options",
    directory: Path,
    static_soc: Path | None,
) -> None:
    """Write INCAR, KPOINTS, POSCAR, POTCAR.spec and `VaspRecord` of a step into its directory.

    Args:
        step: one of `dft_templates.vasp.VASP_STEPS`.
        structure: standardised primitive cell.
        preset: settings.
        options: what the user asked for.
        directory: exists.
        static_soc: directory of that step where it has run; ``wannier_input`` follows from it.

    Raises:
        StepError: the crystal or the choices cannot be treated.
        PendingInput: the Wannier plan waits for ``static_soc``; what it does not touch has been written.
    """
    generator = generator_of(step, structure, preset, options)
    if step == "parities" and inversion_centre(structure) is None:
        raise StepError("the crystal has no inversion, so its bands have no parities", "Leave the step out.")
    if isinstance(generator, WannierInputSetGenerator):
        generator.mesh = mesh_of(structure, preset.wannier.k_spacing)
        ready = static_soc is not None and any(static_soc.glob("vasprun.xml*"))
        if not ready:
            _write(generator, structure, preset, options, directory)
            (directory / "INCAR").rename(directory / PENDING)
            raise PendingInput({"NUM_WANN, WANNIER90_WIN": "eigenvalues of static_soc"})
        assert static_soc is not None
        plan_of(generator, structure, preset, static_soc).save(directory)
    _write(generator, structure, preset, options, directory)


def plan_of(
    generator: WannierInputSetGenerator, structure: "Structure", preset: "Preset", static_soc: Path
) -> "WannierPlan":
    """Lay the Wannier plan into its input set and return it.

    Raises:
        StepError: no plan fits the crystal, or the static run cannot be read.
    """
    generator.structure = grouped(structure)
    potentials = choose_potentials((site.specie.symbol for site in structure), preset.vasp)
    n_bands = int(generator.incar_updates["NBANDS"])
    plan = make_plan(
        generator.crystal, potentials, preset, static_soc, n_bands, time_reversal=not generator.magnetic
    )
    tags = vasp_tags(plan)
    tags.pop("NBANDS")
    generator.mesh, generator.n_bands, generator.plan_tags = plan.mesh, plan.n_bands, tags
    generator.win = write_win(plan) if plan.package == "VASP" else ""
    return plan


def _write(
    generator: TopologySetGenerator,
    structure: "Structure",
    preset: "Preset",
    options: "Options",
    directory: Path,
) -> None:
    import warnings

    with warnings.catch_warnings():
        # pymatgen's advice is about its own sets: MAGMOM is present, POTCARs are named on purpose.
        warnings.simplefilter("ignore")
        files = generator.get_input_set(structure, potcar_spec=True)
        files.write_input(directory)
    functional = "PBE" + ("+U" if any(options.hubbard.values()) else "")
    if isinstance(generator, CheckSetGenerator):
        functional = FUNCTIONALS[generator.functional]
    VaspRecord(
        step=generator.step,
        spin_orbit=generator.spin_orbit,
        density_of=generator.reads_density,
        potcars=tuple(generator.potcar_symbols),
        potcar_functional=preset.vasp.potcar_functional,
        n_electrons=generator.n_electrons,
        functional=functional,
        version=preset.vasp.version,
        inversion=inversion_centre(structure) is not None,
    ).write(directory)
