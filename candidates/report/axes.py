"""What the two drawers of a verification's plots share: labels, titles, ranges, the panels' order."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from markupsafe import escape

from candidates.report.typeset import ROW_LIMIT, plain
from candidates.verification import BandPlot, SurfacePlot, WilsonPlot, Zero

GREEK = {
    "GAMMA": "Γ", "DELTA": "Δ", "LAMBDA": "Λ", "SIGMA": "Σ", "THETA": "Θ", "XI": "Ξ", "PI": "Π",
    "PHI": "Φ", "PSI": "Ψ", "OMEGA": "Ω",
}  # fmt: skip
"""Names of points that are spelled out, as in seekpath."""

OCCUPIED, EMPTY, ACCENT = "#1f4e8c", "#c05a1c", "#1a7f5a"
"""Colours of filled bands, empty bands and everything else; apart for the colour-blind too."""

PALETTE = ("#1b6fd0", "#e2382b", "#1f9e4a", "#8e44ad", "#f08c00", "#12a5b5", "#7f5539", "#d94f9a")
"""Colours of orbitals."""

SCALE = "Inferno"
"""Colour scale of spectra, known to both libraries; its lightness rises evenly."""

ENERGY = {"Fermi energy": ("E − E<sub>F</sub> (eV)", r"$E - E_\mathrm{F}$ (eV)"),
          "valence top": ("E − E<sub>v</sub> (eV)", r"$E - E_\mathrm{v}$ (eV)")}  # fmt: skip
"""Title of the energy axis, for Plotly and for Matplotlib."""

_LABEL = re.compile(r"\\?(?P<letter>[A-Za-zΑ-Ω]+)['_]?(?P<index>[0-9₀-₉]*)(?P<prime>['′]?)")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")


def _parts(label: str) -> Iterator[tuple[str, str, str] | str]:
    """Letter, index and prime of each point of a label such as ``X|U_1``; what is none stays a string."""
    for name in plain(label, ROW_LIMIT).split("|"):
        found = _LABEL.fullmatch(name.strip())
        if found is None:
            yield name
        else:
            letter = GREEK.get(found["letter"].upper(), found["letter"])
            yield letter, found["index"].translate(_SUBSCRIPTS), "′" if found["prime"] else ""


def html_label(label: str, surface: bool = False) -> str:
    """Return a label of a k-point for Plotly: ``GAMMA`` → Γ, ``H_2`` → H₂, and barred on a surface."""
    bar = "\u0305" if surface else ""
    names = []
    for part in _parts(label):
        if isinstance(part, str):
            names.append(str(escape(part)))
        else:
            letter, index, prime = part
            names.append(f"{letter}{bar}{prime}" + (f"<sub>{index}</sub>" if index else ""))
    return "|".join(names)


def tex_label(label: str, surface: bool = False) -> str:
    """Return a label of a k-point for Matplotlib, see `html_label`."""
    names = []
    for part in _parts(label):
        if isinstance(part, str):
            names.append(tex_text(part))
        else:
            letter, index, prime = part
            upright = rf"\mathrm{{{letter}}}"
            barred = rf"\overline{{{upright}}}" if surface else upright
            names.append(f"${barred}{'^{′}' if prime else ''}{f'_{{{index}}}' if index else ''}$")
    return "|".join(names)


def tex_text(text: str) -> str:
    """Return text in which Matplotlib finds no mathematics."""
    return plain(text, ROW_LIMIT).replace("$", r"\$")


def miller(index: Sequence[int]) -> str:
    """Return a Miller index as it is printed, minus signs above: (1 1̄ 0)."""
    parts = [f"{abs(i)}\u0305" if i < 0 and i > -10 else str(i) for i in index]
    return f"({('' if all(abs(i) < 10 for i in index) else ' ').join(parts)})"


def tex_miller(index: Sequence[int]) -> str:
    """Return a Miller index for Matplotlib, see `miller`."""
    return "$(" + r"\,".join(rf"\overline{{{-i}}}" if i < 0 else str(i) for i in index) + ")$"


def outer(plot: SurfacePlot) -> tuple[int, int, int]:
    """Return the index of the direction in which a termination looks."""
    sign = -1 if plot.termination == "bottom" else 1
    h, k, l = (sign * i for i in plot.miller)  # noqa: E741
    return h, k, l


def panel_words(plot: SurfacePlot) -> tuple[str, str]:
    """Words before and after the Miller index in a panel's title."""
    return {"top": ("", " surface"), "bottom": ("", " surface"), "bulk": ("bulk, projected on ", "")}[
        plot.termination
    ]


