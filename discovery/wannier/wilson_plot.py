"""The Wannier charge centres of the six planes as one page that needs no network."""

from typing import TYPE_CHECKING

import numpy as np

from discovery.topology.invariants import Z2Result

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


def wilson_figure(z2: Z2Result, title: str = "") -> "Figure":
    """Draw the charge centres of each plane over its half, k = 0 to ½, with the plane's index above.

    Args:
        z2: the six planes.
        title: written above all.
    """
    from plotly.graph_objects import Scatter
    from plotly.subplots import make_subplots

    names = [name for axis in (1, 2, 3) for name in (f"k{axis}=0", f"k{axis}=1/2")]
    heads = [
        f"{name}: {'undecided' if z2.planes[name].z2 is None else f'Z2 = {z2.planes[name].z2}'}"
        for name in names
    ]
    # Columns are axes; the plane through the zone's centre is above.
    order = names[::2] + names[1::2]
    figure = make_subplots(
        rows=2,
        cols=3,
        subplot_titles=heads[::2] + heads[1::2],
        shared_xaxes=True,
        shared_yaxes=True,
        horizontal_spacing=0.03,
        vertical_spacing=0.09,
    )
    for i, name in enumerate(order):
        plane = z2.planes[name]
        figure.add_trace(
            Scatter(
                x=np.repeat(plane.k, plane.centres.shape[1]),
                y=plane.centres.ravel(),
                mode="markers",
                cliponaxis=False,
                marker={"size": 4, "color": "#1f4e8c"},
                name=name,
                hovertemplate="k = %{x:.4f}<br>centre %{y:.4f}",
            ),
            row=i // 3 + 1,
            col=i % 3 + 1,
        )
    figure.update_xaxes(range=[0, 0.5], tickvals=[0, 0.25, 0.5], ticktext=["0", "¼", "½"])
    figure.update_yaxes(range=[0, 1], tickvals=[0, 0.5, 1])
    figure.update_xaxes(title_text="k along the half plane (reciprocal vectors)", row=2, col=2)
    for row in (1, 2):
        figure.update_yaxes(title_text="charge centre (cells)", row=row, col=1)
    figure.update_layout(title=title, template="simple_white", showlegend=False, height=640)
    return figure


def wilson_page(z2: Z2Result, title: str = "") -> str:
    """Return ``wilson_figure`` as self-contained HTML, plotly.js included."""
    page = wilson_figure(z2, title).to_html(include_plotlyjs=True, full_html=True)
    return str(page)
