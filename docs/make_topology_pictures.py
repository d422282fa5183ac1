"""Make the pictures of docs/topology.md from the worked cases.

python docs/make_topology_pictures.py CASES

CASES is the folder with `Sb-strong-TI` and `Bi2Se3-wanniertools`. Two cores take about three minutes.
"""

import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from candidates.report import axes, images
from candidates.verification import SurfacePlot
from discovery.topology.bandpath import band_path
from discovery.topology.evidence import measure
from discovery.topology.gap import find_gap
from discovery.topology.green import surface_spectrum
from discovery.topology.plots import band_plot, surface_plots, wilson_plots
from discovery.topology.surface_lattice import surface
from discovery.topology.surface_views import look, surface_view
from discovery.topology.wilson_views import evenly
from discovery.wannier.companions import find_companions
from discovery.wannier.hr import find_hamiltonian, read_model
from discovery.wannier.wanniertools.plots import spectrum_plots

PICTURES = Path(__file__).parent / "pictures"
WORKERS = 2


def main() -> None:
    """Write every picture and say so."""
    cases = Path(sys.argv[1])
    PICTURES.mkdir(exist_ok=True)
    antimony(cases / "Sb-strong-TI")
    bismuth_selenide(cases / "Bi2Se3-wanniertools")


def antimony(case: Path) -> None:
    """Both terminations between the bilayers: (111) of the primitive cell, (0001) of the hexagonal one."""
    model = read_model(case)
    fermi = find_companions(find_hamiltonian(case), model).fermi
    assert fermi is not None
    view = surface_view((1, 1, 1), find_gap(model, 10), fermi, (-0.6, 0.6), (181, 161))
    plots = surface_plots(look(model, view, WORKERS), zero_ev=fermi, zero="Fermi energy")
    save(images.surface_image(plots, "Sb (PBE)"), "sb-surface.png")


def bismuth_selenide(case: Path) -> None:
    """Bands, Wilson loops, and the surface spectrum beside WannierTools'."""
    model = read_model(case)
    found = find_companions(find_hamiltonian(case), model)
    assert found.fermi is not None
    bands = band_plot(
        model, 18, band_path(model.lattice, found.atoms, points=501), zero_ev=found.fermi,
        zero="Fermi energy", sites=found.atoms,
    )  # fmt: skip
    save(images.band_image(bands, "Bi₂Se₃"), "bi2se3-bands.png")
    z2 = measure(model, 18, workers=WORKERS).z2
    assert z2 is not None
    save(images.wilson_image(wilson_plots(evenly(model, 18, z2)), "Bi₂Se₃"), "bi2se3-wilson.png")
    theirs, ours = beside_wanniertools(case)
    save(comparison(theirs, ours), "bi2se3-surface-wanniertools.png")


def beside_wanniertools(case: Path) -> tuple[tuple[SurfacePlot, ...], tuple[SurfacePlot, ...]]:
    """Return WannierTools' spectra and those computed here at its k-points, energies and broadening."""
    model = read_model(case)
    fermi = find_companions(find_hamiltonian(case), model).fermi
    assert fermi is not None
    theirs = spectrum_plots(case / "surface", (0, 0, 1))
    corners = np.array([[0.33, 0.67], [0.0, 0.0], [0.5, 0.5]])  # KPATH_SLAB of its wt.in, 41 points a line
    k = np.vstack([a + np.linspace(0, 1, 41)[:, None] * (b - a) for a, b in pairwise(corners)])
    k = k @ surface(model.lattice, (0, 0, 1)).in_plane[:, :2].T
    energies = np.array(theirs[0].energies)
    spectrum = surface_spectrum(
        model, (0, 0, 1), energies + fermi, k=k,
        eta=3 * 2.0 / 101,  # fixed in surfstat.f90: three steps of energy
        tolerance=np.inf,  # NP = 1 in its wt.in: one layer in a principal layer
        workers=WORKERS,
    )  # fmt: skip
    ours = surface_plots(spectrum, zero_ev=fermi, zero="Fermi energy")
    ticks = tuple(zip((0.0, ours[0].distance[40], ours[0].distance[-1]), ("K", "Γ", "M"), strict=True))
    named = [tuple(plot.model_copy(update={"ticks": ticks}) for plot in plots) for plots in (theirs, ours)]
    return named[0], named[1]


def comparison(theirs: tuple[SurfacePlot, ...], ours: tuple[SurfacePlot, ...]) -> Figure:
    """Draw both spectra of the top surface in one scale, and both at Γ over each other."""
    figure, panels = images.panels(1, 3, (10.4, 4.0), "Bi₂Se₃ (001): one Hamiltonian, two programs")
    left, right = theirs[0], ours[0]
    limits = axes.colour_range([left, right])
    for panel, plot, head in zip(panels, (left, right), ("WannierTools", "discover topology"), strict=False):
        mesh = images.draw_surface(panel, plot, limits, head)
    panels[1].set_ylabel("")
    panels[1].tick_params(labelleft=False)
    figure.colorbar(mesh, ax=panels[:2], label=r"$\log_{10}$(states/eV)", pad=0.02, aspect=32)
    cut = panels[2]
    cut.plot(np.array(right.log_weight)[:, 40], right.energies, color=axes.EMPTY, label="discover topology")
    cut.plot(
        np.array(left.log_weight)[:, 40], left.energies, "o", color=axes.OCCUPIED, markersize=3.2,
        markerfacecolor="none", markeredgewidth=0.9, label="WannierTools",
    )  # fmt: skip
    cut.set_title(r"at $\overline{\Gamma}$")
    cut.set_xlabel(r"$\log_{10}$(states/eV)")
    cut.set_ylim(left.energies[0], left.energies[-1])
    cut.tick_params(labelleft=False)
    cut.axhline(0.0, color="#777", linewidth=0.8, linestyle=(0, (4, 3)))
    cut.legend(frameon=False, fontsize=8, loc="lower left")
    return figure


def save(figure: Figure, name: str) -> None:
    """Write a picture with a palette, which is a third of the size."""
    images.save(figure, PICTURES / name)
    with Image.open(PICTURES / name) as image:
        small = image.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    small.save(PICTURES / name, optimize=True)
    print(PICTURES / name)


if __name__ == "__main__":
    main()
