import numpy as np
import pytest

from discovery.topology.bandpath import band_path
from discovery.topology.gap import find_gap
from discovery.topology.green import surface_spectrum
from discovery.topology.invariants import z2_indices
from discovery.topology.plots import band_plot, surface_plots, wilson_plots
from discovery.topology.surface_lattice import surface
from discovery.topology.surface_views import centred_path, look, seconds_for, surface_view
from discovery.topology.wilson_views import evenly
from discovery.wannier.wanniertools import WtAtom
from tests.discovery.topology.models import sn_te_like, wilson_dirac

MODEL = wilson_dirac(-2.0)
SITES = (WtAtom("Bi", (0.0, 0.0, 0.0), ("s", "fxyz")),)


def test_a_cubic_path_meets_its_special_points_in_any_cell() -> None:
    cube = band_path(np.eye(3) * 4.0, points=100)
    assert [name for _, name in cube.ticks] == ["Γ", "X", "M", "Γ", "R", "X|R", "M"]
    assert len(cube.k) == pytest.approx(100, abs=7)
    assert (np.diff(cube.distance) >= 0).all()
    np.testing.assert_allclose(
        np.abs(cube.k[np.argmin(np.abs(cube.distance - cube.ticks[4][0]))]), [0.5, 0.5, 0.5], atol=1e-9
    )
    cell = np.array([[1, 0, 0], [1, 1, 0], [0, 2, 1]])
    other = band_path(cell @ np.eye(3) * 4.0, points=100)
    np.testing.assert_allclose(other.distance, cube.distance, atol=1e-6)
    lengths = [
        np.linalg.norm(p.k @ np.linalg.inv(c).T, axis=1) for p, c in ((cube, np.eye(3)), (other, cell))
    ]
    np.testing.assert_allclose(lengths[1], lengths[0], atol=1e-6)


def test_atoms_lower_the_symmetry_of_the_path() -> None:
    polar = (WtAtom("Ba", (0, 0, 0), ("s",)), WtAtom("O", (0.5, 0.5, 0.1), ("s",)))
    names = [name for _, name in band_path(np.eye(3) * 4.0, polar).ticks]
    assert "Z" in names  # tetragonal: the cube has none
    magnetic = band_path(np.diag([4.0, 5.0, 6.0]), polar[:1], time_reversal=False)
    assert magnetic.distance[-1] > 0


def test_bands_are_counted_from_zero_and_weights_add_up() -> None:
    path = band_path(MODEL.lattice, SITES, points=40)
    plot = band_plot(MODEL, 2, path, zero_ev=0.25, zero="Fermi energy", sites=SITES)
    np.testing.assert_allclose(np.array(plot.energies).T, MODEL.bands(path.k) - 0.25, atol=1e-5)
    assert list(plot.weights) == ["Bi f", "Bi s"]
    np.testing.assert_allclose(sum(np.array(w) for w in plot.weights.values()), 1.0, atol=2e-3)
    # The mass term is + on s and − on fxyz: 1 at Γ, so the filled bands are f there, −1 at X.
    at_x = int(np.argmin(np.abs(np.array(plot.distance) - plot.ticks[1][0])))
    f = np.array(plot.weights["Bi f"])[:2]
    assert f[:, 0] == pytest.approx([1, 1])
    assert f[:, at_x] == pytest.approx([0, 0])
    without = band_plot(MODEL, 2, path, zero_ev=0.0, zero="valence top", sites=(SITES[0],) * 2)
    assert without.weights == {}


def test_planes_become_plots() -> None:
    plots = {plot.plane: plot for plot in wilson_plots(z2_indices(MODEL, 2))}
    assert len(plots) == 6
    assert (plots["k1=0"].z2, plots["k1=1/2"].z2) == (1, 0)
    assert all(0 <= x <= 1 for plot in plots.values() for row in plot.centres for x in row)
    assert plots["k1=0"].k[0] == 0
    assert plots["k1=0"].k[-1] == 0.5


def test_pictures_have_more_lines_and_the_same_indices() -> None:
    found = z2_indices(MODEL, 2)
    fine = evenly(MODEL, 2, found, lines=25)
    assert (fine.nu, fine.nu0) == (found.nu, found.nu0)
    for name, plane in fine.planes.items():
        assert len(plane.k) >= 25
        assert plane.centres.shape == (len(plane.k), 2)
        shared = [int(np.argmin(np.abs(plane.k - k))) for k in (0.0, 0.5)]
        np.testing.assert_allclose(
            np.exp(2j * np.pi * plane.centres[shared]).sum(axis=1),
            np.exp(2j * np.pi * found.planes[name].centres[[0, -1]]).sum(axis=1),
            atol=0.1,
        )


def test_spectra_become_plots() -> None:
    energies = np.linspace(-0.5, 0.5, 7)
    spectrum = surface_spectrum(MODEL, (0, 0, 1), energies, points=9, eta=0.05)
    top, bottom, bulk = surface_plots(spectrum, zero_ev=0.1, zero="valence top")
    assert (top.termination, bottom.termination, bulk.termination) == ("top", "bottom", "bulk")
    np.testing.assert_allclose(10 ** np.array(top.log_weight), spectrum.top.T, rtol=1e-3)
    np.testing.assert_allclose(top.energies, energies - 0.1, atol=1e-6)
    assert [name for _, name in top.ticks] == ["Γ", "X", "M", "Γ"]


def test_a_view_puts_the_dirac_point_in_the_middle() -> None:
    gap = find_gap(MODEL, 2)
    view = surface_view((0, 0, 1), gap, 0.0, points=(41, 61))
    assert view.energies[0] <= gap.vbm - 0.5
    assert view.energies[-1] >= gap.cbm + 0.5
    assert view.eta == pytest.approx(1.2 * np.diff(view.energies)[0])
    narrow = surface_view((0, 0, 1), gap, 1.0, (-0.2, 0.3), (41, 11))
    assert (narrow.energies[0], narrow.energies[-1]) == pytest.approx((0.8, 1.3))
    spectrum = look(MODEL, view)
    assert [name for _, name in spectrum.labels] == ["M", "Γ", "X", "M"]
    centre = int(np.argmin(np.abs(spectrum.distance - spectrum.labels[1][0])))
    np.testing.assert_allclose(spectrum.k[centre], 0.0, atol=1e-12)
    assert view.energies[spectrum.top[centre].argmax()] == pytest.approx(0.0, abs=0.05)
    assert 0 < seconds_for(MODEL, view) < 60


def test_a_path_that_does_not_end_where_it_began_stays() -> None:
    lattice = surface(np.diag([4.0, 5.0, 6.0]), (0, 0, 1))
    assert centred_path(lattice).labels == lattice.path.labels == ("Γ", "X", "S", "Y", "Γ", "S")
    hexagonal = surface(sn_te_like().lattice, (1, 1, 1))
    assert centred_path(hexagonal).labels == ("K", "Γ", "M", "K")
