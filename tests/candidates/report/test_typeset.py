"""Formulas and symbols are set as physicists write them, and nothing gets through as HTML."""

import pytest

from candidates.report.typeset import formula, indicator_group, markup, plain, symmetry_symbol, text


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("Ag2HgSnSe4", "Ag<sub>2</sub>HgSnSe<sub>4</sub>"),
        ("Na3Bi", "Na<sub>3</sub>Bi"),
        ("HgTe", "HgTe"),
        ("Ba0.5K0.5(FeAs)2", "Ba<sub>0.5</sub>K<sub>0.5</sub>(FeAs)<sub>2</sub>"),
        ("<b>2</b>", "&lt;b&gt;2&lt;/b&gt;"),
    ],
)
def test_formula(written: str, html: str) -> None:
    assert markup(formula(written)) == html


@pytest.mark.parametrize(
    ("symbol", "shown", "html"),
    [
        ("P6_3mc", "P6₃mc", "<i>P</i>6<sub>3</sub><i>mc</i>"),
        ("P4_2/mnm", "P4₂/mnm", "<i>P</i>4<sub>2</sub>/<i>mnm</i>"),
        (
            "I-42m",
            "I-42m",
            '<i>I</i><span class="away">-</span><span class="bar">4</span>2<i>m</i>',
        ),
        ("P2_12_12_1", "P2₁2₁2₁", "<i>P</i>2<sub>1</sub>2<sub>1</sub>2<sub>1</sub>"),
    ],
)
def test_symmetry_symbol(symbol: str, shown: str, html: str) -> None:
    assert text(symmetry_symbol(symbol)) == shown
    assert markup(symmetry_symbol(symbol)) == html


def test_indicator_group() -> None:
    assert text(indicator_group("Z2×Z2×Z12")) == "ℤ₂ × ℤ₂ × ℤ₁₂"
    assert text(indicator_group("trivial")) == "trivial"


def test_plain_shows_what_hides() -> None:
    assert plain("a\x1b[31mb\x00\x7f\x9b") == "a␛[31mb␀\ufffd\ufffd"
    assert plain("mp-1\u202e321-pm") == "mp-1\ufffd321-pm"
    assert plain("one\ntwo\tthree") == "one two three"
    assert plain("x" * 50, 10) == "x" * 9 + "…"
