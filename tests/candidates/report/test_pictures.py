"""Shapes, squares and points lie where their numbers say."""

import re
from xml.etree import ElementTree

import pytest

from candidates.report import pictures
from candidates.report.card import Bin, ScoreTable
from tests.sample_records import make_candidate, make_run


def test_steps_begin_with_what_was_read_and_refused() -> None:
    assert [(s.name, s.removed, s.left, s.enabled) for s in pictures.steps(make_run())] == [
        ("read", 0, 991, True),
        ("refused", 1, 990, True),
        ("undiagnosable", 900, 90, True),
        ("odd electrons", 0, 90, False),
        ("top", 85, 5, True),
    ]


def test_the_funnel_is_to_scale() -> None:
    image = ElementTree.fromstring(pictures.funnel(make_run()))
    bars = [float(r.get("width", 0)) for r in image.iter("rect")]
    assert bars[-1] / bars[0] == pytest.approx(5 / 991, abs=0.004)  # thin shapes stay visible
    assert [t.text for t in image.iter("text") if t.get("class") == "removed"] == ["−1", "−900", "−85"]
    assert "odd electrons" not in ElementTree.tostring(image, encoding="unicode")


def test_an_empty_screen_has_a_funnel() -> None:
    image = ElementTree.fromstring(pictures.funnel(make_run(funnel=[], refused=[], n_input=0)))
    assert [t.text for t in image.iter("text")] == ["read", "0", "candidates", "0"]


def test_the_periodic_table_counts_crystals_not_atoms() -> None:
    found = [make_candidate(1), make_candidate(2, atomic_numbers=[83, 83, 34, 34])]
    image = ElementTree.fromstring(pictures.periodic_table(found))
    counts = {
        g.get("data-element"): [t.text for t in g.iter("text")][1]
        for g in image.iter("g")
        if g.get("data-element")
    }
    assert len(counts) == 118
    assert {symbol: n for symbol, n in counts.items() if n} == {
        "Ag": "1", "Hg": "1", "Sn": "1", "Se": "2", "Bi": "1",
    }  # fmt: skip


def test_unknown_gaps_stand_in_a_strip_of_their_own() -> None:
    known, scale = pictures.gap_scatter([make_candidate(1, band_gap=4.0, p_topological=0.5)])
    x, y = _dots(known)[0]
    assert x == pytest.approx(
        scale["left"] + scale["width"] * (2.0 - scale["low"]) / (scale["high"] - scale["low"]), abs=0.1
    )
    assert y == pytest.approx(scale["top"] + scale["height"] / 2, abs=0.1)
    unknown, _ = pictures.gap_scatter([make_candidate(1, band_gap=None)])
    assert 42 < _dots(unknown)[0][0] < 96


def test_whiskers_are_as_long_as_the_uncertainty() -> None:
    image, scale = pictures.gap_scatter([make_candidate(1, p_topological=0.5, uncertainty=0.1)])
    whisker = re.search(r'class="whiskers few" d="M[\d.]+ ([\d.]+)V([\d.]+)"', image)
    assert whisker
    assert float(whisker[2]) - float(whisker[1]) == pytest.approx(0.2 * scale["height"], abs=0.1)


def test_two_models() -> None:
    drawn = pictures.model_scatter(
        [
            make_candidate(1, p_topological=1.0, p_benchmark=0.0, known=[], labels={}),
            make_candidate(2, p_topological=0.6, p_benchmark=1.0),
            make_candidate(3, p_benchmark=None),
        ],
        "discovery",
    )
    assert drawn
    image, scale = drawn
    assert _dots(image, known=False) == [(42, 12)]
    assert _dots(image, known=True) == [(342, 312)]
    assert scale["floor"] == 0.6


def test_without_the_benchmark_model_there_is_no_picture() -> None:
    assert pictures.model_scatter([make_candidate(p_benchmark=None)], "discovery") is None


def test_calibration_lies_on_the_diagonal_where_it_is_good() -> None:
    bins = (Bin(predicted=0.1, observed=0.1, n=10), Bin(predicted=0.9, observed=0.9, n=40))
    image = ElementTree.fromstring(pictures.calibration(ScoreTable(title="t", what="w", rows=(), bins=bins)))
    discs = [(float(c.get("cx", 0)) - 42, 312 - float(c.get("cy", 0))) for c in image.iter("circle")]
    assert discs == [(30, 30), (270, 270)]


def _dots(image: str, known: bool | None = None) -> list[tuple[float, float]]:
    found = []
    for path in ElementTree.fromstring(image).iter("path"):
        names = (path.get("class") or "").split()
        if "dots" in names and known in (None, "known" in names):
            found += [
                (float(x), float(y)) for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", path.get("d") or "")
            ]
    return found
