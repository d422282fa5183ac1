from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.companions import find_companions
from discovery.wannier.mesh_bands import band_distance, read_mesh, read_spreads, upper_limit
from tests.discovery.topology.models import wilson_dirac

MODEL = wilson_dirac(-2.0)
MESH = np.array([[i / 2, j / 2, k / 3] for i in range(2) for j in range(2) for k in range(3)])


def write_mesh(folder: Path, energies: np.ndarray, head: str = "", n_wann: int = 4) -> tuple[Path, Path]:
    points = "\n".join(" ".join(f"{x:.10f}" for x in k) for k in MESH)
    (folder / "s.win").write_text(f"num_wann = {n_wann}\n{head}\nbegin kpoints\n{points}\nend kpoints\n")
    rows = [f"{b + 1} {k + 1} {e:.9f}" for k, own in enumerate(energies) for b, e in enumerate(own)]
    (folder / "s.eig").write_text("\n".join(rows) + "\n")
    return folder / "s.win", folder / "s.eig"


def test_bands_that_are_the_same_have_no_distance(tmp_path: Path) -> None:
    mesh = read_mesh(*write_mesh(tmp_path, MODEL.bands(MESH)))
    assert not mesh.disentangled
    assert upper_limit(mesh, None) == np.inf
    assert band_distance(MODEL, mesh, np.inf) == pytest.approx(0.0, abs=1e-8)


def test_the_largest_shift_below_the_limit_counts(tmp_path: Path) -> None:
    energies = MODEL.bands(MESH)
    energies[5, 0] -= 0.05
    energies[3, 3] += 0.5
    mesh = read_mesh(*write_mesh(tmp_path, energies))
    assert band_distance(MODEL, mesh, 0.0) == pytest.approx(0.05, abs=1e-6)
    assert band_distance(MODEL, mesh, np.inf) == pytest.approx(0.5, abs=1e-6)
    assert band_distance(MODEL, mesh, -100.0) is None


def test_a_band_that_the_wannier_functions_lack_shows(tmp_path: Path) -> None:
    energies = np.sort(np.column_stack([MODEL.bands(MESH), np.full(len(MESH), -0.9)]), axis=1)
    mesh = read_mesh(*write_mesh(tmp_path, energies, "dis_froz_max = 1.5"))
    assert mesh.disentangled
    assert upper_limit(mesh, None) == 1.5
    assert upper_limit(mesh, 0.25) == 2.25
    assert (band_distance(MODEL, mesh, 1.5) or 0) > 0.3
    assert upper_limit(replace(mesh, frozen=(None, None)), None) is None


def test_bands_are_counted_from_the_bottom_of_the_window(tmp_path: Path) -> None:
    """Core bands below the outer window, and states below the frozen one that the functions do not follow."""
    core = np.column_stack([np.full(len(MESH), -30.0), MODEL.bands(MESH)])
    mesh = read_mesh(*write_mesh(tmp_path, core, "dis_win_min = -10.0\ndis_froz_max 3.0"))
    assert band_distance(MODEL, mesh, 3.0) == pytest.approx(0.0, abs=1e-8)
    other = MODEL.bands(MESH)
    other[:, :2] -= 0.3
    frozen = read_mesh(*write_mesh(tmp_path, other, "dis_froz_min = 0.0\ndis_froz_max = 5d0"))
    assert frozen.frozen == (0.0, 5.0)
    assert band_distance(MODEL, frozen, 5.0) == pytest.approx(0.0, abs=1e-8)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    win, eig = write_mesh(tmp_path, MODEL.bands(MESH)[:, :3])
    with pytest.raises(HamiltonianError, match="3 bands on the mesh cannot make 4"):
        band_distance(MODEL, read_mesh(win, eig), np.inf)
    shifted = read_mesh(*write_mesh(tmp_path, MODEL.bands(MESH) + 50.0, "dis_froz_min = 30.0"))
    with pytest.raises(HamiltonianError, match="other zero"):
        band_distance(MODEL, shifted, np.inf)
    eig.write_text("\n".join(eig.read_text().splitlines()[:-3]))
    with pytest.raises(HamiltonianError, match="does not hold the bands of the 12 k-points"):
        read_mesh(win, eig)
    eig.write_text("1 1 none")
    with pytest.raises(HamiltonianError, match="no three numbers a line"):
        read_mesh(win, eig)


def write_hamiltonian(folder: Path, model: TightBinding) -> Path:
    path = folder / "s_hr.dat"
    path.write_text("only its name matters here")
    return path


def test_companions_use_the_fermi_energy_of_wanniertools(tmp_path: Path) -> None:
    file = write_hamiltonian(tmp_path, MODEL)
    energies = MODEL.bands(MESH)
    energies[:, 2:] += 0.1
    write_mesh(tmp_path, np.column_stack([energies, energies[:, -1:] + 9.0]))
    found = find_companions(file, MODEL)
    assert (found.distance_ev, found.fermi, found.atoms) == (None, None, None)
    assert "neither a Fermi energy nor dis_froz_max" in found.notes[0]
    assert "no unit_cell_cart" in found.without_sites
    (tmp_path / "wt.in").write_text("&SYSTEM\nE_FERMI = 0.5  ! eV\n/\n")
    found = find_companions(file, MODEL)
    assert found.fermi == 0.5
    assert found.distance_ev == pytest.approx(0.1, abs=1e-6)
    low = find_companions(file, MODEL, fermi=-2.0)
    assert low.distance_ev == pytest.approx(0.0, abs=1e-6)


@pytest.mark.shared
def test_spreads_of_the_cases(shared: Path) -> None:
    bad = read_spreads(shared / "cases/Bi2Se3-bad-wannierisation/s.wout")
    assert bad is not None
    assert (bad.largest, bad.unfinished) == (pytest.approx(15.77469574), True)
    good = read_spreads(shared / "cases/Sb-strong-TI/s.wout")
    assert good is not None
    assert (good.largest, good.unfinished) == (pytest.approx(4.13411386), False)


def test_an_output_that_was_cut_off_has_no_spread(tmp_path: Path) -> None:
    path = tmp_path / "s.wout"
    path.write_text(" Initial State\n  WF centre and spread    1  (  0.0, 0.0, 0.0 )     4.0\n")
    assert read_spreads(path) is None
    path.write_text(
        "Final State\n  WF centre and spread    1  (  0.0, 0.0, 0.0 )     4.0\n Lattice Vectors (Bohr)"
    )
    found = read_spreads(path)
    assert found is not None
    assert found.largest == pytest.approx(4.0 * 0.529177**2, rel=1e-5)
