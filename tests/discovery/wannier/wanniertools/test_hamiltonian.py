from pathlib import Path

import numpy as np
import pytest

from discovery.topology.tightbinding import TightBinding
from discovery.wannier.hr import read_hr
from discovery.wannier.wanniertools.hamiltonian import (
    bulk_lines,
    centres_spin_up_first,
    check_hamiltonian,
    fermi_energy,
    plan_for,
    principal_layers,
    surface_cards,
)
from discovery.wannier.wanniertools.plan import PlanError, WtAtom
from discovery.wannier.wanniertools.write import write_wt_in
from tests.discovery.wannier.wanniertools.plans import antimony, sections


def levels(energies: list[float], spin: str | None = "interleaved") -> TightBinding:
    """Flat bands at given energies, each orbital at a place of its own."""
    n = len(energies)
    centres = np.arange(3 * n).reshape(n, 3) / 100
    hoppings = np.diag(np.array(energies, dtype=complex))[None]
    return TightBinding(4.0 * np.eye(3), np.zeros((1, 3), int), hoppings, centres, spin)  # type: ignore[arg-type]


ATOMS = (WtAtom("Sb", (0.0, 0.0, 0.0), ("s", "pz")),)
MODEL = levels([-2.0, -2.0, 1.0, 1.0])


def plan(model: TightBinding = MODEL, n_occupied: int = 2, **settings):
    settings = {"hamiltonian": "s_hr.dat", "package": "QE", "miller": (0, 0, 1)} | settings
    return plan_for(model, ATOMS, n_occupied, **settings)


def test_the_fermi_energy_lies_in_the_gap_of_the_occupied_bands() -> None:
    assert plan().fermi_energy == pytest.approx(-0.5)
    assert fermi_energy(levels([0.0, 1.0, 2.0]), 2) == pytest.approx(1.5)
    with pytest.raises(PlanError, match="no gap inside"):
        fermi_energy(MODEL, 4)


def test_centres_come_with_spin_up_first_whatever_the_file_has() -> None:
    cartesian = MODEL.centres @ MODEL.lattice
    np.testing.assert_allclose(centres_spin_up_first(MODEL, "QE"), cartesian[[0, 2, 1, 3]])
    np.testing.assert_allclose(centres_spin_up_first(levels([0.0] * 4, None), "VASP"), cartesian)
    np.testing.assert_allclose(centres_spin_up_first(levels([0.0] * 4, None), "VASP6")[1], cartesian[2])
    np.testing.assert_allclose(sections(write_wt_in(plan(), ["z2"]))["WANNIER_CENTRES"][2], cartesian[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_occupied": 3}, "Kramers"),
        ({"n_occupied": 4}, "no gap inside"),
        ({"fermi": 1.5}, "outside the spectrum"),
        ({"fermi": -2.5}, "outside the spectrum"),
        ({"miller": None}, "SURFACE is missing"),
        ({"miller": (0, 0, 0)}, "SURFACE is missing"),
        ({"model": levels([-2.0, -2.0, 1.0, 1.0, 2.0, 2.0])}, "make 4 Wannier functions"),
        ({"model": levels([-2.0, -1.0, 1.0, 2.0]), "fermi": 1.5}, "fills 3.00 bands"),
    ],
)
def test_a_plan_that_its_hamiltonian_contradicts_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(PlanError, match=message):
        plan(**changes)


def test_a_plan_made_before_the_hamiltonian_is_checked_against_it() -> None:
    with pytest.raises(PlanError, match="num_wann is 16 in the plan and 4"):
        check_hamiltonian(antimony(), MODEL)
    wider = TightBinding(4.1 * np.eye(3), MODEL.cells, MODEL.hoppings, MODEL.centres)
    with pytest.raises(PlanError, match="lattice of the plan"):
        check_hamiltonian(plan(), wider)


def test_the_slab_path_follows_the_surface_lattice() -> None:
    surface, path = surface_cards(4.0 * np.eye(3), (0, 0, 1))
    assert surface == ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert [(begin, end) for begin, _, end, _ in path] == [("Γ", "X"), ("X", "M"), ("M", "Γ")]
    assert path[1] == ("X", (0.5, 0.0), "M", (0.5, 0.5))
    hexagonal = 4.0 * np.array([[1, 0, 0], [-0.5, np.sqrt(0.75), 0], [0, 0, 2]])
    assert surface_cards(hexagonal, (0, 0, 1))[1][1][2:] == ("K", (1 / 3, 1 / 3))


