"""The pictures of the run page: funnel, periodic table, probability against gap and between two models."""

from collections import Counter
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element

from markupsafe import Markup

from candidates.records import Candidate, FunnelStep, RunRecord
from candidates.report import svg
from candidates.report.card import ScoreTable
from candidates.report.elements import positions, symbols_of
from candidates.report.facts import is_known

Place = Callable[[Candidate], tuple[float, float]]

CELL = 34
"""Side of an element's square in the periodic table."""


def steps(run: RunRecord) -> list[FunnelStep]:
    """Return what was read, what was refused, then every filter, as the steps of the funnel."""
    read = FunnelStep(
        name="read", description=f"crystals of {run.database}", removed=0, left=run.n_input, enabled=True
    )
    entering = run.funnel[0].removed + run.funnel[0].left if run.funnel else run.n_input - len(run.refused)
    refused = FunnelStep(
        name="refused",
        description="could not be judged; listed below",
        removed=max(run.n_input - entering, 0),
        left=entering,
        enabled=True,
    )
    return [read, *([refused] if refused.removed else []), *run.funnel]


def funnel(run: RunRecord) -> Markup:
    """Draw the filters that removed something as one narrowing shape, to scale."""
    read, *rest = steps(run)
    shown = [step for step in rest if step.enabled and step.removed]
    high, top, middle, half = min(max(250 / max(len(shown), 1), 34.0), 58.0), 34.0, 300.0, 124.0
    bottom = top + high * len(shown) + 46
    image = svg.picture(
        560,
        bottom + 4,
        f"Of {read.left} crystals {shown[-1].left if shown else read.left} were left",
        class_="funnel",
    )
    whole = max(read.left, 1)

    def reach(left: int) -> float:
        return max(half * min(left / whole, 1), 0.8 if left else 0)

    def count(y: float, number: int, class_: str = "left") -> None:
        svg.add(image, "text", grouped(number), class_=class_, x=556, y=y, text_anchor="end")

    svg.add(image, "text", "read", class_="name", x=0, y=top - 12)
    count(top - 12, read.left)
    svg.add(image, "rect", class_="kept", x=middle - half, y=top - 24, width=2 * half, height=24)
    before, y = read.left, top
    for step in shown:
        wide, narrow = reach(before), reach(step.left)
        row = svg.add(image, "g")
        svg.add(row, "title", f"{step.name}: {step.description}; removed {step.removed}, left {step.left}")
        svg.add(row, "rect", class_="gone", x=middle - wide, y=y, width=2 * wide, height=high)
        corners = [(-wide, 0.0), (wide, 0.0), (narrow, high), (-narrow, high)]
        svg.add(row, "path", class_="kept", d=svg.line([(middle + x, y + down) for x, down in corners]) + "Z")
        svg.add(row, "path", class_="rule", d=f"M0 {y:g}H556")
        svg.add(row, "text", step.name, class_="name", x=0, y=y + high / 2 + 4)
        removed = f"−{grouped(step.removed)}"
        svg.add(
            row,
            "text",
            removed,
            class_="removed",
            x=middle + half + 70,
            y=y + high / 2 + 4,
            text_anchor="end",
        )
        count(y + high / 2 + 4, step.left)
        before, y = step.left, y + high
    last = reach(before)
    svg.add(image, "path", class_="rule", d=f"M0 {y:g}H556")
    svg.add(image, "rect", class_="final", x=middle - last, y=y, width=2 * last, height=24)
    svg.add(image, "text", "candidates", class_="name strong", x=0, y=y + 16)
    count(y + 16, before, "left strong")
    return svg.markup(image)


