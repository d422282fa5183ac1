"""Bands, charge centres and surface spectra of a verification as SVG for a candidate's page.

`candidates.report.figures` and `images` draw the same records for the command line; what both agree on
(ranges, order, names) is in `candidates.report.axes`.
"""

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element

import numpy as np
from markupsafe import Markup

from candidates.report import axes, svg
from candidates.report.inversions import Inversion, name_of
from candidates.verification import BandPlot, SurfacePlot, WilsonPlot

ENERGY = {"Fermi energy": "E − E_F, eV", "valence top": "E − E_v, eV"}
"""Title of the energy axis."""


def bands(plot: BandPlot, names: Sequence[str], marked: Sequence[Inversion] = ()) -> Markup:
    """Draw bands along their path; dots in an orbital's colour are as large as its weight.

    Args:
        plot: the bands.
        names: orbitals in the order of their colours.
        marked: inversions, ringed at both edges of the gap.
    """
    low, high = axes.energy_window(plot)
    panel = svg.Axes(46, 10, 394, 330, (plot.distance[0], plot.distance[-1]), (low, high))
    kind = "with" if plot.spin_orbit else "without"
    image = svg.picture(450, 372, f"Bands {kind} spin–orbit coupling", class_="plot bands")
    clip = f"clip-{kind}"
    svg.add(svg.add(image, "clipPath", id=clip), "rect", x=46, y=10, width=394, height=330)
    panel.frame(image)
    _special_points(image, panel, plot.ticks, False)
    panel.y_axis(image, ENERGY[plot.zero])
    inner = svg.add(image, "g", clip_path=f"url(#{clip})")
    if edges := axes.band_edges(plot):
        svg.add(
            inner, "rect", class_="gap", x=46, y=round(panel.up(edges[1]), 2), width=394,
            height=round(panel.up(edges[0]) - panel.up(edges[1]), 2),
        )  # fmt: skip
    svg.add(inner, "path", class_="zero", d=f"M46 {panel.up(0):.1f}h394")
    x = [panel.across(d) for d in plot.distance]
    shown = [i for i, band in enumerate(plot.energies) if max(band) > low and min(band) < high]
    for number, name in enumerate(names):
        if name in plot.weights:
            _weights(inner, panel, plot, shown, x, plot.weights[name], number)
    for filled in (False, True):
        chosen = [i for i in shown if (i < plot.n_occupied) == filled]
        d = "".join(
            svg.line([(x[n], panel.up(plot.energies[i][n])) for n in range(run.start, run.stop)])
            for i in chosen
            for run in axes.pieces(plot.distance)
        )
        svg.add(
            inner, "path", class_="band" + (" filled" if filled else "") + (" plain" if names else ""), d=d
        )
    for inversion in marked if plot.spin_orbit else ():
        n = int(np.argmin(np.abs(np.array(plot.distance) - inversion.distance)))
        for i in (plot.n_occupied - 1, plot.n_occupied):
            ring = svg.add(
                inner,
                "circle",
                class_="inverted",
                cx=f"{x[n]:.1f}",
                cy=f"{panel.up(plot.energies[i][n]):.1f}",
                r=8,
            )
            svg.add(ring, "title", f"inverted at {inversion.point}")
    return svg.markup(image)


