"""A verification's plots for the screen: Plotly figures, and pages that need no network."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup, escape

from candidates.report import axes
from candidates.verification import BandPlot, SurfacePlot, WilsonPlot

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

TEMPLATE = "simple_white"

GRID = {"showgrid": True, "gridcolor": "#444", "gridwidth": 1}

_PAGE = Markup(
    '<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{}</title>'
    "<style>body{{margin:0;font-family:sans-serif}}</style></head>\n<body>{}</body>\n</html>\n"
)


def page(figure: "Figure", title: str) -> str:
    """Return a figure as one HTML file, plotly.js included."""
    body = figure.to_html(include_plotlyjs=True, full_html=False, default_height="100vh")
    return str(_PAGE.format(title, Markup(body)))


def band_figure(plot: BandPlot, title: str = "") -> "Figure":
    """Draw bands along a path, filled ones apart from empty ones, the gap shaded.

    Where the plot holds weights of orbitals, their colours, mixed by weight, say what a state is made of.

    Args:
        plot: the bands.
        title: written above, as plain text.
    """
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    low, high = axes.energy_window(plot)
    runs = axes.pieces(plot.distance)
    for filled in (True, False):
        x: list[float | None] = []
        y: list[float | None] = []
        for band in plot.energies[: plot.n_occupied] if filled else plot.energies[plot.n_occupied :]:
            for run in runs:
                x += [*plot.distance[run], None]
                y += [*band[run], None]
        figure.add_trace(
            Scatter(
                x=x,
                y=y,
                mode="lines",
                line={
                    "color": "#888" if plot.weights else axes.OCCUPIED if filled else axes.EMPTY,
                    "width": 0.8 if plot.weights else 1.6,
                },
                name="filled" if filled else "empty",
                showlegend=not plot.weights,
                hovertemplate="%{y:.3f} eV",
            )
        )
    if plot.weights:
        _draw_orbitals(figure, plot, low, high)
    edges = axes.band_edges(plot)
    if edges:
        figure.add_hrect(*edges, fillcolor="#f2c14e", opacity=0.25, line_width=0, layer="below")
    figure.add_hline(0.0, line={"color": "#777", "width": 1, "dash": "dash"}, layer="below")
    figure.update_yaxes(title_text=axes.ENERGY[plot.zero][0], range=[low, high], mirror=True)
    _ticks(figure, plot.ticks, plot.distance, False)
    legend = {"orientation": "h", "yanchor": "bottom", "y": 1.01, "xanchor": "right", "x": 1.0}
    figure.update_layout(title=str(escape(title)), template=TEMPLATE, legend=legend)
    return figure


def _draw_orbitals(figure: "Figure", plot: BandPlot, low: float, high: float) -> None:
    """Draw dots in the colours of the orbitals along the bands, and an entry in the legend for each."""
    from plotly.graph_objects import Scatter

    energies = np.array(plot.energies)
    inside = (energies > low) & (energies < high)
    rgb = np.rint(255 * axes.orbital_colours(plot)[inside]).astype(int)
    figure.add_trace(
        Scatter(
            x=np.broadcast_to(plot.distance, energies.shape)[inside],
            y=energies[inside],
            mode="markers",
            marker={"size": 4.5, "color": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in rgb.tolist()]},
            showlegend=False,
            hoverinfo="skip",
        )
    )
    for orbital, name in enumerate(plot.weights):
        colour = axes.PALETTE[orbital % len(axes.PALETTE)]
        figure.add_trace(
            Scatter(
                x=[None], y=[None], mode="lines", line={"color": colour, "width": 4}, name=str(escape(name))
            )
        )


def wilson_figure(plots: Sequence[WilsonPlot], title: str = "") -> "Figure":
    """Draw the Wannier charge centres of planes over their halves, k = 0 to ½, each with its index.

    Args:
        plots: the planes, six of a crystal.
        title: written above, as plain text.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    ordered = axes.plane_order(plots)
    columns = min(3, len(ordered))
    figure = make_subplots(
        rows=-(-len(ordered) // 3),
        cols=columns,
        subplot_titles=[f"{escape(name)}: {index}" for name, index in map(axes.plane_head, ordered)],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.09,
    )
    for i, plot in enumerate(ordered):
        centres = np.array(plot.centres)
        figure.add_trace(
            Scatter(
                x=np.repeat(plot.k, centres.shape[1]),
                y=centres.ravel(),
                mode="markers",
                cliponaxis=False,
                marker={"size": 4, "color": axes.OCCUPIED},
                name=str(escape(axes.plane_head(plot)[0])),
                hovertemplate="k = %{x:.4f}<br>centre %{y:.4f}",
            ),
            row=i // 3 + 1,
            col=i % 3 + 1,
        )
    figure.update_xaxes(range=[0, 0.5], tickvals=[0, 0.25, 0.5], ticktext=["0", "¼", "½"], mirror=True)
    figure.update_yaxes(range=[0, 1], tickvals=[0, 0.5, 1], ticktext=["0", "½", "1"], mirror=True)
    last = -(-len(ordered) // 3)
    figure.update_xaxes(
        title_text="k along half the plane (reciprocal vectors)", row=last, col=(columns + 1) // 2
    )
    for row in range(1, last + 1):
        figure.update_yaxes(title_text="charge centre (cells)", row=row, col=1)
    figure.update_layout(title=str(escape(title)), template=TEMPLATE, showlegend=False)
    return figure


def surface_figure(plots: Sequence[SurfacePlot], title: str = "") -> "Figure":
    """Draw the spectra of a surface side by side in one colour scale: both terminations, then the bulk.

    Args:
        plots: spectra of one Miller index.
        title: written above, as plain text.
    """
    from plotly.graph_objects import Heatmap
    from plotly.subplots import make_subplots

    ordered = axes.in_order(plots)
    heads = []
    for plot in ordered:
        before, after = axes.panel_words(plot)
        heads.append(f"{before}{axes.miller(axes.outer(plot))}{after}")
    figure = make_subplots(
        rows=1, cols=len(ordered), subplot_titles=heads, shared_yaxes=True, horizontal_spacing=0.03
    )
    low, high = axes.colour_range(ordered)
    for i, plot in enumerate(ordered):
        figure.add_trace(
            Heatmap(
                x=plot.distance,
                y=plot.energies,
                z=np.round(plot.log_weight, 3).tolist(),
                zmin=low,
                zmax=high,
                colorscale=axes.SCALE,
                zsmooth="best",
                showscale=i == len(ordered) - 1,
                colorbar={"title": "log₁₀(states/eV)"},
                hovertemplate="%{y:.3f} eV<br>10^%{z:.2f} states/eV<extra></extra>",
            ),
            row=1,
            col=i + 1,
        )
        _ticks(figure, plot.ticks, plot.distance, True, i + 1, "rgba(255,255,255,0.45)")
    figure.add_hline(0.0, line={"color": "rgba(255,255,255,0.6)", "width": 1, "dash": "dash"})
    energies = ordered[0].energies
    figure.update_yaxes(range=[energies[0], energies[-1]])
    figure.update_yaxes(title_text=axes.ENERGY[ordered[0].zero][0], row=1, col=1)
    figure.update_layout(title=str(escape(title)), template=TEMPLATE)
    return figure


def _ticks(
    figure: "Figure",
    ticks: Sequence[tuple[float, str]],
    distance: Sequence[float],
    surface: bool,
    column: int | None = None,
    colour: str = "#999",
) -> None:
    """Label special points below one panel, or the only one, with a line through each."""
    where = {} if column is None else {"row": 1, "col": column}
    figure.update_xaxes(
        range=[distance[0], distance[-1]],
        tickvals=[at for at, _ in ticks],
        ticktext=[axes.html_label(name, surface) for _, name in ticks],
        mirror=True,
        **where,
    )
    for at, _ in ticks:
        if distance[0] < at < distance[-1]:
            figure.add_vline(at, line={"color": colour, "width": 0.8}, **where)