def periodic_table(candidates: Sequence[Candidate]) -> Markup:
    """Draw the periodic table, each square as deep as the share of candidates that hold its element."""
    counts = Counter(symbol for c in candidates for symbol in symbols_of(c.atomic_numbers))
    most = max(counts.values(), default=1)
    image = svg.picture(
        18 * CELL, 9.45 * CELL, "Candidates by element; the same numbers are in the CSV", class_="periodic"
    )
    image.set("id", "periodic")
    for symbol, (row, column) in positions().items():
        n = counts[symbol]
        depth = (n / most) ** 0.5
        cell = svg.add(
            image, "g", class_="element" + (" deep" if depth > 0.62 else "") + ("" if n else " none"),
            data_element=symbol,
            transform=f"translate({column * CELL:g} {(row if row < 7 else row - 0.55) * CELL:g})",
        )  # fmt: skip
        svg.add(cell, "title", f"{symbol}: {n}")
        svg.add(cell, "rect", class_="paper", x=1, y=1, width=CELL - 2, height=CELL - 2, rx=3)
        svg.add(
            cell,
            "rect",
            class_="heat",
            x=1,
            y=1,
            width=CELL - 2,
            height=CELL - 2,
            rx=3,
            fill_opacity=round(depth, 3),
        )
        svg.add(cell, "text", symbol, class_="symbol", x=CELL / 2, y=CELL / 2 + 1, text_anchor="middle")
        svg.add(
            cell, "text", str(n) if n else "", class_="count", x=CELL / 2, y=CELL - 6, text_anchor="middle"
        )
    legend = svg.add(image, "g", class_="legend", transform=f"translate({3.1 * CELL:g} {0.5 * CELL:g})")
    for n in range(24):
        svg.add(legend, "rect", class_="paper", x=n * 8, y=0, width=8.2, height=9)
        svg.add(
            legend, "rect", class_="heat", x=n * 8, y=0, width=8.2, height=9, fill_opacity=round((n / 23), 3)
        )
    svg.add(legend, "text", "0", x=0, y=23)
    svg.add(legend, "text", grouped(most), id="most", x=192, y=23, text_anchor="end")
    svg.add(legend, "text", "candidates that hold the element", x=0, y=-5)
    return svg.markup(image)


def gap_scatter(candidates: Sequence[Candidate]) -> tuple[Markup, dict[str, float]]:
    """Draw probability against the root of the band gap, unknown gaps in a strip of their own.

    Returns:
        the picture, and the scales by which the page's script draws it again for fewer candidates.
    """
    root = max([c.band_gap for c in candidates if c.band_gap is not None] + [0.5]) ** 0.5
    axes = svg.Axes(104, 12, 448, 300, (-0.03 * root, root * 1.04), (0.0, 1.0))
    image = svg.picture(560, 356, "Topological probability against band gap", class_="plot")
    svg.add(image, "rect", class_="frame", x=42, y=axes.top, width=54, height=axes.height)
    axes.frame(image)
    for gap in (0, 0.1, 0.5, 1, 2, 3, 5, 7, 10, 15, 20):
        x = f"{axes.across(gap**0.5):.1f}"
        if gap**0.5 <= axes.x[1]:
            svg.add(image, "path", class_="tick", d=f"M{x} 312V12")
            svg.add(image, "text", f"{gap:g}", x=x, y=327, text_anchor="middle")
    svg.add(
        image,
        "text",
        "band gap in the database, eV (square-root scale)",
        class_="axis",
        x=328,
        y=345,
        text_anchor="middle",
    )
    for value in svg.ticks(0, 1):
        svg.add(image, "path", class_="tick", d=f"M42 {axes.up(value):.1f}h54M104 {axes.up(value):.1f}H552")
        svg.add(image, "text", f"{value:g}", x=36, y=f"{axes.up(value) + 3.5:.1f}", text_anchor="end")
    svg.add(image, "text", "unknown", x=69, y=327, text_anchor="middle")
    svg.add(
        image,
        "text",
        "P(topological)",
        class_="axis",
        transform="translate(11 162) rotate(-90)",
        text_anchor="middle",
    )

    def place(c: Candidate) -> tuple[float, float]:
        # The golden ratio spreads neighbours in the ranking evenly over the strip.
        x = (
            axes.across(max(c.band_gap, 0.0) ** 0.5)
            if c.band_gap is not None
            else 47 + 44 * (c.rank * 0.618034 % 1)
        )
        return x, axes.up(c.p_topological)

    _dots(image, candidates, place, axes.height)
    return svg.markup(image), {
        "left": axes.left, "width": axes.width, "top": axes.top, "height": axes.height,
        "low": axes.x[0], "high": axes.x[1], "floor": 0.0,
    }  # fmt: skip


