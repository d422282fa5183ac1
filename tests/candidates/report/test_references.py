"""BibTeX names what was used, and nothing else."""

import re

import pytest

from candidates.report import references
from candidates.verification import Step
from tests.candidates.report.sample_verification import make_verification
from tests.sample_records import make_candidate, make_run


def keys(text: str) -> set[str]:
    return set(re.findall(r"^@\w+\{(\w+),", text, re.M))


def test_entries_are_whole() -> None:
    assert len(references.entries()) > 15
    for key, entry in references.entries().items():
        assert entry.count("{") == entry.count("}"), key
        assert entry.endswith("\n}"), key
        assert "VERSION" not in entry
        assert "%" not in entry, key


def test_works_are_named_by_a_doi_or_an_arxiv_number_once() -> None:
    named = [re.findall(r"^  (?:doi|eprint) = \{(.+)\}", e, re.M) for e in references.entries().values()]
    own, *rest = named
    assert own == []
    assert all(len(ids) == 1 for ids in rest)
    ids = [ids[0] for ids in rest]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"10\.[0-9]{4}/[!-~]+|[0-9]{4}\.[0-9]{5}", id) for id in ids)


def test_a_candidate_cites_its_labels_and_its_database() -> None:
    assert keys(references.of_candidate(make_candidate())) == {
        "xbertdiscovery", "xbert", "indicators", "mp", "materiae", "tqc", "arsenal",
    }  # fmt: skip
    bare = make_candidate(labels={}, database="optimade:https://example.org")
    assert keys(references.of_candidate(bare)) == {"xbertdiscovery", "xbert", "indicators", "optimade"}


@pytest.mark.parametrize(("engine", "key"), [("vasp", "vasp"), ("espresso", "espresso")])
def test_a_verification_cites_its_programs(engine: str, key: str) -> None:
    steps = [
        Step(name="topology", state="done", programs={"wannier90": "3.1.0", "wt.x": "2.7", "irrep": "2.6"})
    ]
    found = keys(references.of_candidate(make_candidate(), make_verification(engine=engine, steps=steps)))
    assert {key, "pbe", "wannier90", "wanniertools", "irrep", "wilson", "surface", "seekpath"} <= found
    assert ("vasp" in found) == (engine == "vasp")


def test_a_run_cites_what_any_candidate_does() -> None:
    found = [make_candidate(1, labels={"tqc": "SM"}), make_candidate(2, labels={})]
    assert "tqc" in keys(references.of_run(make_run(), found))
    assert "arsenal" not in keys(references.of_run(make_run(), found))
