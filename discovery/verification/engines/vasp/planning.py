"""The Wannier plan of a VASP calculation: valences from POTCARs, bands from the run that came before."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from discovery.verification.band_counts import bands_needed
from discovery.verification.engines import StepError
from discovery.verification.engines.vasp.outputs import eigenvalues_of, fermi_energy, read_vasprun
from discovery.verification.engines.vasp.potentials import Potential, load_potcar
from discovery.verification.meshes import mesh_of
from discovery.verification.plan import WannierPlan
from discovery.verification.projections import Choice, choices
from discovery.verification.valence import PlanError, Valence, read_potcar, valence_of_title

if TYPE_CHECKING:
    from pymatgen.core import Structure

    from dft_templates.presets import Preset

MARGIN = 1.1
"""Bands over those that Wannier90 treats, so that disentanglement has something to choose from."""


def valences(potentials: Iterable[Potential], functional: str) -> list[Valence]:
    """Return what each POTCAR treats: from the user's library where there is one, otherwise from its name.

    Raises:
        PlanError: neither says it, or the name promises other electrons than pymatgen lists.
    """
    import tempfile

    potentials = list(potentials)
    try:
        potcar = load_potcar([one.symbol for one in potentials], functional)
    except StepError:
        found = [valence_of_title(one.symbol, one.electrons) for one in potentials]
    else:
        with tempfile.TemporaryDirectory() as folder:  # gone at once: POTCARs are not kept
            potcar.write_file(str(Path(folder) / "POTCAR"))
            found = list(read_potcar(Path(folder) / "POTCAR"))
    for one, valence in zip(potentials, found, strict=True):
        if abs(valence.n_electrons - one.electrons) > 1e-3:
            raise PlanError(
                f"{one.symbol}: shells with {valence.n_electrons:g} electrons, and ZVAL is {one.electrons:g}",
                "Plan where the POTCARs are (PMG_VASP_PSP_DIR).",
            )
    return found


def shells_of(potentials: Mapping[str, Potential], preset: "Preset") -> dict[str, Choice]:
    """Return element → shells that become Wannier functions.

    Raises:
        PlanError: see `valences`; projections that do not fit.
    """
    found = valences(potentials.values(), preset.vasp.potcar_functional)
    return choices(found, getattr(preset.wannier, "projections", None))


def bands_for_wannier(structure: "Structure", potentials: Mapping[str, Potential], preset: "Preset") -> int:
    """Return spin–orbit bands that the plan will ask for.

    Raises:
        PlanError: the valence is not known here, or projections do not fit it.
    """
    counts = Counter(site.specie.symbol for site in structure)
    shells = shells_of(potentials, preset)
    states = {"s": 2, "p": 6, "d": 10, "f": 14}
    treated = sum(
        count
        * (
            sum(states[letter] for letter in shells[element].projected)
            + sum(s.n_states for s in shells[element].deep)
        )
        for element, count in counts.items()
    )
    return max(bands_needed(shells, counts), ceil(MARGIN * treated))


def make_plan(
    structure: "Structure",
    potentials: Mapping[str, Potential],
    preset: "Preset",
    static: Path,
    n_bands: int,
    time_reversal: bool = True,
) -> WannierPlan:
    """Decide the plan from the eigenvalues of the static step with spin–orbit coupling.

    Args:
        structure: in the order of the POSCAR, which VASP writes into the `.win`.
        potentials: of its elements.
        preset: for the mesh and the version.
        static: directory of ``static_soc``.
        n_bands: NBANDS of the run that feeds Wannier90.
        time_reversal: False for a magnetic crystal.

    Raises:
        PlanError: no plan fits.
        StepError: the static run cannot be read.
    """
    eigenvalues = eigenvalues_of(read_vasprun(static), fermi_energy(static), line=False)
    return WannierPlan.decide(
        structure,
        shells_of(potentials, preset),
        eigenvalues,
        mesh_of(structure, preset.wannier.k_spacing),
        "VASP6" if preset.vasp.version >= 6 else "VASP",
        n_bands=n_bands,
        time_reversal=time_reversal,
    )
