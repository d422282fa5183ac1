"""Pictures of what a model reads from which token."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from xbert.explain import Group
from xbert.spacegroups import CRYSTAL_SYSTEMS

_VALUE, _TARGET, _INK = "#4477AA", "#CC6677", "#444444"


def draw_groups(groups: Sequence[Group], path: Path, value: str, target: str, note: str = "") -> None:
    """Draw the value of the space-group tokens and the target over the space groups, and one on the other.

    Args:
        groups: by number.
        path: PNG, SVG or PDF.
        value, target: what the axes show.
        note: beside the second panel's title.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11.0, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2.2, 1.0))
    numbers, values, targets = (
        np.array([getattr(group, name) for group in groups]) for name in ("number", "value", "target")
    )
    sizes = np.array([group.crystals for group in groups])
    left.plot(numbers, values, "o-", color=_VALUE, ms=3.5, lw=0.5)
    left.set_xlabel("space group")
    left.set_ylabel(value, color=_VALUE)
    other = left.twinx()
    other.plot(numbers, targets, "s-", color=_TARGET, ms=3.0, lw=0.5, alpha=0.8)
    other.set_ylabel(target, color=_TARGET)
    start, above = 0.5, left.get_xaxis_transform()
    for name, last in CRYSTAL_SYSTEMS:
        left.axvline(last + 0.5, color="#DDDDDD", lw=0.8, zorder=0)
        if last > 2:  # the two triclinic groups leave no room for their name
            middle = (start + last) / 2
            left.text(middle, 1.02, name, transform=above, ha="center", fontsize=7.5, color=_INK)
        start = last + 0.5
    left.set_xlim(0, 231)
    right.scatter(targets, values, s=4.0 * np.sqrt(sizes), color=_VALUE, alpha=0.6, linewidths=0)
    right.set(xlabel=target, ylabel=value)
    if note:
        right.set_title(note, fontsize=9)
    _save(figure, path)


def draw_table_of_groups(groups: Sequence[Group], path: Path, value: str) -> None:
    """Draw all 230 space groups as coloured squares, a crystal system a block; the more, the darker.

    Args:
        groups: by number; the others stay empty.
        path: PNG, SVG or PDF.
        value: what the colour shows.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    known = {group.number: group.value for group in groups}
    scale, shade = Normalize(min(known.values()), max(known.values())), colormaps["YlGnBu"]
    figure = Figure(figsize=(9.6, 6.4), layout="constrained")
    axes = figure.add_subplot()
    columns, row, first = 20, 0.0, 1
    for name, last in CRYSTAL_SYSTEMS:
        axes.text(-0.4, row + 0.5, name, ha="right", va="center", fontsize=9)
        for place, number in enumerate(range(first, last + 1)):
            x, y = place % columns, row + place // columns
            face = shade(scale(known[number])) if number in known else (1.0, 1.0, 1.0, 1.0)
            dark = sum(face[:3]) < 1.5
            axes.add_patch(Rectangle((x, y), 0.94, 0.94, facecolor=face, edgecolor="#CCCCCC", lw=0.5))
            ink = "white" if dark else _INK if number in known else "#BBBBBB"
            axes.text(x + 0.47, y + 0.49, str(number), ha="center", va="center", fontsize=7, color=ink)
        row += -(-(last - first + 1) // columns) + 0.4
        first = last + 1
    axes.set(xlim=(-0.1, columns), ylim=(row, -0.2), aspect="equal")
    axes.axis("off")
    figure.colorbar(ScalarMappable(scale, shade), ax=axes, shrink=0.6, label=value)
    _save(figure, path)


def draw_mass(mass: Mapping[str, Mapping[str, float]], path: Path, title: str) -> None:
    """Draw the share of each token in the weights and in what passes through them.

    Args:
        mass: see `xbert.explain.weight_mass`.
        path: PNG, SVG or PDF.
        title: of the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(mass))
    kinds = {"weight": ("Σ|w|", _VALUE), "passed": ("mean of Σ|w z|", _TARGET)}
    for shift, (kind, (label, colour)) in zip((-0.2, 0.2), kinds.items(), strict=True):
        axes.bar(at + shift, [part[kind] for part in mass.values()], 0.38, label=label, color=colour)
    axes.set_xticks(at, list(mass), rotation=30, ha="right")
    axes.set(ylabel="share", title=title)
    axes.axhline(1.0 / max(len(mass), 1), color=_INK, lw=0.8, ls=":", label="equal shares")
    axes.legend(frameon=False, fontsize=8)
    _save(figure, path)


def _save(figure, path: Path) -> None:  # type: ignore[no-untyped-def]
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=160, bbox_inches="tight")
