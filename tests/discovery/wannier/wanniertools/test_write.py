from pathlib import Path

import numpy as np
import pytest

from discovery.wannier.wanniertools.plan import PlanError, WtAtom
from discovery.wannier.wanniertools.write import Task, write_wt_in
from tests.discovery.wannier.wanniertools.plans import SP, antimony, sections

BULK = (("Γ", (0.0, 0.0, 0.0), "L", (0.5, 0.0, 0.0)), ("L", (0.5, 0.0, 0.0), "F", (0.5, 0.5, 0.0)))
SLAB = (("Γ", (0.0, 0.0), "H₁", (0.5, 0.25)), ("H₁", (0.5, 0.25), r"\Gamma", (0.0, 0.0)))

Z2 = """\
&TB_FILE
Hrfile = 's_hr.dat'
Package = 'QE'
/

LATTICE
Angstrom
    2.154212263061    -1.243735029970     3.758036400955
    0.000000000000     2.487470059940     3.758036400955
   -2.154212263061    -1.243735029970     3.758036400955

ATOM_POSITIONS
2
Direct
Sb      0.233500000000     0.233500000000     0.233500000000
Sb     -0.233500000000    -0.233500000000    -0.233500000000

PROJECTORS
4 4
Sb s pz px py
Sb s pz px py

SURFACE
  1   0   0
  0   1   0
  0   0   1

&CONTROL
Z2_3D_calc = T
/

&SYSTEM
NumOccupied = 10
SOC = 1
E_FERMI = 6.802700
/

&PARAMETERS
Nk1 = 41
Nk2 = 41
Nk3 = 1
/
"""


def test_the_whole_file_of_a_z2_run() -> None:
    assert write_wt_in(antimony(), ["z2"]) == Z2


@pytest.mark.parametrize(
    ("case", "plan"),
    [
        ("Sb-strong-TI/wt.in", antimony()),
        (
            "GaAs-trivial/wt.in",
            antimony(
                lattice=((0, 2.82665, 2.82665), (2.82665, 0, 2.82665), (2.82665, 2.82665, 0)),
                atoms=(WtAtom("Ga", (0, 0, 0), SP), WtAtom("As", (0.25, 0.25, 0.25), SP)),
                n_occupied=8,
                fermi_energy=5.2799,
            ),
        ),
    ],
)
def test_what_is_written_says_what_the_cases_say(shared: Path, case: str, plan) -> None:
    theirs = sections((shared / "cases" / case).read_text())
    ours = sections(write_wt_in(plan, [Task.Z2]))
    assert set(ours) == set(theirs)
    for name, section in theirs.items():
        if isinstance(section, dict):
            assert section.items() <= ours[name].items()
            assert set(ours[name]) - set(section) <= {"NK3"}
        elif name in ("LATTICE", "SURFACE", "ATOM_POSITIONS"):
            for row, own in zip(section, ours[name], strict=False):
                words = [i for i, word in enumerate(row) if isinstance(word, str)]
                assert [row[i] for i in words] == [own[i] for i in words]
                np.testing.assert_allclose(
                    [x for x in own if not isinstance(x, str)],
                    [x for x in row if not isinstance(x, str)],
                    atol=1e-6,
                )
        else:
            assert ours[name] == section


def test_bi2se3_surfaces_say_what_the_example_says(shared: Path) -> None:
    theirs = sections((shared / "cases/Bi2Se3-wanniertools/surface/wt.in").read_text())
    atoms = tuple(WtAtom(str(row[0]).title(), tuple(row[1:]), SP[1:]) for row in theirs["ATOM_POSITIONS"][2:])
    plan = antimony(
        hamiltonian="wannier90_hr.dat",
        package="VASP",
        lattice=tuple(tuple(row) for row in theirs["LATTICE"][1:]),
        atoms=atoms,
        num_wann=30,
        n_occupied=18,
        fermi_energy=4.4195,
        centres=tuple(tuple(row) for row in theirs["WANNIER_CENTRES"][1:]),
        bulk_path=tuple((r[0], tuple(r[1:4]), r[4], tuple(r[5:])) for r in theirs["KPATH_BULK"][1:]),
        slab_path=tuple((r[0], tuple(r[1:3]), r[3], tuple(r[4:])) for r in theirs["KPATH_SLAB"][1:]),
        n_energies=101,
        slab_layers=8,
        principal_layers=1,
    )
    tasks = [Task.BULK_BANDS, Task.SLAB_BANDS, Task.SURFACE_SPECTRUM]
    ours = sections(write_wt_in(plan, tasks, mesh=(41, 101, 1)))
    cards = ["TB_FILE", "LATTICE", "ATOM_POSITIONS", "KPATH_BULK", "KPATH_SLAB", "WANNIER_CENTRES"]
    assert {name: ours[name] for name in cards} == {name: theirs[name] for name in cards}
    assert ours["PROJECTORS"] == theirs["PROJECTORS"]
    assert ours["CONTROL"].items() <= theirs["CONTROL"].items()
    assert ours["SYSTEM"].items() <= theirs["SYSTEM"].items()
    new_names = {"FERMI_BROADENING": "ETA_ARC", "ISO_ENERGY": "E_ARC"}
    parameters = {new_names.get(key, key): value for key, value in theirs["PARAMETERS"].items()}
    assert {key: value for key, value in ours["PARAMETERS"].items() if key != "NK3"} == {
        key: value for key, value in parameters.items() if key != "E_ARC"
    }


