"""One plan from which everything in a `wt.in` is computed, refused where it contradicts itself.

A wrong NumOccupied or E_FERMI gives WannierTools a wrong index without a warning, so neither is ever asked
for: both follow from electrons, excluded bands and the Hamiltonian, each count checked against the others.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from discovery.topology.orbitals import SHELLS, shell_of

Package = Literal["VASP", "VASP6", "QE"]
Vector = tuple[float, float, float]
IntVector = tuple[int, int, int]
Segment = tuple[str, tuple[float, ...], str, tuple[float, ...]]
"""Label and fractional k-point where a line of a path begins, and where it ends."""

FILE_NAME = re.compile(r"[A-Za-z0-9._+/-]{1,80}")  # `character(80) :: Hrfile`, in quotes


class PlanError(ValueError):
    """The plan contradicts itself or the Hamiltonian; the message says where and what to do."""


@dataclass(frozen=True)
class WtAtom:
    """An atom that carries Wannier functions.

    Attributes:
        element: its symbol.
        position: fractional coordinates.
        orbitals: names of its projectors in wannier90's order, each once (spin is not written).
    """

    element: str
    position: Vector
    orbitals: tuple[str, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Z][a-z]?\d{0,3}", self.element):
            raise PlanError(f"{self.element!r} is no element symbol")
        if not self.orbitals or len(set(self.orbitals)) != len(self.orbitals):
            raise PlanError(f"{self.element} needs projectors, each once; it has {list(self.orbitals)}")
        for orbital in self.orbitals:
            try:
                shell_of(orbital)
            except ValueError as error:
                raise PlanError(f"{self.element}: {error}") from None


def atoms_with_shells(
    elements: Sequence[str], positions: np.ndarray, shells: dict[str, str | Sequence[str]]
) -> tuple[WtAtom, ...]:
    """Return the atoms that carry whole shells of projectors; elements without shells are left out.

    Args:
        elements: (n,) symbols.
        positions: (n, 3) fractional coordinates.
        shells: element → its shells in wannier90's order, as ``"sp"`` or ``["s", "d"]``.

    Raises:
        PlanError: shells of an element that is not there, or an unknown shell.
    """
    if absent := set(shells) - set(elements):
        raise PlanError(f"projectors for {', '.join(sorted(absent))}, of which the crystal holds none")
    if unknown := {shell for wanted in shells.values() for shell in wanted} - set(SHELLS):
        raise PlanError(f"unknown shells {', '.join(sorted(unknown))}: known are {', '.join(SHELLS)}")
    names = {
        element: tuple(name for shell in sorted(wanted, key="spdf".index) for name in SHELLS[shell])
        for element, wanted in shells.items()
    }
    return tuple(
        WtAtom(element, _vector(position), names[element])
        for element, position in zip(elements, positions, strict=True)
        if element in names
    )


def wannier_count(atoms: Sequence[WtAtom], spin_orbit: bool) -> int:
    """Return num_wann: projectors of all atoms, twice that with spin–orbit coupling."""
    return (2 if spin_orbit else 1) * sum(len(atom.orbitals) for atom in atoms)


def occupied_bands(n_electrons: int, excluded_bands: int, spin_orbit: bool) -> int:
    """Return NumOccupied: bands that the electrons fill, less the excluded ones below them.

    Args:
        n_electrons: electrons that the calculation treats (NELECT).
        excluded_bands: bands left out below the Wannier window; each holds one electron under spin–orbit
            coupling and two without.
        spin_orbit: whether bands are spinors.

    Raises:
        PlanError: an odd number of electrons in spinless bands, or nothing left.
    """
    if not spin_orbit and n_electrons % 2:
        raise PlanError(f"{n_electrons} electrons do not fill whole bands without spin–orbit coupling")
    filled = n_electrons if spin_orbit else n_electrons // 2
    if excluded_bands < 0 or filled - excluded_bands < 1:
        raise PlanError(f"{filled} filled bands of which {excluded_bands} are excluded leave none")
    return filled - excluded_bands


@dataclass(frozen=True)
class WtPlan:
    """What a `wt.in` says, whatever the task; plain data, checked where it is made.

    Attributes:
        hamiltonian: name of the `_hr.dat` beside the `wt.in`, at most 80 characters.
        package: who made it; decides the order of spins (`VASP` all up first, `VASP6` and `QE` in turn).
        lattice: rows a, b, c in Å.
        atoms: atoms with projectors, in the order of the Wannier functions.
        spin_orbit: whether the Hamiltonian holds spinors.
        num_wann: its size.
        n_occupied: bands below the gap in question.
        fermi_energy: in eV, on the Hamiltonian's scale.
        surface: rows are the two in-plane lattice vectors and the one out of the plane, integers.
        centres: (num_wann) Cartesian Wannier centres in Å, all spin-up first, or empty for the places of the
            atoms. WannierTools sorts the Hamiltonian of QE and VASP6 into that order but not this list.
        bulk_path: lines of the bulk band structure, fractional.
        slab_path: lines in the surface's own zone, fractional in its two reciprocal vectors.
        time_reversal: whether the crystal has time-reversal symmetry.
        energy_window: of surface spectra, in eV from the Fermi energy.
        n_energies: points of that window.
        slab_layers: thickness of slabs in cells.
        principal_layers: NP of the surface Green's function.
        broadening: of surface spectra and arcs, in eV.
        arc_energy: at which Fermi arcs are drawn, in eV from the Fermi energy.

    Raises:
        PlanError: numbers that contradict each other.
    """

    hamiltonian: str
    package: Package
    lattice: tuple[Vector, Vector, Vector]
    atoms: tuple[WtAtom, ...]
    spin_orbit: bool
    num_wann: int
    n_occupied: int
    fermi_energy: float
    surface: tuple[IntVector, IntVector, IntVector] | None
    centres: tuple[Vector, ...] = ()
    bulk_path: tuple[Segment, ...] = ()
    slab_path: tuple[Segment, ...] = ()
    time_reversal: bool = True
    energy_window: tuple[float, float] = (-1.0, 1.0)
    n_energies: int = 201
    slab_layers: int = 10
    principal_layers: int = 2
    broadening: float = 0.001
    arc_energy: float = 0.0

    def __post_init__(self) -> None:
        if not FILE_NAME.fullmatch(self.hamiltonian):
            raise PlanError(f"{self.hamiltonian!r}: WannierTools reads plain names of at most 80 characters")
        if self.hamiltonian.endswith(".gz"):
            raise PlanError(f"{self.hamiltonian} is compressed: WannierTools reads it unpacked only")
        if self.package not in ("VASP", "VASP6", "QE"):
            raise PlanError(f"package {self.package!r} is none of VASP, VASP6, QE")
        self._check_counts()
        self._check_surface()
        if self.centres and len(self.centres) != self.num_wann:
            raise PlanError(f"{len(self.centres)} Wannier centres for num_wann = {self.num_wann}")
        numbers = [*np.ravel(self.lattice), *np.ravel(self.centres), self.fermi_energy, self.arc_energy]
        numbers += [*self.energy_window, self.broadening]
        if not np.isfinite(np.array(numbers, dtype=float)).all():
            raise PlanError("the plan holds numbers that are not finite")
        if self.energy_window[0] >= self.energy_window[1] or self.n_energies < 2 or self.broadening <= 0:
            raise PlanError(f"no energies lie in {self.energy_window}, or the broadening is not positive")
        if self.slab_layers < 1 or self.principal_layers < 1:
            raise PlanError("slabs and principal layers need one layer at least")
        for dimension, path in ((3, self.bulk_path), (2, self.slab_path)):
            for begin, k, end, q in path:
                if len(k) != dimension or len(q) != dimension:
                    raise PlanError(f"the line {begin}–{end} is not one in {dimension} dimensions")

    def _check_counts(self) -> None:
        projectors = sum(len(atom.orbitals) for atom in self.atoms)
        spins = 2 if self.spin_orbit else 1
        if spins * projectors != self.num_wann:
            raise PlanError(
                f"{spins} × {projectors} projectors make {spins * projectors} Wannier functions, "
                f"but num_wann is {self.num_wann}: name the projectors of every atom as wannier90 had them"
            )
        if not 0 < self.n_occupied < self.num_wann:
            raise PlanError(f"NumOccupied = {self.n_occupied} leaves no gap inside {self.num_wann} bands")
        if self.spin_orbit and self.time_reversal and self.n_occupied % 2:
            raise PlanError(
                f"NumOccupied = {self.n_occupied} splits a Kramers pair: with spin–orbit coupling and "
                "time reversal it is even"
            )

    def _check_surface(self) -> None:
        if self.surface is None:
            raise PlanError("SURFACE is missing: WannierTools hangs without it; give a Miller index")
        vectors = np.array(self.surface)
        if vectors.shape != (3, 3) or not np.issubdtype(vectors.dtype, np.integer):
            raise PlanError("SURFACE is three vectors of three integers each")
        if abs(round(np.linalg.det(vectors))) != 1:
            raise PlanError(f"SURFACE {vectors.tolist()} spans no primitive cell of the crystal")


def _vector(values: Sequence[float] | np.ndarray) -> Vector:
    x, y, z = (float(value) for value in values)
    return x, y, z
