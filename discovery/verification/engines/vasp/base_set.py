"""What the input sets of all VASP steps share: how an INCAR comes about, on atomate2's generator.

Three layers make an INCAR: the preset's tags of the step, what the crystal asks for (bands, moments, U), and
what makes the step the step (LSORBIT, ICHARG). atomate2's own defaults (PBEsol, ENCUT 680, LAECHG, LVTOT) are
not inherited: `config_dict` holds POTCAR names only.

Sources: VASP wiki, pages LSORBIT, ICHARG, MAGMOM, SAXIS, LMAXMIX, NBANDS.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from atomate2.vasp.sets.base import VaspInputGenerator

from discovery.verification.engines import StepError
from discovery.verification.engines.vasp import kpoints as points
from discovery.verification.engines.vasp.electrons import (
    hubbard_tags,
    lmaxmix,
    magmom,
    number_of_bands,
    starting_moments,
)
from discovery.verification.meshes import mesh_of

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from pymatgen.io.vasp.inputs import Incar, VaspInput


def grouped(structure: "Structure") -> "Structure":
    """Return the structure with its sites in the order of the POSCAR: by electronegativity, then symbol.

    pymatgen sorts by electronegativity alone, which leaves Ru and H (both 2.20) mixed, with a POTCAR for each
    run of like atoms.
    """
    return structure.get_sorted_structure(key=lambda site: (site.specie.X, site.specie.symbol))


@dataclass
class TopologySetGenerator(VaspInputGenerator):
    """What the input sets of all steps share.

    The fields of `VaspInputGenerator` stay as they are; ``user_incar_settings`` still wins over everything.

    Attributes:
        tags: INCAR tags that a user may choose (a preset's).
        electrons: element → valence electrons of its POTCAR.
        k_spacing: of the mesh, 1/Å, 2π included.
        line_spacing: of the points of a path, 1/Å, 2π included.
        empty_fraction: see `number_of_bands`.
        empty_at_least: see `number_of_bands`.
        band_groups: see `number_of_bands`.
        needed_bands: spin–orbit bands that Wannier90 asks for; half as many are taken without coupling.
        n_bands: NBANDS as the user or a plan fixes it; refused where the electrons need more.
        hubbard: element → U in eV.
        magnetic: start from moments.
        version: major version of VASP.
    """

    step: ClassVar[str] = ""
    spin_orbit: ClassVar[bool] = False
    reads_density: ClassVar[str] = ""
    """Step whose CHGCAR is read and kept fixed (ICHARG 11); it has the same spin treatment."""

    auto_ismear: bool = False
    auto_metal_kpoints: bool = False
    inherit_incar: bool | list[str] = False
    tags: dict[str, Any] = field(default_factory=dict)
    electrons: dict[str, float] = field(default_factory=dict)
    k_spacing: float = 0.25
    line_spacing: float = 0.025
    empty_fraction: float = 0.2
    empty_at_least: int = 16
    band_groups: int = 1
    needed_bands: int = 0
    n_bands: int | None = None
    hubbard: dict[str, float] = field(default_factory=dict)
    magnetic: bool = False
    version: int = 6

    def get_input_set(
        self, structure: "Structure | None" = None, prev_dir: Any = None, potcar_spec: bool = False
    ) -> "VaspInput":
        """Return the files for a structure, sites of one element together."""
        if structure is not None:
            structure = grouped(structure)
        return super().get_input_set(structure, prev_dir, potcar_spec)

    @property
    def crystal(self) -> "Structure":
        """The structure in the POSCAR's order, which the input set was given."""
        if self.structure is None:
            raise ValueError("the input set has no structure yet")
        return self.structure

    @property
    def n_electrons(self) -> float:
        """NELECT of the crystal.

        Raises:
            StepError: an element whose POTCAR is not known.
        """
        try:
            return float(sum(self.electrons[site.specie.symbol] for site in self.crystal))
        except KeyError as error:
            raise StepError(
                f"the valence electrons of {error.args[0]} are not known to the input set",
                "Make it with `generator_of`, or give `electrons`.",
            ) from None

    @property
    def own_tags(self) -> dict[str, Any]:
        """Tags that make the step what it is; they win over ``tags``."""
        return {}

    @property
    def incar_updates(self) -> dict[str, Any]:
        """All tags but those that ``user_incar_settings`` replaces."""
        species = self.poscar.site_symbols
        return {
            "NSW": 0,
            "SYSTEM": f"{self.crystal.composition.reduced_formula} {self.step}",
            **self.tags,
            "LMAXMIX": max(lmaxmix(species), int(self.tags.get("LMAXMIX", 0))),
            "NBANDS": self._bands(),
            **hubbard_tags(species, self.hubbard),
            **magmom(self.crystal, self.magnetic, self.spin_orbit),
            **({"LSORBIT": True, "SAXIS": [0, 0, 1]} if self.spin_orbit else {}),
            **({"ICHARG": 11} if self.reads_density else {"ICHARG": 2}),
            **({"ISTART": 0}),
            **self.own_tags,
        }

    @property
    def incar(self) -> "Incar":
        """The INCAR.

        pymatgen takes MAGMOM for unused where ISPIN is not 2 and drops it; without it VASP starts every atom
        of a spin–orbit run from 1 μB. It is put back.
        """
        incar = super().incar
        if self.spin_orbit and "MAGMOM" not in self.user_incar_settings:
            incar["MAGMOM"] = magmom(self.crystal, self.magnetic, True)["MAGMOM"]
        return incar

    @property
    def kpoints_updates(self) -> Any:
        """A Γ-centred mesh."""
        return points.uniform(mesh_of(self.crystal, self.k_spacing))

    def _bands(self) -> int:
        moment = sum(z for _, _, z in starting_moments(self.crystal)) if self.magnetic else 0.0

        def count(fraction: float, empty: int, groups: int, needed: int) -> int:
            return number_of_bands(
                self.n_electrons,
                self.spin_orbit,
                empty_fraction=fraction,
                empty_at_least=empty,
                groups=groups,
                moment=moment,
                needed=needed,
            )

        if self.n_bands is None:
            needed = self.needed_bands if self.spin_orbit else -(-self.needed_bands // 2)
            return count(self.empty_fraction, self.empty_at_least, self.band_groups, needed)
        least = count(0.0, 2, 1, 0)
        if self.n_bands < least:
            raise StepError(
                f"NBANDS = {self.n_bands} in {self.step}: {self.n_electrons:g} electrons need {least}",
                f"Leave vasp.{self.step}.nbands unset, or raise it.",
            )
        return self.n_bands
