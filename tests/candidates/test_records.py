"""Records refuse what is wrong and keep what is right."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from candidates.records import Candidate, RunRecord, candidate_id, tokens_seen
from tests.sample_records import make_candidate, make_run


def test_candidate_id_is_short_stable_and_depends_on_both() -> None:
    assert candidate_id("run", "mp-1") == "2b5859fc1096"
    others = {candidate_id("run", "mp-2"), candidate_id("run2", "mp-1"), candidate_id("runmp", "-1")}
    assert len(others | {candidate_id("run", "mp-1")}) == 4


def test_json_returns_the_same_record() -> None:
    candidate, run = make_candidate(), make_run()
    assert Candidate.model_validate_json(candidate.model_dump_json()) == candidate
    assert RunRecord.model_validate_json(run.model_dump_json()) == run
    assert json.loads(candidate.model_dump_json())["hazards"] == list(candidate.hazards)


def test_numbers_from_numpy_are_taken() -> None:
    candidate = make_candidate(
        p_ti=np.float32(0.5),
        spacegroup=np.int16(31),
        inversion=np.bool_(True),
        lattice=np.eye(3, dtype="f4").ravel(),
    )
    assert candidate.p_ti == 0.5
    assert candidate.lattice == (1, 0, 0, 0, 1, 0, 0, 0, 1)


def test_records_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        make_candidate().rank = 2  # type: ignore[misc]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("p_topological", 1.2),
        ("uncertainty", -0.1),
        ("band_gap", float("nan")),
        ("e_above_hull", float("inf")),
        ("spacegroup", 231),
        ("rank", 0),
        ("id", "xyz"),
        ("lattice", [1.0] * 8),
        ("atomic_numbers", []),
        ("tokens", {"electrons": float("nan")}),
        ("labels", {"tqc": None}),
        ("surprise", 1),
    ],
)
def test_wrong_values_are_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError, match=field):
        make_candidate(**{field: value})


def test_coordinates_must_match_the_atoms() -> None:
    with pytest.raises(ValidationError, match="6 numbers for 1 atoms; give three for each atom"):
        make_candidate(atomic_numbers=[14], frac_coords=[0.0] * 6)


@pytest.mark.parametrize("created", ["yesterday", "2025-06-01T09:30:00", "2025-06-01T09:30:00+02:00"])
def test_run_time_must_be_utc(created: str) -> None:
    with pytest.raises(ValidationError, match="created"):
        make_run(created=created)


def test_text_that_no_database_holds_is_replaced() -> None:
    odd = make_candidate(crystal_id="a\0b", notes=["caf\udce9 \U0001d53b é"], labels={"s\0": "x"})
    assert odd.crystal_id == "a\ufffdb"
    assert odd.notes == ("caf\ufffd \U0001d53b é",)
    assert odd.labels == {"s\ufffd": "x"}


@pytest.mark.parametrize("record", [Candidate, RunRecord])
def test_every_field_is_described(record: type[Candidate] | type[RunRecord]) -> None:
    assert [name for name, field in record.model_fields.items() if not field.description] == []


def test_tokens_are_flat_and_ordered_as_the_model_reads_them() -> None:
    words = ("P1", "1", "triclinic", "-1", "chiral polar")
    tokens = tokens_seen(words, 5, "101", {"Te": 1.0}, {"nearest": "Te–Te 2.8 Å"})
    assert tuple(tokens.values())[:5] == words
    assert tokens["electrons"] == 5
    assert tokens["electron_bits"] == "101"
    assert tokens["element:Te"] == 1.0
    assert tokens["graph:nearest"] == "Te–Te 2.8 Å"
    assert make_candidate(tokens=tokens).tokens == tokens
    with pytest.raises(ValueError, match="zip"):
        tokens_seen(words[:4], 5, "101", {}, {})
