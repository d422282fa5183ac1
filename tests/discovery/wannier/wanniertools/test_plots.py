from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from candidates.verification import SurfacePlot
from discovery.topology.green import surface_spectrum
from discovery.topology.plots import surface_plots
from discovery.topology.surface_lattice import surface
from discovery.wannier.companions import find_companions
from discovery.wannier.hr import find_hamiltonian, read_model
from discovery.wannier.wanniertools.plots import spectrum_plots

GAMMA = 40
"""Place of Γ among the 82 k-points: the last of the first line."""


def write_spectrum(folder: Path, name: str, value: float) -> None:
    rows = [f"{x:.6f} {e:.6f} {value + x + e:.6f}" for x in (0.0, 0.1) for e in (-0.5, 0.0, 0.5)]
    (folder / name).write_text("\n".join(["# header", *rows[:3], "", *rows[3:], ""]))


def test_units_become_states_per_ev(tmp_path: Path) -> None:
    for name in ("dos.dat_l", "dos.dat_r", "dos.dat_bulk"):
        write_spectrum(tmp_path, name, 1.0 if name.endswith("r") else 0.0)
    top, bottom, bulk = spectrum_plots(tmp_path, (1, 1, 1), ((0.0, "Γ"),))
    assert (top.termination, bottom.termination, bulk.termination) == ("top", "bottom", "bulk")
    assert top.energies == (-0.5, 0.0, 0.5)
    assert top.distance == (0.0, 0.1)
    # ln(x per Hartree) = 1 at k = 0 and E = 0
    assert 10 ** top.log_weight[1][0] == pytest.approx(np.e / np.pi / 27.211385, rel=1e-4)
    assert bottom.log_weight[1][0] == pytest.approx(top.log_weight[1][0] - 1 / np.log(10), abs=1e-4)
    (tmp_path / "dos.dat_bulk").unlink()
    with pytest.raises(FileNotFoundError):
        spectrum_plots(tmp_path, (1, 1, 1))


def peak(plot: SurfacePlot, column: int, low: float, high: float) -> float:
    """Energy of the highest point within a window, from the parabola through it and its neighbours."""
    energies, weight = np.array(plot.energies), np.array(plot.log_weight)[:, column]
    inside = np.flatnonzero((energies > low) & (energies < high))
    top = inside[weight[inside].argmax()]
    a, b, _ = np.polyfit(energies[top - 1 : top + 2], weight[top - 1 : top + 2], 2)
    return float(-b / (2 * a))


@pytest.mark.shared
def test_spectra_agree_with_those_computed_here(shared: Path) -> None:
    """One Hamiltonian, two programs: log spectra correlate to 1e-6, Dirac points coincide to 0.1 meV."""
    case = shared / "cases" / "Bi2Se3-wanniertools"
    model = read_model(case)
    fermi = find_companions(find_hamiltonian(case), model).fermi
    assert fermi == 4.4195
    theirs = spectrum_plots(case / "surface", (0, 0, 1))
    corners = np.array([[0.33, 0.67], [0.0, 0.0], [0.5, 0.5]])
    k = np.vstack([a + np.linspace(0, 1, 41)[:, None] * (b - a) for a, b in pairwise(corners)])
    k = k @ surface(model.lattice, (0, 0, 1)).in_plane[:, :2].T
    some = np.arange(0, len(k), 10)
    energies = np.array(theirs[0].energies) + fermi
    spectrum = surface_spectrum(model, (0, 0, 1), energies, k=k[some], eta=3 * 2.0 / 101, tolerance=np.inf)
    ours = surface_plots(spectrum, zero_ev=fermi, zero="Fermi energy")
    at_gamma = int(np.flatnonzero(some == GAMMA)[0])
    for their, our in zip(theirs, ours, strict=True):
        assert their.termination == our.termination
        one, other = np.array(their.log_weight)[:, some], np.array(our.log_weight)
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 1 - 1e-6
        assert np.abs(one - other).max() < 1e-4  # of a decade
        if their.termination != "bulk":
            dirac = peak(their, GAMMA, -0.3, 0.0), peak(our, at_gamma, -0.3, 0.0)
            assert dirac[0] == pytest.approx(dirac[1], abs=1e-4)
            assert dirac[0] == pytest.approx(-0.154, abs=0.01)  # 60 meV broad here