def in_order(plots: Sequence[SurfacePlot]) -> list[SurfacePlot]:
    """Return the spectra of a surface as they are shown: top, bottom, bulk."""
    return sorted(plots, key=lambda plot: ("top", "bottom", "bulk").index(plot.termination))


def colour_range(plots: Sequence[SurfacePlot]) -> tuple[float, float]:
    """Return one range of log10 weights for all panels: what is fainter or brighter tells no more."""
    values = np.concatenate([np.ravel(plot.log_weight) for plot in plots])
    low, high = np.percentile(values, [10.0, 99.7])
    return float(low), float(max(high, low + 1e-6))


def band_edges(plot: BandPlot) -> tuple[float, float] | None:
    """Return the top of the filled bands and the bottom of the others, or None where no gap lies between."""
    if not 0 < plot.n_occupied < len(plot.energies):
        return None
    top = max(max(band) for band in plot.energies[: plot.n_occupied])
    bottom = min(min(band) for band in plot.energies[plot.n_occupied :])
    return (top, bottom) if bottom > top else None


def energy_window(plot: BandPlot, below: float = 2.5, above: float = 2.5) -> tuple[float, float]:
    """Return the range of energies that is shown: around zero and the gap, in eV."""
    low, high = band_edges(plot) or (0.0, 0.0)
    return min(low, 0.0) - below, max(high, 0.0) + above


def orbital_colours(plot: BandPlot) -> np.ndarray:
    """Return (n_bands, n_k, 3) red, green, blue in 0…1: the orbitals' colours, mixed by their weights."""
    palette = np.array([_rgb(PALETTE[i % len(PALETTE)]) for i in range(len(plot.weights))])
    weights = np.array(list(plot.weights.values()))
    # Squared, so that the stronger one is seen to be it.
    shares = weights**2 / np.maximum((weights**2).sum(axis=0), 1e-12)
    return np.einsum("obk,oc->bkc", shares, palette)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def pieces(distance: Sequence[float]) -> list[slice]:
    """Return the runs of a path between which it jumps: where a distance repeats."""
    jumps = [i + 1 for i, (a, b) in enumerate(pairwise(distance)) if b <= a]
    return [slice(a, b) for a, b in pairwise([0, *jumps, len(distance)])]


def plane_order(plots: Sequence[WilsonPlot]) -> list[WilsonPlot]:
    """Return the planes with those through the zone's centre first, for two rows of three."""
    return sorted(plots, key=lambda plot: ("1/2" in plot.plane, plot.plane))


def plane_head(plot: WilsonPlot) -> tuple[str, str]:
    """Return name and index of a plane: ``k₁ = ½``, ``Z₂ = 1``."""
    name = plain(plot.plane, ROW_LIMIT)
    for digit, low in zip("123", "₁₂₃", strict=True):
        name = name.replace(f"k{digit}=", f"k{low} = ")
    return name.replace("1/2", "½"), "undecided" if plot.z2 is None else f"Z₂ = {plot.z2}"


def zero_words(zero: Zero) -> str:
    """Return what energies are counted from, in words."""
    return {"Fermi energy": "the Fermi energy", "valence top": "the top of the valence bands"}[zero]
