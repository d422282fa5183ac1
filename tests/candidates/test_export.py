"""Exports hold what the records hold."""

import csv
import json
from io import StringIO

import pytest

from candidates.export import export
from candidates.records import Candidate
from tests.sample_records import make_candidate

FOUND = [make_candidate(1), make_candidate(2, band_gap=None, notes=['a "quoted", remark', "another\nline"])]


def test_json_and_jsonl_return_the_records() -> None:
    assert [Candidate.model_validate(entry) for entry in json.loads(export(FOUND, "json"))] == FOUND
    lines = export(FOUND, "jsonl").splitlines()
    assert [Candidate.model_validate_json(line) for line in lines] == FOUND


def test_csv_is_flat() -> None:
    first, second = csv.DictReader(StringIO(export(FOUND, "csv")))
    assert first["formula"] == "Ag2HgSnSe4"
    assert float(first["p_topological"]) == 0.83
    assert first["labels"] == "arsenal=trivial; materiae=Triv_Ins; tqc=trivial"
    assert first["known"] == "strong TI (10.1038/s41586-019-0944-6)"
    assert second["band_gap"] == ""
    assert second["notes"] == 'a "quoted", remark; another\nline'
    assert not {"tokens", "lattice", "frac_coords"} & set(first)


def test_nothing_is_a_header() -> None:
    assert export([], "csv").startswith("id,run_id,rank,")
    assert export([], "json") == "[]\n"
    assert export([], "jsonl") == ""


def test_other_forms_are_refused() -> None:
    with pytest.raises(ValueError, match="choose csv, json or jsonl"):
        export(FOUND, "xlsx")
