"""What pw.x left in ``data-file-schema.xml``: states, structure, convergence; never from its text.

Schema: https://www.quantum-espresso.org/Doc/qes_030920.xsd; Hartree atomic units throughout.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import numpy as np

from discovery.verification.eigenvalues import Array, Eigenvalues
from discovery.verification.engines import StepError

if TYPE_CHECKING:
    from pymatgen.core import Structure

HARTREE = 27.211386245988
BOHR = 0.529177210903

NAMES = {"HSE": "HSE06"}
"""What pw.x calls a functional → its usual name; a screening of 0.106 1/bohr is that of HSE06."""

AGAIN = "Run the step again; it begins anew."


@dataclass(frozen=True)
class PwOutput:
    """A finished run of pw.x.

    Attributes:
        root: of the XML.
        path: of the XML.
    """

    root: ElementTree.Element
    path: Path

    @property
    def version(self) -> str:
        """Such as ``6.7MaX``."""
        creator = self.root.find("general_info/creator")
        return "" if creator is None else creator.get("VERSION", "")

    @property
    def functional(self) -> str:
        """Such as ``PBE``, ``PBE+U`` or ``HSE06``."""
        with_u = self.root.find("output/dft/dftU") is not None
        name = self._text("output/dft/functional")
        return NAMES.get(name, name) + ("+U" if with_u else "")

    @property
    def energy(self) -> float:
        """Total energy in eV; of no meaning where the density was fixed."""
        return HARTREE * float(self._text("output/total_energy/etot"))

    @property
    def n_electrons(self) -> float:
        """Electrons that it treats."""
        return float(self._text("output/band_structure/nelec"))

    @property
    def scf_steps(self) -> int:
        """Iterations of the last density; 0 where it was fixed."""
        return int(self._find_text("output/convergence_info/scf_conv/n_scf_steps") or 0)

    @property
    def converged(self) -> bool:
        """Whether density, and where they were relaxed atoms and cell, converged."""
        found = (
            self._find_text(f"output/convergence_info/{kind}/convergence_achieved")
            for kind in ("scf_conv", "opt_conv")
        )
        return all(text in (None, "true") for text in found)

    @property
    def magnetisation(self) -> float | None:
        """Total |m| in μB per cell; None for a run that has none."""
        text = self._find_text("output/magnetization/absolute")
        moving = self._find_text("output/magnetization/do_magnetization") == "true"
        collinear = self._find_text("output/magnetization/lsda") == "true"
        return float(text) if text is not None and (moving or collinear) else None

    @property
    def largest_force(self) -> float | None:
        """Largest component of a force in eV/Å, where forces were computed."""
        text = self._find_text("output/forces")
        if not text:
            return None
        return float(np.abs(np.array(text.split(), dtype=float)).max() * HARTREE / BOHR)

    @property
    def lattice(self) -> Array:
        """(3, 3) rows a, b, c in Å, of the end of the run."""
        cell = self._find("output/atomic_structure/cell")
        return BOHR * np.array([_numbers(cell, name) for name in ("a1", "a2", "a3")])

    def structure(self) -> "Structure":
        """Return the crystal at the end of the run."""
        from pymatgen.core import Structure

        atoms = self._find("output/atomic_structure/atomic_positions").findall("atom")
        positions = BOHR * np.array([[float(x) for x in (atom.text or "").split()] for atom in atoms])
        symbols = [atom.get("name", "").rstrip("0123456789") for atom in atoms]
        return Structure(self.lattice, symbols, positions, coords_are_cartesian=True)

    def eigenvalues(self, fermi: float | None = None, on_path: bool = False) -> Eigenvalues:
        """Return the states.

        Args:
            fermi: Fermi energy in eV of the density, where it was fixed.
            on_path: the k-points are those of a path and have no weights.

        Raises:
            StepError: bands that are missing or no numbers.
        """
        bands = self._find("output/band_structure")
        blocks = bands.findall("ks_energies")
        if not blocks:
            raise StepError(f"{self.path} holds no bands", AGAIN)
        collinear = self._find_text("output/band_structure/lsda") == "true"
        spin_orbit = self._find_text("output/band_structure/noncolin") == "true"
        alat = float(self._find("output/atomic_structure").get("alat", "nan")) * BOHR
        points = np.array([_numbers(block, "k_point") for block in blocks])
        kpoints = points @ self.lattice.T / alat
        kpoints = np.round(kpoints, 10) + 0.0
        weights = np.array([float(block.find("k_point").get("weight", "0")) for block in blocks])  # type: ignore[union-attr]
        energies = HARTREE * np.array([_numbers(block, "eigenvalues") for block in blocks])
        occupations = np.array([_numbers(block, "occupations") for block in blocks])
        if collinear:  # bands of spin up, then of spin down, at each k
            order = np.argsort(energies, axis=1, kind="stable")
            energies = np.take_along_axis(energies, order, axis=1)
            occupations = np.take_along_axis(occupations, order, axis=1)
        else:  # solvers may leave neighbours of 1e-9 eV in either order
            energies = np.sort(energies, axis=1)
        known = self.fermi if fermi is None else fermi
        weights = np.zeros_like(weights) if on_path else weights / weights.sum()
        try:
            return Eigenvalues(
                kpoints=kpoints,
                weights=weights,
                energies=energies,
                occupations=np.clip(occupations, 0.0, 1.0),
                fermi=known if known is not None else float("nan"),
                n_electrons=self.n_electrons,
                spin_orbit=spin_orbit,
                spin_polarised=collinear,
            )
        except ValueError as error:
            raise StepError(
                f"{self.path}: {error}",
                "Without coupling, pseudopotentials that do not average over j give NaN; else run it again.",
            ) from None

    @property
    def fermi(self) -> float | None:
        """Fermi energy in eV, or the highest occupied level; None where the run knows neither."""
        for name in ("fermi_energy", "highestOccupiedLevel"):
            text = self._find_text(f"output/band_structure/{name}")
            if text:
                return HARTREE * float(text)
        two = self._find_text("output/band_structure/two_fermi_energies")
        return HARTREE * max(float(x) for x in two.split()) if two else None

    def _find(self, path: str) -> ElementTree.Element:
        found = self.root.find(path)
        if found is None:
            raise StepError(f"{self.path} has no {path}: the run was cut off", AGAIN)
        return found

    def _find_text(self, path: str) -> str | None:
        found = self.root.find(path)
        return None if found is None else (found.text or "").strip()

    def _text(self, path: str) -> str:
        text = (self._find(path).text or "").strip()
        if not text:
            raise StepError(f"{path} of {self.path} is empty: the run was cut off", AGAIN)
        return text


def read_pw(directory: Path) -> PwOutput:
    """Read what pw.x left in a step's directory.

    Raises:
        StepError: it is missing or cut off.
    """
    from discovery.verification.engines.espresso.inputs import SAVE

    path = directory / SAVE / "data-file-schema.xml"
    try:
        root = ElementTree.parse(path).getroot()
    except OSError as error:
        raise StepError(f"{path} cannot be read: {error.strerror}", AGAIN) from None
    except ElementTree.ParseError as error:
        raise StepError(f"{path} is cut off or damaged: {error}", AGAIN) from None
    if root.find("output") is None:
        raise StepError(f"{path} has no results: the run was cut off", AGAIN)
    return PwOutput(root, path)


def _numbers(parent: ElementTree.Element, name: str) -> list[float]:
    found = parent.find(name)
    try:
        return [float(word) for word in (found.text or "").split()] if found is not None else []
    except ValueError:
        raise StepError(f"{name} holds what is no number", AGAIN) from None
