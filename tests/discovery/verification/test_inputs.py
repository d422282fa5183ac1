"""The files that a plan becomes, key by key, and that they agree."""

import re
from dataclasses import replace

import numpy as np
import pytest

from discovery.topology.tightbinding import TightBinding
from discovery.verification.inputs import kpoints, vasp_tags, write_pw2wannier90, write_win, wt_plan
from discovery.verification.plan import PlanError, WannierPlan
from discovery.verification.win import keywords
from discovery.wannier.wanniertools import write_wt_in
from tests.discovery.verification.test_plan import decide


def block(text: str, name: str) -> list[str]:
    found = re.search(rf"begin {name}\n(.*?)end {name}", text, re.DOTALL)
    assert found
    return found[1].splitlines()


def espresso() -> WannierPlan:
    return decide(package="QE", mesh=(3, 3, 2))


def test_the_win_for_quantum_espresso_is_complete() -> None:
    plan = espresso()
    text = write_win(plan)
    keys = keywords(text)
    assert keys["num_wann"] == "82"
    assert keys["exclude_bands"] == "1-10"
    assert keys["num_bands"] == str(plan.n_bands - 10)
    assert keys["spinors"] == keys["write_hr"] == keys["write_tb"] == keys["use_ws_distance"] == ".true."
    assert keys["num_iter"] == "0"
    assert keys["mp_grid"] == "3 3 2"
    assert float(keys["dis_froz_max"]) == pytest.approx(plan.frozen[1], abs=1e-6)
    assert float(keys["dis_win_max"]) == pytest.approx(plan.outer[1], abs=1e-6)
    lattice = np.array([line.split() for line in block(text, "unit_cell_cart")[1:]], dtype=float)
    np.testing.assert_allclose(lattice, plan.lattice, atol=1e-12)
    assert [line.split()[0] for line in block(text, "atoms_frac")] == ["Ag", "Ag", "Hg", "Sn", *["Se"] * 4]


def test_k_points_are_exact_and_in_the_order_of_pw() -> None:
    points = np.array([line.split() for line in block(write_win(espresso()), "kpoints")], dtype=float)
    np.testing.assert_allclose(points, kpoints(espresso()), atol=1e-13)
    np.testing.assert_allclose(
        points[:4], [[0, 0, 0], [0, 0, 0.5], [0, 1 / 3, 0], [0, 1 / 3, 0.5]], atol=1e-13
    )
    assert len(points) == 18


def test_projections_follow_the_atoms_whatever_their_order() -> None:
    """Wannier90 sorts atoms by species; places name them one by one, in the order of WannierTools."""
    plan = espresso()
    mixed = replace(plan, atoms=tuple(reversed(plan.atoms)))
    rows = block(write_win(mixed), "projections")
    assert [row[-1] for row in rows] == [*"01" * 4, *"01", *"012", *"02", *"02"]
    places = [tuple(float(x) for x in row[2:].split(":")[0].split(",")) for row in rows]
    assert list(dict.fromkeys(places)) == [atom.position for atom in mixed.atoms]
    states = {0: 1, 1: 3, 2: 5}
    assert 2 * sum(states[int(row[-1])] for row in rows) == plan.num_wann


def test_vasp_6_takes_everything_from_incar() -> None:
    plan = decide(package="VASP6")
    tags = vasp_tags(plan)
    assert tags["NUM_WANN"] == 82
    assert tags["NBANDS"] == plan.n_bands
    assert tags["ISYM"] == -1
    assert tags["LWANNIER90"] is True
    text = tags["WANNIER90_WIN"]
    assert text[0] == text[-1] == '"'
    assert not set(text[1:-1]) & set('";!#')
    # VASP writes these itself.
    assert not {"num_wann", "num_bands", "spinors", "mp_grid"} & set(keywords(text[1:-1]))
    assert not re.search(r"begin (kpoints|unit_cell_cart|atoms)", text)
    assert keywords(text[1:-1])["exclude_bands"] == "1-10"


def test_the_text_survives_pymatgens_incar() -> None:
    from pymatgen.io.vasp.inputs import Incar

    tags = vasp_tags(decide(package="VASP6"))
    written = Incar(tags).get_str()
    assert tags["WANNIER90_WIN"] in written
    assert Incar.from_str(written)["WANNIER90_WIN"] == tags["WANNIER90_WIN"].strip('"\n')


def test_vasp_5_reads_a_win_without_geometry() -> None:
    plan = decide(package="VASP")
    assert vasp_tags(plan) == {"LWANNIER90": True, "NBANDS": plan.n_bands, "ISYM": -1}
    text = write_win(plan)
    assert keywords(text)["num_wann"] == "82"
    assert not re.search(r"begin (kpoints|unit_cell_cart|atoms)", text)


def test_pw2wannier90() -> None:
    text = write_pw2wannier90(espresso(), "s", "./tmp's")
    assert "prefix = 's'" in text
    assert "outdir = './tmp''s'" in text
    assert "seedname = 'wannier90'" in text
    assert "write_mmn = .true." in text


def test_inputs_of_the_other_program_are_refused() -> None:
    with pytest.raises(PlanError, match="not for VASP"):
        vasp_tags(espresso())
    with pytest.raises(PlanError, match="not for Quantum ESPRESSO"):
        write_pw2wannier90(decide(), "s", ".")


def hamiltonian(plan: WannierPlan) -> TightBinding:
    """Levels without hopping, gapped above the occupied ones."""
    n, occupied = plan.num_wann, plan.n_occupied
    levels = np.repeat(
        np.concatenate([np.linspace(-9, -0.5, occupied // 2), np.linspace(0.5, 4, (n - occupied) // 2)]), 2
    )
    return TightBinding(
        np.array(plan.lattice),
        np.zeros((1, 3), dtype=int),
        np.diag(levels)[None].astype(complex),
        np.zeros((n, 3)),
        "interleaved",
    )


@pytest.mark.parametrize("package", ["VASP", "VASP6", "QE"])
def test_wanniertools_gets_the_same_numbers_and_the_order_of_spins(package: str) -> None:
    plan = decide(package=package)
    text = write_wt_in(wt_plan(plan, hamiltonian(plan), (0, 0, 1)), ["z2"])
    assert f"Package = '{package}'" in text
    assert "NumOccupied = 62" in text
    assert "Hrfile = 'wannier90_hr.dat'" in text
    assert "\n6 6 9 4 4 4 4 4\n" in text


def test_a_hamiltonian_of_another_plan_is_refused() -> None:
    plan = decide()
    other = hamiltonian(replace(plan, atoms=plan.atoms[:-1], num_wann=74, n_occupied=60))
    with pytest.raises(PlanError, match="74"):
        wt_plan(plan, other, (0, 0, 1))
