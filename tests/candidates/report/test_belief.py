import pytest

from candidates.report import belief, facts
from candidates.report.candidate_page import render_candidate
from candidates.report.hazards import hazards_of
from candidates.report.notebook import card
from candidates.report.page import render
from tests.sample_records import make_candidate, make_run

CALLED = {"call": "topological", "error_rate": 0.05, "covered": True}
DOUBT = "no training crystal holds <Po>"
DOUBTED = CALLED | {"covered": False, "doubts": (DOUBT,)}
PREDICTED = {"band_gap": None, "predicted_gap": 0.314, "predicted_gap_uncertainty": 0.12, "p_metal": 0.04}


def test_a_call_says_its_rate_and_whether_it_was_tested() -> None:
    assert belief.call(make_candidate()) == ""
    assert belief.rate(make_candidate()) == ""
    assert belief.call(make_candidate(**CALLED)) == "called topological at an error rate of 5 %"
    assert belief.rate(make_candidate(**CALLED)).startswith("Tested on crystals of its kind")
    assert belief.rate(make_candidate(**DOUBTED)).startswith("Not tested")
    assert "cannot tell" in belief.call(make_candidate(**(CALLED | {"call": "abstain"})))


def test_gaps_say_where_they_come_from() -> None:
    assert belief.gap(make_candidate(band_gap=0.25)) == "0.250 eV"
    assert belief.gap(make_candidate(**PREDICTED)) == "predicted 0.31 ± 0.12 eV"
    assert belief.gap(make_candidate(band_gap=None)) == "unknown"
    both = make_candidate(**(PREDICTED | {"band_gap": 0.25}))
    assert belief.gap(both) == "0.250 eV", "the database comes first"


@pytest.mark.parametrize(("p", "state"), [(0.95, "warn"), (0.5, "unknown"), (0.05, "fine")])
def test_a_predicted_metal_is_a_hazard_that_says_so(p: float, state: str) -> None:
    candidate = make_candidate(**(PREDICTED | {"p_metal": p}))
    found = next(h for h in hazards_of(candidate) if h.name == "Metallic doubt")
    assert found.state == state
    assert found.text == f"P(metal) {p:.2f}, predicted 0.31 ± 0.12 eV; no gap in the database"


def test_pages_show_the_call_and_what_speaks_against_it() -> None:
    run, doubted = make_run(), make_candidate(**DOUBTED, **PREDICTED)
    page = render_candidate(run, doubted)
    assert "called topological at an error rate of 5 %" in page
    assert "topological?" in page
    assert "no training crystal holds &lt;Po&gt;" in page
    assert "predicted 0.31 ± 0.12 eV" in page
    plain = render_candidate(run, make_candidate())
    assert "error rate" not in plain
    assert "may not hold" not in plain
    assert facts.details(doubted)["doubts"] == [DOUBT]
    assert "no training crystal holds &lt;Po&gt;" in card(doubted)


def test_the_ranking_has_columns_for_calls_only_where_there_are_any() -> None:
    run = make_run()
    assert "conformal prediction" in render(run, [make_candidate(**CALLED)])
    assert "conformal prediction" not in render(run, [make_candidate()])