def wilson(plots: Sequence[WilsonPlot]) -> Markup:
    """Draw the charge centres of all planes over their halves, each with its index."""
    ordered = axes.plane_order(plots)
    columns = min(3, len(ordered))
    rows = -(-len(ordered) // columns)
    wide, high = 210, 196
    image = svg.picture(
        34 + columns * wide, rows * high + 16,
        "Wannier charge centres on " + ", ".join(p.plane for p in ordered), class_="plot wilson",
    )  # fmt: skip
    for i, plot in enumerate(ordered):
        left, top = 34 + (i % columns) * wide, 24 + (i // columns) * high
        panel = svg.Axes(left, top, wide - 18, high - 44, (0.0, 0.5), (0.0, 1.0))
        panel.frame(image)
        name, index = axes.plane_head(plot)
        svg.add(image, "text", name, class_="head", x=left, y=top - 7)
        odd = " odd" if plot.z2 else ""
        svg.add(image, "text", index, class_=f"index{odd}", x=left + wide - 18, y=top - 7, text_anchor="end")
        for value, text in ((0.0, "0"), (0.25, "¼"), (0.5, "½")):
            at = panel.across(value)
            svg.add(image, "path", class_="tick", d=f"M{at:.1f} {top}v{high - 44}")
            svg.add(image, "text", text, x=round(at, 1), y=top + high - 30, text_anchor="middle")
        for value, text in ((0.0, "0"), (0.5, "½"), (1.0, "1")):
            if i % columns == 0:
                svg.add(image, "text", text, x=left - 6, y=round(panel.up(value) + 3.5, 1), text_anchor="end")
        dots = [
            (panel.across(k), panel.up(c)) for k, row in zip(plot.k, plot.centres, strict=True) for c in row
        ]
        svg.add(image, "path", class_="centres", d=svg.points(dots))
    svg.add(
        image, "text", "k over half the plane, in reciprocal vectors", class_="axis",
        x=34 + columns * wide / 2, y=rows * high + 12, text_anchor="middle",
    )  # fmt: skip
    svg.add(
        image, "text", "charge centre", class_="axis", text_anchor="middle",
        transform=f"translate(9 {rows * high / 2:g}) rotate(-90)",
    )  # fmt: skip
    return svg.markup(image)


def surface(plots: Sequence[SurfacePlot]) -> Markup:
    """Draw the spectra of one surface side by side, in one scale of colours."""
    ordered = axes.in_order(plots)
    low, high = axes.colour_range(ordered)
    wide, tall = 300, 320
    image = svg.picture(
        46 + len(ordered) * wide + 50, tall + 72,
        "Spectral function of " + ", ".join(p.termination for p in ordered), class_="plot surface",
    )  # fmt: skip
    for i, plot in enumerate(ordered):
        left = 46 + i * wide
        panel = svg.Axes(
            left,
            28,
            wide - 16,
            tall,
            (plot.distance[0], plot.distance[-1]),
            (plot.energies[0], plot.energies[-1]),
        )
        before, after = axes.panel_words(plot)
        svg.add(image, "text", f"{before}{axes.miller(axes.outer(plot))}{after}", class_="head", x=left, y=19)
        if i == 0:
            panel.y_axis(image, ENERGY[plot.zero])
        svg.add(
            image, "image", x=left, y=28, width=wide - 16, height=tall, preserveAspectRatio="none",
            href=_heat_map(plot, low, high),
        )  # fmt: skip
        _special_points(image, panel, plot.ticks, True)
        svg.add(image, "rect", class_="outline", x=left, y=28, width=wide - 16, height=tall)
        svg.add(image, "path", class_="fermi", d=f"M{left} {panel.up(0):.1f}h{wide - 16}")
    _colour_bar(image, 46 + len(ordered) * wide, low, high, tall)
    return svg.markup(image)


def _special_points(
    image: Element, panel: svg.Axes, ticks: Sequence[tuple[float, str]], is_surface: bool
) -> None:
    bottom = panel.top + panel.height
    for at, label in ticks:
        x = f"{panel.across(at):.1f}"
        svg.add(image, "path", class_="special", d=f"M{x} {panel.top:g}V{bottom:g}")
        svg.add(
            image,
            "text",
            name_of(label, is_surface),
            class_="point",
            x=x,
            y=bottom + 16,
            text_anchor="middle",
        )


def _weights(
    into: Element,
    panel: svg.Axes,
    plot: BandPlot,
    shown: Sequence[int],
    x: Sequence[float],
    weights: Sequence[Sequence[float]],
    number: int,
) -> None:
    """Draw the dots of an orbital in a few sizes, one path for each."""
    sizes: dict[int, list[tuple[float, float]]] = {}
    for i in shown:
        for n, weight in enumerate(weights[i]):
            step = round(5 * max(weight, 0.0) ** 0.5)
            if step:
                sizes.setdefault(step, []).append((x[n], panel.up(plot.energies[i][n])))
    for step, dots in sorted(sizes.items()):
        svg.add(into, "path", class_=f"orbital o{number}", stroke_width=1.1 * step, d=svg.points(dots))


def _heat_map(plot: SurfacePlot, low: float, high: float) -> str:
    from matplotlib.image import imsave

    file = BytesIO()
    no_date: dict[str, Any] = {"Software": None}
    imsave(
        file, np.array(plot.log_weight), vmin=low, vmax=high, cmap=axes.SCALE.lower(), origin="lower",
        format="png", metadata=no_date,
    )  # fmt: skip
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def _colour_bar(image: Element, left: float, low: float, high: float, tall: float) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    scale = colormaps[axes.SCALE.lower()]
    for n in range(40):
        y = 28 + tall * (1 - (n + 1) / 40)
        svg.add(
            image, "rect", x=left, y=y, width=11, height=tall / 40 + 0.5, fill=to_hex(scale((n + 0.5) / 40))
        )
    for value in svg.ticks(low, high, 4):
        y = 28 + tall * (1 - (value - low) / (high - low))
        svg.add(image, "text", f"{value:g}".replace("-", "−"), x=left + 15, y=round(y + 3.5, 1))
    svg.add(image, "text", "log₁₀(states/eV)", x=left + 36, y=19, text_anchor="end")
