"""What the literature knows, and how a crystal is matched to it."""

import csv
import subprocess
import sys

import pytest

from candidates import known

CLASSES = {"strong TI", "weak TI", "TCI", "Weyl", "Dirac", "nodal line", "TSM"}
UNDIAGNOSABLE = {
    *(1, *range(3, 10), *range(16, 47), *range(75, 81), *range(89, 111), *range(143, 147)),
    *(*range(149, 162), *range(168, 174), *range(177, 187), *range(195, 200), *range(207, 215)),
}


@pytest.mark.parametrize(
    ("formula", "key"),
    [
        ("Bi2Se3", "Bi2 Se3"),
        ("Se6Bi4", "Bi2 Se3"),
        ("Cu2(SnTe3)", "Cu2 Sn1 Te3"),
        ("Ta(Se4)2", "Se8 Ta1"),
        ("Ca3(PO4)2", "Ca3 O8 P2"),
        ("Bi0.5Sb0.5", "Bi1 Sb1"),
        ("Fe1.5O2", "Fe3 O4"),
        (" CoSi ", "Co1 Si1"),
        ("Te", "Te1"),
    ],
)
def test_formula_key(formula: str, key: str) -> None:
    assert known.formula_key(formula) == key


@pytest.mark.parametrize("text", ["", "2Bi", "bi2", "Bi2Se3)", "(Bi2", "Bi-Se", "Bi23.4.5", "((2))", "Bi0"])
def test_formula_key_refuses(text: str) -> None:
    with pytest.raises(ValueError, match="not a chemical formula"):
        known.formula_key(text)


def test_formula_key_agrees_with_pymatgen() -> None:
    from pymatgen.core import Composition

    for claim in known.claims():
        reduced = Composition(claim.formula).reduced_formula
        assert known.formula_key(reduced) == known.formula_key(claim.formula)


@pytest.mark.parametrize(
    ("formula", "spacegroup", "topology"),
    [
        ("Bi2Te3", 166, "strong TI"),
        ("AsTa", 109, "Weyl"),
        ("Te2W", 31, "Weyl"),
        ("PtBiY", 216, "TSM"),
        ("CuTlSe2", 122, "strong TI"),
        ("SiCo", 198, "TSM"),
        ("SnTe", 225, "TCI"),
        ("Na3Bi", 194, "Dirac"),
        ("BiI", 12, "weak TI"),
        ("SiZrS", 129, "nodal line"),
        ("BiTeI", 156, "strong TI"),
    ],
)
def test_find(formula: str, spacegroup: int, topology: str) -> None:
    assert topology in {claim.topology for claim in known.find(formula, spacegroup)}


def test_find_needs_the_space_group() -> None:
    assert known.find("SnTe", 225)
    assert known.find("SnTe", 62) == []
    assert known.find("NaCl", 225) == []


def test_the_papers_eleven_are_kept_apart() -> None:
    reported = [claim for claim in known.claims() if claim.reported_by_paper]
    assert len(reported) == 11
    assert all("arXiv:2405.18944" in claim.source for claim in reported)
    for claim in reported:
        assert known.find(claim.formula, claim.spacegroup) == []
        assert known.find(claim.formula, claim.spacegroup, include_paper=True) == [claim]


def test_claims_are_many_and_reach_where_symmetry_is_blind() -> None:
    claims = [claim for claim in known.claims() if not claim.reported_by_paper]
    crystals = {(known.formula_key(claim.formula), claim.spacegroup) for claim in claims}
    assert len(crystals) >= 150
    assert len({crystal for crystal in crystals if crystal[1] in UNDIAGNOSABLE}) >= 40
    assert {claim.topology for claim in claims} == CLASSES
    assert all(1 <= claim.spacegroup <= 230 for claim in claims)


def test_every_source_is_used_and_nothing_is_said_twice() -> None:
    with (known.FOLDER / "known_sources.csv").open(newline="", encoding="utf-8") as file:
        citations = {row["citation"] for row in csv.DictReader(file)}
    assert {claim.source for claim in known.claims()} == citations
    said = [(known.formula_key(c.formula), c.spacegroup, c.source) for c in known.claims()]
    assert len(set(said)) == len(said)


def test_starter_and_known_do_not_contradict() -> None:
    from discovery.databases.starter import load

    table = load()
    columns = table.arrow.select(["formula", "spacegroup_database", "topology", "source"]).to_pylist()
    for row in columns:
        claims = known.find(row["formula"], row["spacegroup_database"], include_paper=True)
        ambient = {c.topology for c in claims if not c.note}
        if row["topology"] == "trivial":
            assert ambient == set(), row
        elif ambient and row["topology"] != "unknown":
            assert row["topology"] in {c.topology for c in claims}, row


def test_import_is_light() -> None:
    code = (
        "import sys; from candidates import known; known.find('Bi2Se3', 166);"
        "print([m for m in ('pymatgen', 'numpy', 'pydantic', 'sqlalchemy', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