def test_the_weyl_cards_are_those_of_the_example(shared: Path) -> None:
    plan = antimony(
        hamiltonian="Weyl3D_hr.dat",
        package="VASP",
        lattice=((1.0, 0, 0), (0, 1.0, 0), (0, 0, 1.0)),
        atoms=(WtAtom("A", (0, 0, 0), ("s",)),),
        num_wann=2,
        n_occupied=1,
        fermi_energy=0.0,
        time_reversal=False,
    )
    theirs = sections((shared / "cases/Weyl-model/wt.in-findnodes").read_text())
    ours = sections(write_wt_in(plan, [Task.NODES], mesh=(6, 6, 6)))
    assert [ours[name] for name in ("CONTROL", "PARAMETERS", "PROJECTORS", "SYSTEM")] == [
        theirs[name] for name in ("CONTROL", "PARAMETERS", "PROJECTORS", "SYSTEM")
    ]
    assert ours["KCUBE_BULK"][1:] == theirs["KCUBE_BULK"][1:]
    theirs = sections((shared / "cases/Weyl-model/wt.in-chirality").read_text())
    ours = sections(write_wt_in(plan, [Task.CHIRALITY], nodes=[(0, 0, 1 / 6), (0, 0, -1 / 6)]))
    assert ours["CONTROL"] == theirs["CONTROL"]
    assert ours["WEYL_CHIRALITY"][0] == theirs["WEYL_CHIRALITY"][0]
    assert ours["WEYL_CHIRALITY"][2] == theirs["WEYL_CHIRALITY"][2]
    np.testing.assert_allclose(
        2 * np.pi * np.array(ours["WEYL_CHIRALITY"][3:]), theirs["WEYL_CHIRALITY"][3:], atol=1e-7
    )


def test_labels_are_short_words_fortran_reads() -> None:
    text = write_wt_in(antimony(bulk_path=BULK, slab_path=SLAB), [Task.SLAB_BANDS, Task.BULK_BANDS])
    found = sections(text)
    assert [(row[0], row[4]) for row in found["KPATH_BULK"][1:]] == [("G", "L"), ("L", "F")]
    assert [(row[0], row[3]) for row in found["KPATH_SLAB"][1:]] == [("G", "H1"), ("H1", "G")]
    assert text.isascii()


def test_tasks_come_in_one_order_and_with_their_cards() -> None:
    plan = antimony(bulk_path=BULK, slab_path=SLAB)
    text = write_wt_in(plan, ["surface-spectrum", "bulk-bands"])
    assert text == write_wt_in(plan, [Task.BULK_BANDS, Task.SURFACE_SPECTRUM, Task.BULK_BANDS])
    arcs = sections(write_wt_in(antimony(arc_energy=-0.01), [Task.FERMI_ARCS]))
    assert arcs["PARAMETERS"] == {"ETA_ARC": 0.001, "E_ARC": -0.01, "NK1": 101, "NK2": 101, "NK3": 1, "NP": 2}
    assert arcs["KPLANE_SLAB"] == [[-0.5, -0.5], [1, 0], [0, 1]]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([], "no task"),
        (["z2", "nodes"], "different meshes"),
        (["bulk-bands"], "no bulk_path"),
        (["surface-spectrum"], "no slab_path"),
        (["chirality"], "needs the nodes"),
        (["mirror-chern"], "z → −z only"),
    ],
)
def test_a_task_without_what_it_needs_is_refused(tasks: list[str], message: str) -> None:
    with pytest.raises(PlanError, match=message):
        write_wt_in(antimony(), tasks)


def test_wanniertools_own_mirror_needs_atoms_in_it() -> None:
    upright = {"lattice": ((4.0, 0, 0), (0, 4.0, 0), (0, 0, 5.0))}
    with pytest.raises(PlanError, match="moves no atoms"):
        write_wt_in(antimony(**upright), [Task.MIRROR_CHERN])
    atoms = (WtAtom("Sb", (0.2, 0.3, 0.0), SP), WtAtom("Sb", (0.7, 0.1, 0.5), SP))
    with pytest.raises(PlanError, match="has inversion and time reversal"):
        write_wt_in(antimony(**upright, atoms=atoms), [Task.MIRROR_CHERN])
    atoms = (atoms[0], WtAtom("As", (0.7, 0.1, 0.5), SP))
    found = sections(write_wt_in(antimony(**upright, atoms=atoms), [Task.MIRROR_CHERN]))
    assert found["KPLANE_BULK"] == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert found["CONTROL"] == {"MIRRORCHERN_CALC": "T"}
