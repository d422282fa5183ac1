"""Five questions, always answered."""

import pytest

from candidates.report.hazards import hazards_of
from tests.sample_records import make_candidate


def states(**changes: object) -> dict[str, str]:
    return {hazard.name: hazard.state for hazard in hazards_of(make_candidate(**changes))}


def test_every_question_is_answered() -> None:
    assert states() == {
        "Magnetic elements": "fine",
        "Radioactive elements": "fine",
        "Toxic elements": "warn",
        "Metallic doubt": "warn",
        "Energy above the hull": "fine",
    }


@pytest.mark.parametrize(
    ("changes", "name", "state"),
    [
        ({"atomic_numbers": [26, 80, 50, 34]}, "Magnetic elements", "warn"),
        ({"atomic_numbers": [92, 80, 50, 34]}, "Radioactive elements", "warn"),
        ({"atomic_numbers": [14, 32, 50, 34]}, "Toxic elements", "fine"),
        ({"n_electrons": 721, "band_gap": 1.0}, "Metallic doubt", "warn"),
        ({"band_gap": None}, "Metallic doubt", "unknown"),
        ({"band_gap": 0.3}, "Metallic doubt", "fine"),
        ({"e_above_hull": None}, "Energy above the hull", "unknown"),
        ({"e_above_hull": 0.2}, "Energy above the hull", "warn"),
    ],
)
def test_hazards(changes: dict[str, object], name: str, state: str) -> None:
    assert states(**changes)[name] == state