def model_scatter(candidates: Sequence[Candidate], model: str) -> tuple[Markup, dict[str, float]] | None:
    """Draw the probability by this run's model against the benchmark model's; None where that did not run."""
    both = [c for c in candidates if c.p_benchmark is not None]
    if not both:
        return None
    floor = min(min(int(c.p_topological * 10) / 10 for c in both), 0.8)
    axes = svg.Axes(42, 12, 300, 300, (0.0, 1.0), (floor, 1.0))
    image = svg.picture(
        350, 356, f"Topological probability by {model} and by the benchmark model", class_="plot"
    )
    axes.frame(image)
    axes.x_axis(image, "benchmark: what the databases would say")
    axes.y_axis(image, f"{model}: what the crystal is")
    _dots(image, both, lambda c: (axes.across(c.p_benchmark or 0.0), axes.up(c.p_topological)), None)
    return svg.markup(image), {
        "left": axes.left, "width": axes.width, "top": axes.top, "height": axes.height,
        "low": 0.0, "high": 1.0, "floor": floor,
    }  # fmt: skip


def calibration(table: ScoreTable) -> Markup:
    """Draw how often held-out crystals of a probability were topological; discs by their number."""
    axes = svg.Axes(42, 12, 300, 300, (0.0, 1.0), (0.0, 1.0))
    image = svg.picture(350, 356, "Share of topological labels against predicted probability", class_="plot")
    axes.frame(image)
    axes.x_axis(image, "predicted P(topological)")
    axes.y_axis(image, "share with a topological label")
    svg.add(image, "path", class_="diagonal", d="M42 312L342 12")
    where = [(axes.across(b.predicted), axes.up(b.observed)) for b in table.bins]
    svg.add(image, "path", class_="curve", d=svg.line(where))
    most = max(b.n for b in table.bins)
    for (x, y), b in zip(where, table.bins, strict=True):
        dot = svg.add(
            image,
            "circle",
            class_="bin",
            cx=f"{x:.1f}",
            cy=f"{y:.1f}",
            r=f"{2.5 + 6 * (b.n / most) ** 0.5:.1f}",
        )
        svg.add(dot, "title", f"{b.n} crystals: predicted {b.predicted:.3f}, observed {b.observed:.3f}")
    return svg.markup(image)


def grouped(number: int) -> str:
    """Return a number with thin spaces between its thousands."""
    return f"{number:,}".replace(",", "\u2009")


def _dots(image: Element, candidates: Sequence[Candidate], place: Place, whiskers: float | None) -> None:
    """Draw candidates in four groups: leaning to TI or TSM, new or known; whiskers beneath them."""
    spots = [(c, place(c)) for c in candidates]
    size = "many" if len(spots) > 2000 else "some" if len(spots) > 200 else "few"
    svg.add(
        image, "path", class_=f"whiskers {size}",
        d="".join(_whisker(c, x, y, whiskers) for c, (x, y) in spots) if whiskers else "",
    )  # fmt: skip
    for known in (False, True):
        for kind in ("tsm", "ti"):
            here = [
                place for c, place in spots if is_known(c) == known and (c.p_ti >= c.p_tsm) == (kind == "ti")
            ]
            svg.add(
                image, "path", class_=f"dots {kind} {size}" + (" known" if known else ""), d=svg.points(here)
            )
    svg.add(image, "circle", class_="here", r=0, cx=0, cy=0)


def _whisker(c: Candidate, x: float, y: float, height: float) -> str:
    low, high = max(c.p_topological - c.uncertainty, 0), min(c.p_topological + c.uncertainty, 1)
    return f"M{x:.1f} {y - height * (high - c.p_topological):.1f}V{y + height * (c.p_topological - low):.1f}"
