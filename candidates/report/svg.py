"""Pictures as SVG that a page can show inline: escaped by the XML library, coloured by the page's style.

A picture is drawn in its own units and scales with the page. Colours come from classes, so that the same
picture is right on light and dark paper and in print.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from markupsafe import Markup

from candidates.report.typeset import plain


def picture(width: float, height: float, label: str, **attributes: Any) -> Element:
    """Return an empty picture of ``width`` × ``height`` units; ``label`` says it to those who listen."""
    return Element(
        "svg",
        {"viewBox": f"0 0 {width:g} {height:g}", "role": "img", "aria-label": plain(label)}
        | _texts(attributes),
    )


def add(parent: Element, tag: str, text: str | None = None, **attributes: Any) -> Element:
    """Append an element; ``class_`` and ``stroke_width`` stand for ``class`` and ``stroke-width``."""
    child = SubElement(parent, tag, _texts(attributes))
    if text is not None:
        child.text = plain(text)
    return child


def markup(element: Element) -> Markup:
    """Return a picture as markup for a page."""
    return Markup(tostring(element, encoding="unicode"))


def points(pairs: Sequence[tuple[float, float]]) -> str:
    """Return dots as one path: each is a line of no length whose round ends make it a disc."""
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in pairs)


def line(pairs: Sequence[tuple[float, float]]) -> str:
    """Return a polyline as a path."""
    return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in pairs) if pairs else ""


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Return round numbers between ``low`` and ``high``, at steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / max(about, 1)
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next(m for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(n * step, 12) for n in range(first, math.floor(high / step + 1e-9) + 1)]


@dataclass(frozen=True)
class Axes:
    """A frame in a picture and the numbers along its sides.

    Attributes:
        left, top, width, height: of the frame, in the picture's units.
        x, y: first and last number along each side; y grows upwards.
    """

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, value: float) -> float:
        """Return where a number lies from left to right."""
        return self.left + self.width * (value - self.x[0]) / (self.x[1] - self.x[0] or 1)

    def up(self, value: float) -> float:
        """Return where a number lies from the top down."""
        return self.top + self.height * (1 - (value - self.y[0]) / (self.y[1] - self.y[0] or 1))

    def frame(self, into: Element) -> None:
        """Draw the paper of the frame."""
        add(into, "rect", class_="frame", x=self.left, y=self.top, width=self.width, height=self.height)

    def x_axis(self, into: Element, title: str, at: Sequence[float] | None = None) -> None:
        """Draw numbers, lines and title below the frame."""
        bottom = self.top + self.height
        for value in ticks(*self.x) if at is None else at:
            x = f"{self.across(value):.1f}"
            add(into, "path", class_="tick", d=f"M{x} {bottom:g}V{self.top:g}")
            add(into, "text", f"{value:g}", x=x, y=bottom + 15, text_anchor="middle")
        add(
            into,
            "text",
            title,
            class_="axis",
            x=self.left + self.width / 2,
            y=bottom + 33,
            text_anchor="middle",
        )

    def y_axis(self, into: Element, title: str, at: Sequence[float] | None = None, gap: float = 31) -> None:
        """Draw numbers, lines and title left of the frame."""
        for value in ticks(*self.y) if at is None else at:
            y = self.up(value)
            add(into, "path", class_="tick", d=f"M{self.left:g} {y:.1f}h{self.width:g}")
            add(
                into,
                "text",
                f"{value:g}".replace("-", "−"),
                x=self.left - 7,
                y=f"{y + 3.5:.1f}",
                text_anchor="end",
            )
        x, y = self.left - gap, self.top + self.height / 2
        name = add(
            into, "text", class_="axis", text_anchor="middle", transform=f"translate({x:g} {y:g}) rotate(-90)"
        )  # fmt: skip
        head, _, rest = title.partition("_")
        name.text = plain(head)
        if rest:  # a letter after an underscore is set low
            add(name, "tspan", rest[0], dy=3, font_size="0.75em")
            add(name, "tspan", rest[1:], dy=-3)


def _texts(attributes: dict[str, Any]) -> dict[str, str]:
    return {
        name.rstrip("_").replace("_", "-"): f"{value:g}"
        if isinstance(value, float)
        else plain(str(value), 10**7)
        for name, value in attributes.items()
        if value is not None
    }
