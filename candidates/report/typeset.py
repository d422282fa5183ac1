"""Formulas, space groups and plain text as they appear on the page.

Typeset text is a list of runs ``(kind, text)``, so that the template and the page's script can both set it
without either of them parsing, or trusting, HTML.
"""

import re
from collections.abc import Sequence
from typing import Literal

from markupsafe import Markup, escape

Kind = Literal["", "i", "sub", "bar"]
Runs = list[tuple[Kind, str]]

ROW_LIMIT = 120
"""Characters of a text that a table cell shows."""

TEXT_LIMIT = 2000
"""Characters of a text that the details show."""

# C0 and C1 controls get a visible picture or U+FFFD; so do the marks that reorder text (Unicode TR 36, 3.4),
# because an id that reads backwards is not the id.
_REORDERING = [0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF]
_VISIBLE: dict[int, int] = (
    {code: 0x2400 + code for code in range(0x20)}
    | dict.fromkeys([0x7F, *range(0x80, 0xA0), *_REORDERING], 0xFFFD)
    | dict.fromkeys(map(ord, "\t\n\r\u2028\u2029"), ord(" "))
)

_FORMULA = re.compile(r"(?<=[A-Za-z)\]])(\d+(?:\.\d+)?)")
_SYMBOL = re.compile(r"-(?P<bar>\d)|_(?P<sub>\d)|(?P<i>[A-Za-z]+)")
_INDICATOR = re.compile(r"Z_?(\d+)")


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """Return ``text`` with its control characters made visible, cut to ``limit`` characters."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return cut.translate(_VISIBLE)


def lines(text: str, limit: int = 200_000) -> str:
    """Return a text of several lines with its control characters, but not its line ends, made visible."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "\n".join(line.translate(_VISIBLE) for line in cut.splitlines())


def formula(text: str) -> Runs:
    """Set the numbers after an element or a bracket as subscripts: Bi2Te3 → Bi₂Te₃."""
    parts = _FORMULA.split(plain(text, ROW_LIMIT))
    return [("sub" if index % 2 else "", part) for index, part in enumerate(parts) if part]


def symmetry_symbol(text: str) -> Runs:
    """Set a Hermann–Mauguin symbol: ``P-6_3mc`` has P, m, c in italics, a bar over 6 and 3 as a subscript."""
    text = plain(text, ROW_LIMIT)
    runs: Runs = []
    end = 0
    for match in _SYMBOL.finditer(text):
        if match.start() > end:
            runs.append(("", text[end : match.start()]))
        kind: Kind = "bar" if match["bar"] else "sub" if match["sub"] else "i"
        runs.append((kind, match[kind]))
        end = match.end()
    if end < len(text):
        runs.append(("", text[end:]))
    return runs


def indicator_group(text: str) -> Runs:
    """Set an indicator group: ``Z2×Z4`` → ℤ₂ × ℤ₄."""
    parts = _INDICATOR.split(plain(text, ROW_LIMIT))
    runs: Runs = []
    for index, part in enumerate(parts):
        if index % 2:
            runs += [("", "ℤ"), ("sub", part)]
        elif part:
            runs.append(("", part.replace("×", " × ")))
    return runs


def text(runs: Sequence[tuple[str, str]]) -> str:
    """Return runs as plain text with Unicode subscripts: ``P6₃mc``, ``I-42m``."""
    subscripts = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
    settings = {"sub": lambda part: part.translate(subscripts), "bar": "-{}".format}
    return "".join(settings.get(kind, str)(part) for kind, part in runs)


def markup(runs: Sequence[tuple[str, str]]) -> Markup:
    """Return runs as HTML; a bar also leaves its minus sign for those who copy or listen."""
    tags = {"": "{}", "i": "<i>{}</i>", "sub": "<sub>{}</sub>", "bar": '<span class="bar">{}</span>'}
    hidden = Markup('<span class="away">-</span>')
    return Markup("").join(
        (hidden if kind == "bar" else Markup("")) + Markup(tags[kind]).format(escape(text))
        for kind, text in runs
    )
