"""A verification's plots for print and for machines without a browser: PNG through Matplotlib."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from candidates.report import axes
from candidates.verification import BandPlot, SurfacePlot, WilsonPlot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI = 160

STYLE: Any = {
    "font.size": 10,
    "axes.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "mathtext.fontset": "dejavusans",
    "xtick.direction": "out",
    "ytick.direction": "out",
}


def save(figure: "Figure", path: Path) -> None:
    """Write a figure as PNG; no display is needed."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    with house_style():
        # Laid out once: the solver starts from where it left the panels, so that a second drawing of the same
        # figure would move colour bars by a pixel and write other bytes.
        figure.set_dpi(DPI)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        figure.savefig(path, dpi=DPI, metadata={"Software": None})


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house's style, whatever the process or a ``matplotlibrc`` has set.

    Matplotlib reads its settings when a text or a tick is made, which may be as late as in `save`.
    """
    import matplotlib.style

    with matplotlib.style.context(["default", STYLE]):
        yield


@house_style()
def band_image(plot: BandPlot, title: str = "") -> "Figure":
    """Draw bands as `candidates.report.figures.band_figure` does."""
    figure, (panel,) = panels(1, 1, (6.4, 4.6), title)
    draw_bands(panel, plot)
    return figure


@house_style()
def wilson_image(plots: Sequence[WilsonPlot], title: str = "") -> "Figure":
    """Draw charge centres as `candidates.report.figures.wilson_figure` does."""
    ordered = axes.plane_order(plots)
    columns = min(3, len(ordered))
    rows = -(-len(ordered) // columns)
    figure, drawn = panels(rows, columns, (2.4 * columns + 0.6, 2.2 * rows + 0.7), title)
    for i, panel in enumerate(drawn):
        if i >= len(ordered):
            panel.set_axis_off()
            continue
        draw_planes(panel, ordered[i])
        panel.tick_params(labelbottom=i >= len(ordered) - columns, labelleft=i % columns == 0)
        if i % columns == 0:
            panel.set_ylabel("charge centre (cells)")
        if i == len(ordered) - columns + (columns - 1) // 2:
            panel.set_xlabel("k along half the plane (reciprocal vectors)")
    return figure


@house_style()
def surface_image(plots: Sequence[SurfacePlot], title: str = "") -> "Figure":
    """Draw spectra of a surface as `candidates.report.figures.surface_figure` does."""
    ordered = axes.in_order(plots)
    figure, drawn = panels(1, len(ordered), (3.1 * len(ordered) + 1.2, 4.0), title)
    limits = axes.colour_range(ordered)
    for i, (panel, plot) in enumerate(zip(drawn, ordered, strict=True)):
        mesh = draw_surface(panel, plot, limits)
        panel.tick_params(labelleft=i == 0)
        if i:
            panel.set_ylabel("")
    figure.colorbar(mesh, ax=drawn, label=r"$\log_{10}$(states/eV)", pad=0.015, aspect=32)
    return figure


def draw_bands(panel: "Axes", plot: BandPlot) -> None:
    """Draw bands into a panel."""
    low, high = axes.energy_window(plot)
    distance, energies = np.array(plot.distance), np.array(plot.energies)
    shown = (energies.max(axis=1) > low) & (energies.min(axis=1) < high)
    edges = axes.band_edges(plot)
    if edges:
        panel.axhspan(*edges, color="#f2c14e", alpha=0.25, linewidth=0)
    panel.axhline(0.0, color="#777", linewidth=0.8, linestyle=(0, (4, 3)))
    for run in axes.pieces(plot.distance):
        for i in np.flatnonzero(shown):
            if not plot.weights:
                colour = axes.OCCUPIED if i < plot.n_occupied else axes.EMPTY
                panel.plot(distance[run], energies[i, run], color=colour, linewidth=1.2)
    if plot.weights:
        _draw_orbitals(panel, plot, np.flatnonzero(shown))
    panel.set_ylim(low, high)
    panel.set_ylabel(axes.ENERGY[plot.zero][1])
    _ticks(panel, plot.ticks, plot.distance, False)


def _draw_orbitals(panel: "Axes", plot: BandPlot, shown: np.ndarray) -> None:
    """Draw bands in the colours of their orbitals, piece by piece, with a legend above."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    colours = axes.orbital_colours(plot)
    distance, energies = np.array(plot.distance), np.array(plot.energies)
    for run in axes.pieces(plot.distance):
        for i in shown:
            points = np.stack([distance[run], energies[i, run]], axis=1)
            lines = np.stack([points[:-1], points[1:]], axis=1)
            middle = 0.5 * (colours[i, run][:-1] + colours[i, run][1:])
            panel.add_collection(
                LineCollection(list(lines), colors=list(map(tuple, middle)), linewidths=1.9, capstyle="round")
            )
    handles = [
        Line2D([], [], color=axes.PALETTE[i % len(axes.PALETTE)], linewidth=2.5, label=axes.tex_text(name))
        for i, name in enumerate(plot.weights)
    ]
    panel.legend(
        handles=handles, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=len(handles), frameon=False,
        fontsize=9, handlelength=1.4, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def draw_planes(panel: "Axes", plot: WilsonPlot) -> None:
    """Draw the charge centres of one plane into a panel."""
    centres = np.array(plot.centres)
    panel.scatter(
        np.repeat(plot.k, centres.shape[1]), centres.ravel(), s=4, color=axes.OCCUPIED, linewidths=0,
        clip_on=False, zorder=3,
    )  # fmt: skip
    name, index = axes.plane_head(plot)
    panel.set_title(f"{axes.tex_text(name)}:  {index}")
    panel.set_xlim(0, 0.5)
    panel.set_ylim(0, 1)
    panel.set_xticks([0, 0.25, 0.5], ["0", "¼", "½"])
    panel.set_yticks([0, 0.5, 1], ["0", "½", "1"])


def draw_surface(panel: "Axes", plot: SurfacePlot, limits: tuple[float, float], head: str = "") -> Any:
    """Draw one spectrum into a panel and return its mesh; ``head`` replaces the name of the surface above."""
    mesh = panel.pcolormesh(
        plot.distance,
        plot.energies,
        np.array(plot.log_weight),
        vmin=limits[0],
        vmax=limits[1],
        cmap=axes.SCALE.lower(),
        shading="gouraud",
        rasterized=True,
    )
    before, after = axes.panel_words(plot)
    panel.set_title(head or f"{before}{axes.tex_miller(axes.outer(plot))}{after}")
    panel.axhline(0.0, color="white", alpha=0.6, linewidth=0.8, linestyle=(0, (4, 3)))
    panel.set_ylabel(axes.ENERGY[plot.zero][1])
    panel.set_ylim(plot.energies[0], plot.energies[-1])
    _ticks(panel, plot.ticks, plot.distance, True)
    return mesh


def panels(rows: int, columns: int, size: tuple[float, float], title: str) -> tuple["Figure", list["Axes"]]:
    """Return a figure of so many panels in the house's style, and the panels row by row; size in inches."""
    from matplotlib.figure import Figure

    with house_style():
        figure = Figure(figsize=size, layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False)
        if title:
            figure.suptitle(axes.tex_text(title), fontsize=11)
    return figure, list(grid.ravel())


def _ticks(
    panel: "Axes", ticks: Sequence[tuple[float, str]], distance: Sequence[float], surface: bool
) -> None:
    panel.set_xlim(distance[0], distance[-1])
    panel.set_xticks([at for at, _ in ticks], [axes.tex_label(name, surface) for _, name in ticks])
    for at, _ in ticks:
        if distance[0] < at < distance[-1]:
            panel.axvline(at, color="white" if surface else "#999", alpha=0.45, linewidth=0.7)
