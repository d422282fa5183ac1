"""Input sets of the VASP steps, as atomate2's generators: structure in, INCAR, KPOINTS, POSCAR, POTCAR out.

Sources: VASP wiki, pages LSORBIT, ICHARG, ISYM, LWANNIER90, NUM_WANN, WANNIER90_WIN, KPOINTS_OPT, METAGGA.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from discovery.verification.engines.vasp import kpoints as points
from discovery.verification.engines.vasp.base_set import TopologySetGenerator
from discovery.verification.meshes import TRIMS, mesh_of
from discovery.verification.path import band_path, inversion_centre

if TYPE_CHECKING:
    from pymatgen.io.vasp.inputs import Kpoints, VaspInput


@dataclass
class RelaxSetGenerator(TopologySetGenerator):
    """Cell and ions, without spin–orbit coupling."""

    step: ClassVar[str] = "relax"


@dataclass
class StaticSetGenerator(TopologySetGenerator):
    """Charge density without spin–orbit coupling."""

    step: ClassVar[str] = "static"


@dataclass
class BandsSetGenerator(TopologySetGenerator):
    """Bands along seekpath's path, without spin–orbit coupling."""

    step: ClassVar[str] = "bands"
    reads_density: ClassVar[str] = "static"

    @property
    def kpoints_updates(self) -> Any:
        """The path; only the standardised primitive cell has one."""
        return points.line(band_path(self.crystal, self.line_spacing, time_reversal=not self.magnetic))


@dataclass
class StaticSOCSetGenerator(StaticSetGenerator):
    """Charge density with spin–orbit coupling, from scratch: a collinear density would be another one."""

    step: ClassVar[str] = "static_soc"
    spin_orbit: ClassVar[bool] = True


@dataclass
class BandsSOCSetGenerator(BandsSetGenerator):
    """Bands with spin–orbit coupling."""

    step: ClassVar[str] = "bands_soc"
    spin_orbit: ClassVar[bool] = True
    reads_density: ClassVar[str] = "static_soc"


@dataclass
class ParitiesSetGenerator(TopologySetGenerator):
    """Spinors at the eight TRIMs, for irrep."""

    step: ClassVar[str] = "parities"
    spin_orbit: ClassVar[bool] = True
    reads_density: ClassVar[str] = "static_soc"

    @property
    def own_tags(self) -> dict[str, Any]:
        """WAVECAR is what the step is for."""
        return {"LWAVE": True}

    @property
    def kpoints_updates(self) -> Any:
        """The eight TRIMs."""
        return points.trims()


@dataclass
class WannierInputSetGenerator(TopologySetGenerator):
    """Overlaps and projections on a uniform mesh, written by VASP's interface to Wannier90.

    Attributes:
        mesh: divisions of the uniform mesh, the Wannier plan's.
        plan_tags: what the plan puts into the INCAR (`discovery.verification.inputs.vasp_tags`).
        win: text of ``wannier90.win`` for VASP 5, which does not know those tags; without cell and k-points,
            which VASP adds and does not check where they are there.
    """

    step: ClassVar[str] = "wannier_input"
    spin_orbit: ClassVar[bool] = True
    reads_density: ClassVar[str] = "static_soc"

    mesh: tuple[int, int, int] = (1, 1, 1)
    plan_tags: dict[str, Any] = field(default_factory=dict)
    win: str = ""

    def get_input_set(self, *args: Any, **kwargs: Any) -> "VaspInput":
        """Return the files, ``wannier90.win`` among them for VASP 5."""
        files = super().get_input_set(*args, **kwargs)
        if self.win:
            files["wannier90.win"] = self.win
        return files

    @property
    def own_tags(self) -> dict[str, Any]:
        """ISYM −1: spinors that VASP copies between symmetry-related k-points come out wrong."""
        return {"LWANNIER90": True, "ISYM": -1} | self.plan_tags

    @property
    def kpoints_updates(self) -> Any:
        """The plan's mesh; with ISYM = −1 VASP lists every point of it."""
        return points.uniform(self.mesh)


@dataclass
class CheckSetGenerator(TopologySetGenerator):
    """Bands with a functional of better gaps, self-consistent on a mesh.

    Neither HSE06 nor mBJ is a functional of the density alone, so ICHARG = 11 is wrong: the points of the
    path and the TRIMs ride along without weight. VASP 6 takes the path as KPOINTS_OPT, after convergence.

    Attributes:
        functional: ``hse06`` or ``mbj``.
    """

    step: ClassVar[str] = "check"
    spin_orbit: ClassVar[bool] = True

    functional: str = "hse06"

    def get_input_set(self, *args: Any, **kwargs: Any) -> "VaspInput":
        """Return the files, KPOINTS_OPT among them from VASP 6 on."""
        files = super().get_input_set(*args, **kwargs)
        if self.version >= 6:
            files["KPOINTS_OPT"] = self.path()
        return files

    @property
    def own_tags(self) -> dict[str, Any]:
        """HSE06: a quarter of exact exchange, screened at 0.2 1/Å. mBJ: potential only, no forces."""
        wave = {"LWAVE": self._inverts}
        if self.functional == "hse06":
            return {"LHFCALC": True, "HFSCREEN": 0.2, "AEXX": 0.25, **wave}
        # PRECFOCK is a hybrid's; None takes it away.
        return {"METAGGA": "MBJ", "LASPH": True, "PRECFOCK": None, **wave}

    @property
    def _inverts(self) -> bool:
        return inversion_centre(self.crystal) is not None

    def path(self) -> "Kpoints":
        """Return the band path, which is KPOINTS_OPT from VASP 6 on."""
        return points.line(band_path(self.crystal, self.line_spacing, time_reversal=not self.magnetic))

    @property
    def kpoints_updates(self) -> Any:
        """The mesh, then the TRIMs of a crystal with inversion, then, for VASP 5, the path."""
        extra = [TRIMS] if self._inverts else []
        if self.version < 6:
            extra.append(np.array(self.path().kpts))
        mesh = mesh_of(self.crystal, self.k_spacing)
        if not extra:
            return points.uniform(mesh)
        return points.mesh_with_points(self.crystal, mesh, np.vstack(extra), symmetric=not self.magnetic)


GENERATORS: dict[str, type[TopologySetGenerator]] = {
    cls.step: cls
    for cls in (
        RelaxSetGenerator,
        StaticSetGenerator,
        BandsSetGenerator,
        StaticSOCSetGenerator,
        BandsSOCSetGenerator,
        ParitiesSetGenerator,
        WannierInputSetGenerator,
        CheckSetGenerator,
    )
}
"""Step → its input set."""
