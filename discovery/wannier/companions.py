"""Everything that the files beside a Wannier Hamiltonian add to what is known about it."""

import re
from dataclasses import dataclass
from pathlib import Path

from discovery.topology.tightbinding import TightBinding
from discovery.wannier.geometry import beside
from discovery.wannier.hr import ENDINGS
from discovery.wannier.mesh_bands import band_distance, read_mesh, read_spreads, upper_limit
from discovery.wannier.sites import Sites, SitesError, find_sites, in_atom_order
from discovery.wannier.wanniertools.plan import WtAtom


@dataclass(frozen=True)
class Companions:
    """What was found beside a Hamiltonian.

    Attributes:
        sites: atoms with orbitals; None where they cannot be told.
        without_sites: why not; empty where they can.
        spread: largest final spread in Å², where a ``.wout`` says.
        distance_ev: see `mesh_bands.band_distance`, where ``.eig`` and ``.win`` allow it.
        fermi: Fermi energy in eV, given or from ``wt.in``.
        notes: what else a reader should know, in sentences.
    """

    sites: Sites | None
    without_sites: str
    spread: float | None
    distance_ev: float | None
    fermi: float | None
    notes: tuple[str, ...]

    @property
    def atoms(self) -> tuple[WtAtom, ...] | None:
        """The atoms with their orbitals, or None where they cannot be told."""
        return self.sites.atoms if self.sites is not None else None

    def in_atom_order(self, model: TightBinding) -> TightBinding:
        """Return the model with its basis in the order of `atoms`."""
        return in_atom_order(model, self.sites.order) if self.sites is not None else model


def find_companions(hamiltonian: Path, model: TightBinding, fermi: float | None = None) -> Companions:
    """Read the files beside a Hamiltonian: ``.win``, ``.wout``, ``.eig`` and ``wt.in``, each if it is there.

    Args:
        hamiltonian: path of the ``*_hr.dat`` or ``*_tb.dat``.
        model: what it holds.
        fermi: Fermi energy in eV; E_FERMI of ``wt.in`` where None.

    Raises:
        HamiltonianError: files that do not belong together.
    """
    ending = next((e for e in ENDINGS if hamiltonian.name.endswith(e)), hamiltonian.suffix)
    seed = hamiltonian.name.removesuffix(ending)
    notes: list[str] = []
    if fermi is None:
        fermi = declared_fermi(hamiltonian)
    sites, without = None, ""
    try:
        sites = find_sites(hamiltonian, seed, model.n_orbitals)
    except SitesError as error:
        without = str(error)
    spreads = next((read_spreads(path) for path in beside(hamiltonian, f"{seed}.wout")), None)
    if spreads is not None and spreads.unfinished:
        notes.append("wannier90 stopped its disentanglement before it had converged.")
    distance = None
    win, eig = beside(hamiltonian, f"{seed}.win"), beside(hamiltonian, f"{seed}.eig")
    if win and eig:
        mesh = read_mesh(win[0], eig[0])
        limit = upper_limit(mesh, fermi)
        if limit is None:
            notes.append(
                f"{eig[0].name} was not compared: neither a Fermi energy nor dis_froz_max says up to where."
            )
        else:
            distance = band_distance(model, mesh, limit)
    largest = spreads.largest if spreads is not None else None
    return Companions(sites, without, largest, distance, fermi, tuple(notes))


def declared_fermi(hamiltonian: Path) -> float | None:
    """Return E_FERMI of the ``wt.in`` beside a Hamiltonian; None where there is none or several differ."""
    found = set()
    for path in beside(hamiltonian, "wt.in"):
        text = re.sub(r"!.*", "", path.read_text(encoding="utf-8", errors="replace"))
        match = re.search(r"^\s*e_fermi\s*=\s*([-+.\dDEde]+)", text, re.MULTILINE | re.IGNORECASE)
        if match:
            found.add(float(match[1].upper().replace("D", "E")))
    return found.pop() if len(found) == 1 else None
