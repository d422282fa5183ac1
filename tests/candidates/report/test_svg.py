"""Pictures escape what they are told and put numbers where they belong."""

import pytest

from candidates.report import svg


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (-2.5, 2.5, [-2, -1, 0, 1, 2]),
        (0.0, 7.0, [0, 2, 4, 6]),
        (3.0, 3.0, [3.0]),
    ],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert svg.ticks(low, high) == expected


def test_text_is_escaped_and_controls_are_shown() -> None:
    image = svg.picture(10, 10, '"><script>')
    svg.add(image, "text", "<img onerror=x>\x00\u202e", class_='" onload="x')
    text = svg.markup(image)
    assert "<script" not in text
    assert "<img" not in text
    assert ' onload="' not in text
    assert "\x00" not in text
    assert "\u202e" not in text


def test_axes_grow_upwards() -> None:
    axes = svg.Axes(10, 20, 100, 50, (0, 2), (-1, 1))
    assert (axes.across(1), axes.up(1), axes.up(-1)) == (60, 20, 70)
