"""One plan of the Wannier functions, from which every input of every program is written.

What is decided from what: shells from the pseudopotentials' valence, excluded bands and windows from
eigenvalues, the occupied count from the electrons, num_wann from the shells. Nothing is asked for twice, so
that Wannier90, the first-principles program and WannierTools cannot disagree (`discovery.verification.inputs`
writes their files).
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from discovery.verification.band_counts import spare_bands
from discovery.verification.eigenvalues import Eigenvalues, ElectronCountError
from discovery.verification.exclusion import exclude
from discovery.verification.projections import Choice
from discovery.verification.quality import fermi_energy
from discovery.verification.valence import PlanError
from discovery.verification.windows import decide_windows
from discovery.wannier.wanniertools.plan import (
    IntVector,
    Package,
    Vector,
    WtAtom,
    atoms_with_shells,
    wannier_count,
)
from discovery.wannier.wanniertools.plan import PlanError as WtPlanError

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = ["FILE_NAME", "PlanError", "WannierPlan"]

FILE_NAME = "wannier_plan.json"
"""Under which a step leaves its plan beside its inputs."""


@dataclass(frozen=True)
class WannierPlan:
    """What is known of the Wannier functions before they are made.

    Attributes:
        lattice: rows a, b, c in Å.
        atoms: every atom with its projectors, in the order of the structure and of the Wannier functions.
        package: who makes the overlaps; decides the order of spins.
        mesh: k-points along the three reciprocal vectors.
        n_bands: bands of the first-principles run, excluded ones included.
        n_excluded: lowest bands left out.
        num_wann: Wannier functions, two for each projector.
        n_occupied: bands below the gap in question, among those that are not excluded.
        fermi: Fermi energy in eV on the scale of the calculation.
        outer: outer energy window in eV.
        frozen: frozen energy window in eV.
        seed: name of the files.
        time_reversal: whether the crystal has it, so that bands come in Kramers pairs.
        notes: why, one sentence for each decision.

    Raises:
        PlanError: numbers that contradict each other.
    """

    lattice: tuple[Vector, Vector, Vector]
    atoms: tuple[WtAtom, ...]
    package: Package
    mesh: IntVector
    n_bands: int
    n_excluded: int
    num_wann: int
    n_occupied: int
    fermi: float
    outer: tuple[float, float]
    frozen: tuple[float, float]
    seed: str = "wannier90"
    time_reversal: bool = True
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        projectors = sum(len(atom.orbitals) for atom in self.atoms)
        if self.num_wann != 2 * projectors:
            raise PlanError(f"num_wann = {self.num_wann} is not 2 × {projectors} projectors")
        if not 0 < self.n_occupied < self.num_wann:
            raise PlanError(
                f"{self.num_wann} Wannier functions cannot hold {self.n_occupied} occupied bands and a gap",
                "Project more shells (wannier.projections).",
            )
        if self.time_reversal and self.n_occupied % 2:
            raise PlanError(
                f"{self.n_occupied} occupied bands split a Kramers pair: an odd number of electrons",
                "There is no Z2 index to compute; a magnetic crystal is asked for with --magnetic.",
            )
        if self.n_bands - self.n_excluded < self.num_wann + 2:
            raise PlanError(
                f"{self.n_bands} bands less {self.n_excluded} excluded leave none above {self.num_wann} "
                "Wannier functions",
                f"Compute {self.n_excluded + self.num_wann + spare_bands(self.num_wann)} bands.",
            )
        if (
            self.frozen[0] < self.outer[0]
            or self.frozen[1] > self.outer[1]
            or self.frozen[0] >= self.frozen[1]
        ):
            raise PlanError(f"the frozen window {self.frozen} does not lie in the outer one {self.outer}")
        if any(n < 1 for n in self.mesh):
            raise PlanError(f"no mesh: {self.mesh}")

    @classmethod
    def decide(
        cls,
        structure: "Structure",
        choices: Mapping[str, Choice],
        eigenvalues: Eigenvalues,
        mesh: IntVector,
        package: Package,
        *,
        n_bands: int | None = None,
        seed: str = "wannier90",
        time_reversal: bool = True,
    ) -> "WannierPlan":
        """Decide everything.

        Args:
            structure: the crystal, its atoms in the order of the first-principles input.
            choices: element → shells (`discovery.verification.projections.choices`).
            eigenvalues: with spin–orbit coupling, of the static run or of the run on the uniform mesh; they
                must reach above num_wann.
            mesh: of the run that feeds Wannier90.
            package: ``QE``, ``VASP6`` (6.2 and later) or ``VASP``.
            n_bands: bands of that run; None for those of ``eigenvalues``.
            seed: name of Wannier90's files.
            time_reversal: False for a magnetic crystal.

        Raises:
            PlanError: with the reason and what to do.
        """
        counts = Counter(site.specie.symbol for site in structure)
        if missing := set(counts) - set(choices):
            raise PlanError(f"no pseudopotential is known for {', '.join(sorted(missing))}")
        used = {element: choices[element] for element in counts}
        exclusion = exclude(used, counts, eigenvalues)
        try:
            filled = eigenvalues.n_filled
            atoms = atoms_with_shells(
                [site.specie.symbol for site in structure], structure.frac_coords, dict(exclusion.shells)
            )
        except (ElectronCountError, WtPlanError) as error:
            raise PlanError(str(error)) from None
        num_wann = wannier_count(atoms, spin_orbit=True)
        n_occupied = filled - exclusion.n_bands
        energies = eigenvalues.energies[:, exclusion.n_bands :]
        if energies.shape[1] < num_wann + 2:
            needed = exclusion.n_bands + num_wann + spare_bands(num_wann)
            raise PlanError(
                f"{eigenvalues.energies.shape[1]} bands are too few: {exclusion.n_bands} are excluded and "
                f"{num_wann} become Wannier functions",
                f"Compute {needed} bands with spin–orbit coupling (NBANDS, nbnd).",
            )
        if not 0 < n_occupied < num_wann:
            raise PlanError(
                f"{num_wann} Wannier functions cannot hold {n_occupied} occupied bands and a gap",
                "Project more shells (wannier.projections).",
            )
        fermi = fermi_energy(eigenvalues)
        windows = decide_windows(energies, num_wann, n_occupied, fermi)
        reasons = tuple(
            f"{element} {shell}: {reason}"
            for element, one in used.items()
            for shell, reason in one.reasons.items()
        )
        a, b, c = (tuple(float(x) for x in row) for row in structure.lattice.matrix)
        return cls(
            lattice=(a, b, c),  # type: ignore[arg-type]
            atoms=atoms,
            package=package,
            mesh=mesh,
            n_bands=n_bands or eigenvalues.energies.shape[1],
            n_excluded=exclusion.n_bands,
            num_wann=num_wann,
            n_occupied=n_occupied,
            fermi=fermi,
            outer=windows.outer,
            frozen=windows.frozen,
            seed=seed,
            time_reversal=time_reversal,
            notes=(*reasons, *exclusion.notes, *windows.notes),
        )

    @property
    def volume(self) -> float:
        """Volume of the cell in Å³."""
        import numpy as np

        return float(abs(np.linalg.det(np.array(self.lattice))))

    def save(self, directory: Path) -> Path:
        """Write the plan as JSON into a directory and return its path."""
        path = directory / FILE_NAME
        path.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    @classmethod
    def load(cls, directory: Path) -> "WannierPlan":
        """Read the plan that a step left in its directory.

        Raises:
            PlanError: there is none, or it is damaged.
        """
        path = directory / FILE_NAME
        try:
            return cls.from_dict(json.loads(path.read_text(encoding="utf-8")))
        except OSError:
            raise PlanError(f"{path} is missing", "Run the step wannier_input again.") from None
        except (ValueError, TypeError, KeyError) as error:
            raise PlanError(f"{path} is damaged: {error}", "Run the step wannier_input again.") from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "WannierPlan":
        """Make a plan from `dataclasses.asdict` of one, lists for tuples allowed."""
        atoms = tuple(
            WtAtom(atom["element"], tuple(atom["position"]), tuple(atom["orbitals"]))
            for atom in data["atoms"]
        )
        lattice = tuple(tuple(row) for row in data["lattice"])
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return cls(**(plain | {"atoms": atoms, "lattice": lattice}))
