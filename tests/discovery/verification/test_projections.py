"""Which shells become Wannier functions."""

from pathlib import Path

import pytest

from dft_templates.presets import load_preset, parse_overrides
from discovery.verification.projections import choices, choose, level_ev, overridden
from discovery.verification.valence import PlanError, Shell, Valence, read_upf, valence_of_title


@pytest.mark.parametrize(
    ("title", "projected", "deep"),
    [
        ("Ag", "sd", []),
        ("Hg", "spd", []),
        ("Sn_d", "sp", ["4d"]),
        ("Sn", "sp", []),
        ("Se", "sp", []),
        ("Bi_d", "sp", ["5d"]),
        ("Ga_d", "sp", ["3d"]),
        ("Cu_pv", "sd", ["3p"]),
        ("Ti_sv", "sd", ["3s", "3p"]),
        ("Pd", "sd", []),
        ("Ba_sv", "sd", ["5s", "5p"]),
        ("K_sv", "s", ["3s", "3p"]),
        ("Mg", "sp", []),
        ("Mg_pv", "sp", ["2p"]),
        ("H", "s", []),
        ("O", "sp", []),
    ],
)
def test_shells_of_an_element(title: str, projected: str, deep: list[str]) -> None:
    choice = choose(valence_of_title(title))
    assert choice.projected == projected
    assert [shell.name for shell in choice.deep] == deep
    assert all(choice.reasons[name].startswith("filled and deep") for name in deep)


def test_open_f_shells_are_projected_and_filled_ones_are_deep() -> None:
    cerium = Valence(
        "Ce", (Shell(4, "f", 1), Shell(5, "s", 2), Shell(5, "p", 6), Shell(5, "d", 1), Shell(6, "s", 2)), ""
    )
    assert choose(cerium).projected == "sdf"
    assert choose(cerium).reasons["4f"] == "open (1 of 14 electrons)"
    tungsten = Valence("W", (Shell(4, "f", 14), Shell(5, "d", 4), Shell(6, "s", 2)), "")
    assert choose(tungsten).projected == "sd"
    assert [shell.name for shell in choose(tungsten).deep] == ["4f"]


@pytest.mark.shared
def test_every_element_of_the_set_gets_its_open_shells(shared: Path) -> None:
    for file in (shared / "pseudopotentials" / "pseudodojo-pbe-fr").glob("*.upf"):
        choice = choose(read_upf(file))
        for shell in choice.shells:
            assert shell.filled or shell.letter in choice.projected
        # A letter that is projected twice would leave WannierTools two shells of one name.
        assert len(set(choice.projected)) == len(choice.projected)


@pytest.mark.parametrize("letters", ["s,p,d", "spd", ["d", "s", "p"], "s p d"])
def test_the_user_decides(letters: str | list[str]) -> None:
    choice = overridden(valence_of_title("Sn_d"), letters)
    assert (choice.projected, choice.deep, choice.source) == ("spd", (), "user")


def test_filled_shells_that_the_user_leaves_out_are_deep() -> None:
    choice = overridden(valence_of_title("Bi_d"), "p")
    assert choice.projected == "p"
    assert [shell.name for shell in choice.deep] == ["5d", "6s"]


@pytest.mark.shared
def test_of_two_shells_of_a_letter_the_user_means_the_outer(shared: Path) -> None:
    silver = read_upf(shared / "pseudopotentials" / "pseudodojo-pbe-fr" / "Ag-sp_r.upf")
    assert [shell.name for shell in overridden(silver, "s,d").deep] == ["4s", "4p"]


@pytest.mark.parametrize(
    ("letters", "message"),
    [("", "names no shells"), ("x", "names no shells"), ("s", "leave out 5p, which Sn_d fills with 2 of 6")],
)
def test_choices_that_cannot_be_are_refused(letters: str, message: str) -> None:
    with pytest.raises(PlanError, match=message) as caught:
        overridden(valence_of_title("Sn_d"), letters)
    assert caught.value.remedy


def test_shells_for_what_is_no_element_are_refused_and_those_of_other_crystals_ignored() -> None:
    with pytest.raises(PlanError, match="projections for Agg: no such element"):
        choices([valence_of_title("Sn_d")], {"Agg": "s,d"})
    assert choices([valence_of_title("Sn_d")], {"Ag": "s,d"})["Sn"].projected == "sp"


def test_the_preset_takes_them_from_the_command_line() -> None:
    preset = load_preset(
        "fast", parse_overrides(["wannier.projections.Sn=s,p,d", "wannier.projections.Ag=sd"])
    )
    assert preset.wannier.projections == {"Sn": "s,p,d", "Ag": "sd"}
    found = choices([valence_of_title("Sn_d")], preset.wannier.projections)
    assert found["Sn"].projected == "spd"


def test_levels_order_deep_shells() -> None:
    levels = [
        level_ev("Se", Shell(3, "d", 10)),
        level_ev("Sn", Shell(4, "d", 10)),
        level_ev("Ga", Shell(3, "d", 10)),
    ]
    assert levels == sorted(levels)
    assert -70 < levels[0] < -50
    assert -30 < levels[1] < -20
