from pathlib import Path

import pytest

from discovery.wannier.wanniertools.output import FINISHED, WtOutputError, parse_wt_out

HEADER = """\
                        Welcome to WannierTools.
                             Version 2.7.1
 Tight-binding Hamiltonian filename : s_hr.dat
 Tight-binding Hamiltonian obtained from package : QE
 BulkBand_line_calc                :  F
 {flag}                        :  T
 Number of Occupied bands:    10
 With SOC or not in Hrfile:     1
 Fermi energy (eV) :        6.802700
"""

PLANES = """\
 # {title} for 6 planes
 k1=0.0, k2-k3 plane:            1
 k1=0.5, k2-k3 plane:            0
 k2=0.0, k1-k3 plane:            {third}
 k2=0.5, k1-k3 plane:            0
 k3=0.0, k1-k2 plane:            1
 k3=0.5, k1-k2 plane:            0
"""


def run(body: str, flag: str = "Z2_3D_calc", end: str = f"  {FINISHED}\n") -> str:
    return HEADER.format(flag=flag) + body + end


def test_the_header_of_a_block_decides_what_it_is() -> None:
    z2 = parse_wt_out(run(PLANES.format(title="z2 number", third=1)))
    assert z2.indices == (1, 0, 0, 0)
    assert z2.chern is None
    chern = parse_wt_out(run(PLANES.format(title="Chern number", third=-1), "Chern_3D_calc"))
    assert chern.z2 is None
    assert chern.indices is None
    assert chern.chern == {"k1=0.0": 1, "k1=0.5": 0, "k2=0.0": -1, "k2=0.5": 0, "k3=0.0": 1, "k3=0.5": 0}
    assert (z2.version, z2.package, z2.n_occupied, z2.fermi_energy) == ("2.7.1", "QE", 10, 6.8027)
    assert z2.tasks == ("Z2_3D_calc",)
    assert z2.spin_orbit
    assert z2.finished


def test_axes_that_disagree_make_no_index() -> None:
    found = parse_wt_out(run(PLANES.format(title="z2 number", third=0)))
    assert found.strong_indices == (1, 0, 1)
    assert found.indices is None


def test_a_run_that_broke_off_is_not_finished() -> None:
    assert not parse_wt_out(run("", end="")).finished
    broken = PLANES.format(title="z2 number", third=1).rsplit("\n", 3)[0]
    with pytest.raises(WtOutputError, match="followed by 4 of its six planes"):
        parse_wt_out(run(broken, end=""))


def test_errors_are_kept() -> None:
    found = parse_wt_out(run("  >>>> Error happens in KPATH_SLAB card\n", end=""))
    assert found.errors == (">>>> Error happens in KPATH_SLAB card",)


def test_the_z2_of_one_plane_counts_only_with_time_reversal() -> None:
    text = run(" Z2 for the plane you choose:            1\n", "wanniercenter_calc")
    assert parse_wt_out(text).plane_z2 == 1
    assert parse_wt_out(text, time_reversal=False).plane_z2 is None


def test_mirror_chern_numbers() -> None:
    text = run(" MCN for ky=0 mirror +i :    -2\n MCN for ky=0 mirror -i :     2\n", "MirrorChern_calc")
    assert parse_wt_out(text).mirror_chern == (-2, 2)


def test_what_is_no_output_is_refused() -> None:
    with pytest.raises(WtOutputError, match="welcome anybody"):
        parse_wt_out("nothing")
    with pytest.raises(WtOutputError, match="did not get through"):
        parse_wt_out(" Welcome to WannierTools.\n Version 2.7.1\n")


@pytest.mark.parametrize(
    ("case", "indices", "n_occupied", "strong"),
    [
        ("GaAs-trivial", (0, 0, 0, 0), 8, (0, 0, 0)),
        ("Sb-strong-TI", (1, 1, 1, 1), 10, (1, 1, 1)),
        ("Bi2Se3-wanniertools/z2", (1, 0, 0, 0), 18, (1, 1, 1)),
        ("Bi2Se3-bad-wannierisation", None, 18, (1, 1, 0)),
    ],
)
def test_the_indices_of_the_cases(shared: Path, case: str, indices, n_occupied: int, strong) -> None:
    found = parse_wt_out((shared / "cases" / case / "WT.out").read_text())
    assert (found.indices, found.strong_indices, found.n_occupied) == (indices, strong, n_occupied)
    assert found.tasks == ("Z2_3D_calc",)
    assert (found.version, found.finished, found.errors) == ("2.7.1", True, ())


def test_the_nodes_of_the_weyl_model(shared: Path) -> None:
    found = parse_wt_out((shared / "cases/Weyl-model/WT.out").read_text())
    assert len(found.minima) == 6**3
    assert found.minima[-1].k == (1.0, 1.0, 0.833333)
    assert {round(node.k[2] % 1, 4) for node in found.minima if node.gap < 1e-5} == {0.1667, 0.8333}
    chirality = parse_wt_out((shared / "cases/Weyl-model/WT.out-chirality").read_text(), time_reversal=False)
    assert [(node.k, node.chirality) for node in chirality.chiralities] == [
        ((0.0, 0.0, 0.16667), 1),
        ((0.0, 0.0, -0.16667), -1),
    ]
    assert chirality.chiralities[0].cartesian == (0.0, 0.0, 1.0472)
    assert not found.chiralities


def test_surface_runs_hold_no_indices(shared: Path) -> None:
    found = parse_wt_out((shared / "cases/Bi2Se3-wanniertools/surface/WT.out").read_text())
    assert found.tasks == ("BulkBand_line_calc", "SlabBand_calc", "SlabSS_calc")
    assert (found.z2, found.chern, found.mirror_chern) == (None, None, None)
    assert found.fermi_energy == 4.4195
