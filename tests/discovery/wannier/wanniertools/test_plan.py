import numpy as np
import pytest

from discovery.wannier.wanniertools.plan import (
    PlanError,
    WtAtom,
    WtPlan,
    atoms_with_shells,
    occupied_bands,
    wannier_count,
)
from tests.discovery.wannier.wanniertools.plans import SP, antimony


def test_a_stannite_counts_as_the_facts_say() -> None:
    """Ag2HgSnSe4 with Ag s,d; Hg s,p,d; Sn s,p; Se s,p: 82 functions, 62 of them occupied."""
    elements = ["Ag", "Ag", "Hg", "Sn", "Se", "Se", "Se", "Se"]
    cations = [(0.75, 0.25, 0.5), (0.25, 0.75, 0.5), (0, 0, 0), (0.5, 0.5, 0)]
    anions = [(0.13, 0.13, 0.24), (0.87, 0.87, 0.24), (0.13, 0.87, 0.76), (0.87, 0.13, 0.76)]
    positions = np.array([*cations, *anions])
    atoms = atoms_with_shells(elements, positions, {"Ag": "sd", "Hg": "spd", "Sn": "sp", "Se": "sp"})
    num_wann = wannier_count(atoms, spin_orbit=True)
    n_occupied = occupied_bands(72, 10, spin_orbit=True)
    assert (num_wann, n_occupied) == (82, 62)
    plan = WtPlan(
        hamiltonian="wannier90_hr.dat",
        package="VASP6",
        lattice=((6.15, 0, 0), (0, 6.15, 0), (0, 0, 11.4)),
        atoms=atoms,
        spin_orbit=True,
        num_wann=num_wann,
        n_occupied=n_occupied,
        fermi_energy=5.0,
        surface=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    )
    assert [len(atom.orbitals) for atom in plan.atoms] == [6, 6, 9, 4, 4, 4, 4, 4]
    assert plan.atoms[0].orbitals == ("s", "dz2", "dxz", "dyz", "dx2-y2", "dxy")


def test_atoms_without_projectors_are_left_out() -> None:
    atoms = atoms_with_shells(["Na", "Bi"], np.zeros((2, 3)), {"Bi": "p"})
    assert [(atom.element, atom.orbitals) for atom in atoms] == [("Bi", ("pz", "px", "py"))]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_wann": 18}, "2 × 8 projectors make 16"),
        ({"spin_orbit": False}, "1 × 8 projectors make 8"),
        ({"n_occupied": 9}, "Kramers"),
        ({"n_occupied": 16}, "no gap inside"),
        ({"n_occupied": 0}, "no gap inside"),
        ({"surface": None}, "SURFACE is missing"),
        ({"surface": ((1, 0, 0), (0, 2, 0), (0, 0, 1))}, "no primitive cell"),
        ({"surface": ((1, 0, 0), (0, 1, 0))}, "three vectors"),
        ({"hamiltonian": "a b_hr.dat"}, "plain names"),
        ({"hamiltonian": "x" * 81}, "plain names"),
        ({"hamiltonian": "s_hr.dat.gz"}, "compressed"),
        ({"package": "Wien2k"}, "none of VASP"),
        ({"centres": ((0.0, 0.0, 0.0),) * 8}, "8 Wannier centres"),
        ({"fermi_energy": float("nan")}, "finite"),
        ({"energy_window": (1.0, -1.0)}, "no energies"),
        ({"principal_layers": 0}, "one layer"),
        ({"slab_path": (("G", (0.0, 0.0, 0.0), "M", (0.5, 0.0, 0.0)),)}, "G–M is not one in 2"),
    ],
)
def test_a_plan_that_contradicts_itself_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        antimony(**changes)


def test_without_time_reversal_an_odd_number_may_be_occupied() -> None:
    assert antimony(n_occupied=9, time_reversal=False).n_occupied == 9


@pytest.mark.parametrize(
    ("orbitals", "message"),
    [((), "needs projectors"), (("s", "s"), "each once"), (("sp3",), "unknown orbital")],
)
def test_odd_projectors_are_refused(orbitals: tuple[str, ...], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        WtAtom("Sb", (0.0, 0.0, 0.0), orbitals)


def test_shells_that_fit_no_crystal_are_refused() -> None:
    with pytest.raises(PlanError, match="holds none"):
        atoms_with_shells(["Sb"], np.zeros((1, 3)), {"Bi": "p"})
    with pytest.raises(PlanError, match="unknown shells"):
        atoms_with_shells(["Sb"], np.zeros((1, 3)), {"Sb": "sg"})
    assert atoms_with_shells(["Sb"], np.zeros((1, 3)), {"Sb": "ps"})[0].orbitals == SP


def test_electrons_fill_bands_one_by_one_only_under_spin_orbit_coupling() -> None:
    assert occupied_bands(8, 0, spin_orbit=False) == 4
    with pytest.raises(PlanError, match="whole bands"):
        occupied_bands(7, 0, spin_orbit=False)
    with pytest.raises(PlanError, match="leave none"):
        occupied_bands(10, 10, spin_orbit=True)
