"""The details say what the record says, and link only where a link is safe."""

import pytest

from candidates.report import facts
from candidates.report.typeset import text
from tests.sample_records import make_candidate


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("trivial", "trivial"), ("Triv_Ins", "trivial"), ("TI", "topological"), ("HSL_SM", "topological"),
        ("strong TI", "topological"), ("trivial|TSM", "conflict"), ("TI|TCI", "topological"),
        ("Unknown", "unknown"), ("", "unknown"),
    ],
)  # fmt: skip
def test_label_kind(label: str, kind: str) -> None:
    assert facts.label_kind(label) == kind


@pytest.mark.parametrize(
    ("labels", "start"),
    [
        ({}, ""),
        ({"materiae": "Unknown"}, "No database has judged"),
        ({"tqc": "SM", "arsenal": "trivial"}, "The databases disagree"),
        ({"arsenal": "trivial|TI"}, "The databases disagree"),
        (
            {"tqc": "SM", "materiae": "Unknown"},
            "Every database that has judged this crystal calls it topological",
        ),
        (
            {"tqc": "trivial", "materiae": "Triv_Ins"},
            "Every database that has judged this crystal calls it trivial",
        ),
    ],
)
def test_disagreement(labels: dict[str, str], start: str) -> None:
    sentence = facts.disagreement(labels)
    assert sentence.startswith(start)
    assert bool(sentence) == bool(start)


def test_known_is_told_by_labels_or_literature() -> None:
    assert facts.is_known(make_candidate())
    assert not facts.is_known(make_candidate(known=[], labels={"tqc": "trivial", "materiae": "Unknown"}))
    assert facts.is_known(make_candidate(known=[], labels={"arsenal": "trivial|TI"}))


@pytest.mark.parametrize("crystal_id", ["mp-149", "mvc-12345"])
def test_materials_project_ids_are_linked(crystal_id: str) -> None:
    assert facts.crystal_link(crystal_id) == f"https://materialsproject.org/materials/{crystal_id}"


@pytest.mark.parametrize(
    "crystal_id", ["mp-149/../x", "mp-", "mp-1\n", "javascript:alert(1)", "xmp-1", "mp-١"]
)
def test_other_ids_are_not_linked(crystal_id: str) -> None:
    assert facts.crystal_link(crystal_id) is None


@pytest.mark.parametrize(
    ("source", "link"),
    [
        ("10.1038/nature08916", "https://doi.org/10.1038/nature08916"),
        ("Xu et al., doi:10.1126/science.aaa9297.", "https://doi.org/10.1126/science.aaa9297"),
        ("J. Alloys Compd. 10.1016/S0925-8388(02)00004-2", "https://doi.org/10.1016/S0925-8388(02)00004-2"),
        ("arXiv:1501.00060", "https://arxiv.org/abs/1501.00060"),
        ('10.1/"><script>', None),
        ("javascript:alert(1)", None),
        ("Nature 566, 486 (2019)", None),
    ],
)
def test_source_link(source: str, link: str | None) -> None:
    assert facts.source_link(source) == link


def test_eight_tokens_in_the_models_order() -> None:
    seen = facts.tokens(make_candidate())
    assert [token["name"] for token in seen] == [
        "Space group", "Point group", "Crystal system", "Laue class", "Symmetry", "Electrons", "Elements",
        "Crystal graph",
    ]  # fmt: skip
    assert seen[5]["value"] == format(720, "014b")
    assert seen[6]["value"] == [("Se", 0.5), ("Ag", 0.25), ("Hg", 0.125), ("Sn", 0.125)]


def test_tokens_that_were_not_recorded_are_said_so_and_others_are_kept() -> None:
    seen = facts.tokens(make_candidate(tokens={"volume": 12.5}))
    assert text(seen[0]["value"]) == "not recorded"
    assert seen[-1]["value"] == [("volume", [("", "12.5")], None)]


def test_words_that_the_model_was_not_told_are_said_so() -> None:
    seen = facts.tokens(make_candidate(tokens={"spacegroup": "[mask]", "point_group": "-42m"}))
    assert seen[0]["value"] == [("", "not told")]
    assert text(seen[1]["value"]) == "-42m"


def test_structure_facts() -> None:
    structure = {name: text(value) for name, value, _ in facts.sections(make_candidate())[3]["facts"]}
    assert structure["a, b, c"] == "8.420, 7.320, 6.990 Å"
    assert structure["α, β, γ"] == "90.00, 90.00, 90.00°"
    assert structure["Volume"] == f"{8.42 * 7.32 * 6.99:.2f} Å³"
    assert structure["Above the hull"] == "0.004 eV/atom"


def test_what_the_indicator_group_means() -> None:
    assert facts.indicator_sentence(make_candidate()).startswith("The indicator group is trivial")
    seen = facts.indicator_sentence(make_candidate(undiagnosable=False, indicator_group="Z2×Z4"))
    assert seen.startswith("The indicator group is not trivial")


def test_a_tolerance_that_changes_the_group_is_pointed_out() -> None:
    symmetry = facts.sections(make_candidate(spacegroup_tight=6))[0]["facts"]
    assert text(symmetry[1][1]) == "No. 6, differs"
    symmetry = facts.sections(make_candidate(spacegroup_tight=0))[0]["facts"]
    assert text(symmetry[1][1]) == "none found, differs"
