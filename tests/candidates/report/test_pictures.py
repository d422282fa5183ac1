"""Bars and points lie where their numbers say."""

from candidates.report import pictures
from tests.sample_records import make_candidate, make_run


def test_funnel_begins_with_what_was_read_and_refused() -> None:
    bars = pictures.funnel(make_run())
    assert [(b.name, b.removed, b.left, b.enabled) for b in bars] == [
        ("read", 0, 991, True),
        ("refused", 1, 990, True),
        ("undiagnosable", 900, 90, True),
        ("odd electrons", 0, 90, False),
        ("top", 85, 5, True),
    ]
    assert bars[0].kept_length == 1000
    assert bars[2].kept_length == round(90_000 / 991, 2)


def test_an_empty_screen_has_a_funnel() -> None:
    bars = pictures.funnel(make_run(funnel=[], refused=[], n_input=0))
    assert [(b.name, b.left, b.kept_length) for b in bars] == [("read", 0, 0)]


def test_points() -> None:
    picture = pictures.scatter(
        [
            make_candidate(1, p_topological=1.0, p_benchmark=0.0, known=[], labels={}),
            make_candidate(2, p_topological=0.6, p_benchmark=1.0),
            make_candidate(3, p_benchmark=None),
        ]
    )
    assert [(p.x, p.y, p.known) for p in picture.points] == [(40, 10, False), (310, 250, True)]
    assert picture.floor == 0.6
    assert picture.y_ticks[0] == ("1", 10)


def test_without_the_benchmark_model_there_is_no_picture() -> None:
    assert pictures.scatter([make_candidate(p_benchmark=None)]).points == []