def test_antimony_from_its_hamiltonian(shared: Path) -> None:
    folder = shared / "cases/Sb-strong-TI"
    given = antimony()
    model = read_hr(folder / "s_hr.dat.gz", np.array(given.lattice), spin="interleaved")
    made = plan_for(
        model,
        given.atoms,
        10,
        hamiltonian="s_hr.dat",
        package="QE",
        miller=(0, 0, 1),
        fermi=given.fermi_energy,
    )
    theirs, ours = (sections(text) for text in ((folder / "wt.in").read_text(), write_wt_in(made, ["z2"])))
    assert ours["SYSTEM"] == theirs["SYSTEM"]
    assert ours["PROJECTORS"] == theirs["PROJECTORS"]
    assert fermi_energy(model, 10) == pytest.approx(given.fermi_energy, abs=0.05)
    with pytest.raises(PlanError, match=r"fills .* NumOccupied is 12"):
        plan_for(model, given.atoms, 12, hamiltonian="s_hr.dat", package="QE", miller=(0, 0, 1), fermi=6.8027)


def chain(couplings: list[float]) -> TightBinding:
    """One pair of spins per cell, stacked along c, with couplings to the first, second, … cell above."""
    cells = [(0, 0, 0), *((0, 0, sign * (i + 1)) for i in range(len(couplings)) for sign in (1, -1))]
    values = [0.0, *(value for coupling in couplings for value in (coupling, coupling))]
    hoppings = np.array([value * np.eye(2, dtype=complex) for value in values])
    return TightBinding(4.0 * np.eye(3), np.array(cells), hoppings, np.zeros((2, 3)), "interleaved")


def test_principal_layers_hold_all_couplings_that_matter() -> None:
    plane = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    assert principal_layers(chain([1.0]), plane) == 1
    assert principal_layers(chain([1.0, 0.004]), plane) == 1
    assert principal_layers(chain([1.0, 0.006]), plane) == 2
    assert principal_layers(chain([1.0, 0.5, 0.2, 0.004]), plane) == 3
    assert principal_layers(chain([1.0, 0.5, 0.2, 0.004]), plane, 0.0) == 4
    # On the surface (1 0 1) a hop along c climbs one layer; on (1 0 0) it climbs none.
    assert principal_layers(chain([1.0, 0.5]), ((0, 1, 0), (-1, 0, 1), (0, 0, 1))) == 2
    assert principal_layers(chain([1.0, 0.5]), ((0, 1, 0), (0, 0, 1), (1, 0, 0))) == 1
    assert principal_layers(MODEL, plane) == 1


def test_the_bulk_path_is_that_of_the_cell_given() -> None:
    cubic = bulk_lines(4.0 * np.eye(3))
    assert [(begin, end) for begin, _, end, _ in cubic] == [
        *(("GAMMA", "X"), ("X", "M"), ("M", "GAMMA"), ("GAMMA", "R"), ("R", "X"), ("R", "M"))
    ]
    fcc = 2.7 * np.array([[0.0, 1, 1], [1, 0, 1], [1, 1, 0]])
    silicon = (WtAtom("Si", (0.0, 0.0, 0.0), ("s",)), WtAtom("Si", (0.25, 0.25, 0.25), ("s",)))
    corners = {name: k for begin, p, end, q in bulk_lines(fcc, silicon) for name, k in ((begin, p), (end, q))}
    assert {"GAMMA", "X", "L", "W", "K"} <= set(corners)
    # Whatever vectors describe the lattice, X is halfway along a reciprocal vector of length 4π/a.
    for change in (np.eye(3), np.array([[1, 1, 0], [0, 1, 0], [0, -1, 1]])):
        lattice = change @ fcc
        found = {name: k for begin, k, _, _ in bulk_lines(lattice) for name in (begin,)}
        length = np.linalg.norm(np.array(found["X"]) @ np.linalg.inv(lattice).T)
        assert length == pytest.approx(1 / 5.4, rel=1e-6)


def test_a_plan_fills_paths_and_layers_unless_they_are_given() -> None:
    made = plan()
    assert (len(made.bulk_path), made.principal_layers) == (6, 1)
    text = sections(write_wt_in(made, ["bulk-bands"]))
    assert text["KPATH_BULK"][0] == [6.0]
    assert text["KPATH_BULK"][1] == ["G", 0.0, 0.0, 0.0, "X", 0.0, 0.5, 0.0]
    line = (("A", (0.0, 0.0, 0.0), "B", (0.5, 0.0, 0.0)),)
    own = plan(bulk_path=line, principal_layers=3)
    assert (own.bulk_path, own.principal_layers) == (line, 3)
