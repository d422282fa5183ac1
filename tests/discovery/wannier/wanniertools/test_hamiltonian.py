from pathlib import Path

import numpy as np
import pytest

from discovery.topology.tightbinding import TightBinding
from discovery.wannier.hr import read_hr
from discovery.wannier.wanniertools.hamiltonian import (
    centres_spin_up_first,
    check_hamiltonian,
    fermi_energy,
    plan_for,
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
