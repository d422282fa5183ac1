from pathlib import Path

import numpy as np
import pytest

from discovery.topology.tightbinding import HamiltonianError
from discovery.wannier.geometry import (
    BOHR,
    find_geometry,
    read_centres_xyz,
    read_win,
    read_wout,
    read_wt_in,
)

WIN = "num_wann = 2\nbegin unit_cell_cart\n{unit}2 0 0\n0 3 0 ! b\n0 0 4\nend unit_cell_cart\n"
WT = """&TB_FILE
Hrfile = 's_hr.dat'
Package = '{package}'
/
LATTICE
{unit}  ! unit
2 0 0
0 3 0
0 0 4

WANNIER_CENTRES
{kind}
0.5 0.5 1.0
1.0 1.5 2.0

SURFACE
1 0 0
"""


@pytest.mark.parametrize(("unit", "scale"), [("", 1), ("Ang\n", 1), ("bohr\n", BOHR), ("Bohr\n", BOHR)])
def test_win(tmp_path: Path, unit: str, scale: float) -> None:
    path = tmp_path / "a.win"
    path.write_text(WIN.format(unit=unit))
    np.testing.assert_allclose(read_win(path).lattice, scale * np.diag([2, 3, 4]))


def test_spoilt_win(tmp_path: Path) -> None:
    path = tmp_path / "a.win"
    path.write_text("begin unit_cell_cart\n1 0 0\n0 1 0\nend unit_cell_cart\n")
    with pytest.raises(HamiltonianError, match=r"a\.win: unit_cell_cart holds 2 vectors"):
        read_win(path)
    path.write_text("begin unit_cell_cart\n1 0 0\n0 one 0\nend unit_cell_cart\n")
    with pytest.raises(HamiltonianError, match="three numbers"):
        read_win(path)


@pytest.mark.parametrize(
    ("package", "spin"),
    [("QE", "interleaved"), ("VASP6", "interleaved"), ("VASP", "blocks"), ("other", None)],
)
def test_wt_in(tmp_path: Path, package: str, spin: str | None) -> None:
    path = tmp_path / "wt.in"
    path.write_text(WT.format(package=package, unit="Angstrom", kind="Cartesian"))
    found = read_wt_in(path)
    assert found.spin == spin
    np.testing.assert_allclose(found.centres, [[0.5, 0.5, 1], [1, 1.5, 2]])
    path.write_text(WT.format(package=package, unit="Bohr", kind="Direct"))
    np.testing.assert_allclose(read_wt_in(path).centres, BOHR * np.array([[1, 1.5, 4], [2, 4.5, 8]]))


def test_wout_gives_the_final_centres(shared) -> None:
    found = read_wout(shared / "cases" / "Sb-strong-TI" / "s.wout")
    assert found.centres is not None
    assert found.centres.shape == (16, 3)
    np.testing.assert_allclose(found.centres[0], [0, 0.00002, 2.628021])
    np.testing.assert_allclose(found.lattice[1], [0, 2.48747, 3.758036])


def test_centres_xyz(tmp_path: Path) -> None:
    path = tmp_path / "a_centres.xyz"
    path.write_text("3\n comment\nX 0.1 0.2 0.3\nX 1 2 3\nSb 0 0 0\n")
    np.testing.assert_allclose(read_centres_xyz(path).centres, [[0.1, 0.2, 0.3], [1, 2, 3]])


def test_files_that_disagree_are_refused(tmp_path: Path) -> None:
    (tmp_path / "s.win").write_text(WIN.format(unit="bohr\n"))
    (tmp_path / "wt.in").write_text(WT.format(package="QE", unit="Angstrom", kind="Direct"))
    with pytest.raises(HamiltonianError, match="different lattices"):
        find_geometry(tmp_path / "s_hr.dat", "s")


def test_a_folder_below_serves_where_nothing_lies_beside(tmp_path: Path) -> None:
    (tmp_path / "z2").mkdir()
    (tmp_path / "z2" / "wt.in").write_text(WT.format(package="VASP", unit="Angstrom", kind="Direct"))
    found = find_geometry(tmp_path / "s_hr.dat", "s")
    assert found.spin == "blocks"
    (tmp_path / "s.win").write_text(WIN.format(unit=""))
    assert find_geometry(tmp_path / "s_hr.dat", "s").path.name == "s.win"
