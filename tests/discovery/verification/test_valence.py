"""The valence that pseudopotentials say they hold."""

from pathlib import Path

import pytest

from discovery.verification.projections import choose
from discovery.verification.valence import PlanError, Shell, Valence, read_potcar, read_upf, valence_of_title
from tests.discovery.verification.valences import SELENIUM, TIN, potcar


def names(valence: Valence) -> list[str]:
    return [shell.name for shell in valence.shells]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "shells", "electrons"),
    [
        ("Ag-sp_r.upf", ["4s", "4p", "4d", "5s"], 19),
        ("Hg-sp_r.upf", ["5s", "5p", "5d", "6s"], 20),
        ("Sn-d_r.upf", ["4d", "5s", "5p"], 14),
        ("Se-d_r.upf", ["3d", "4s", "4p"], 16),
        ("La-sp_r.upf", ["5s", "5p", "5d", "6s"], 11),
        ("Li-s_r.upf", ["1s", "2s"], 3),
    ],
)
def test_upf(shared: Path, file: str, shells: list[str], electrons: float) -> None:
    valence = read_upf(shared / "pseudopotentials" / "pseudodojo-pbe-fr" / file)
    assert names(valence) == shells
    assert valence.n_electrons == electrons


@pytest.mark.shared
def test_every_upf_of_the_set_adds_up_to_its_charge(shared: Path) -> None:
    files = sorted((shared / "pseudopotentials" / "pseudodojo-pbe-fr").glob("*.upf"))
    assert len(files) == 68
    for file in files:
        assert read_upf(file).element == file.name.split("_")[0].split("-")[0]


def write_upf(path: Path, chi: str, z: float) -> Path:
    path.write_text(
        f'<UPF version="2.0.1">\n<PP_HEADER element="Sn" z_valence="{z}" relativistic="full" '
        f'is_ultrasoft="F" is_paw="F" functional="PBE"/>\n<PP_PSWFC>\n{chi}</PP_PSWFC>\n</UPF>\n'
    )
    return path


def test_shells_without_numbers_are_the_outermost_of_their_letter(tmp_path: Path) -> None:
    chi = "".join(
        f'<PP_CHI.{i} l="{angular}" occupation="{electrons}" label="">\n</PP_CHI.{i}>\n'
        for i, (angular, electrons) in enumerate([(2, 10.0), (0, 2.0), (1, 2.0)], start=1)
    )
    assert names(read_upf(write_upf(tmp_path / "Sn.upf", chi, 14))) == ["4d", "5s", "5p"]


def test_a_upf_whose_shells_are_not_its_charge_is_refused(tmp_path: Path) -> None:
    chi = '<PP_CHI.1 l="0" occupation="2.0" label="5S">\n</PP_CHI.1>\n'
    with pytest.raises(PlanError, match="hold 2 electrons and z_valence is 14") as caught:
        read_upf(write_upf(tmp_path / "Sn.upf", chi, 14))
    assert "PseudoDojo" in caught.value.remedy


def test_potcar(tmp_path: Path) -> None:
    path = tmp_path / "POTCAR"
    path.write_text(potcar("PAW_PBE Sn_d 06Sep2000", 14, TIN) + potcar("PAW_PBE Se 06Sep2000", 6, SELENIUM))
    tin, selenium = read_potcar(path)
    assert (tin.element, names(tin), tin.n_electrons) == ("Sn", ["4d", "5s", "5p"], 14)
    assert (selenium.element, names(selenium), selenium.source) == (
        "Se",
        ["4s", "4p"],
        "PAW_PBE Se 06Sep2000",
    )


def test_the_same_configuration_with_a_smaller_charge_is_another_valence(tmp_path: Path) -> None:
    path = tmp_path / "POTCAR"
    path.write_text(potcar("PAW_PBE Sn 08Apr2002", 4, TIN))
    assert names(read_potcar(path)[0]) == ["5s", "5p"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense\n", "no atomic configuration"),
        (potcar("PAW_PBE Sn 08Apr2002", 5, TIN), "hold 14 electrons, ZVAL is 5"),
        (
            potcar("PAW_PBE Sn 08Apr2002", 4, TIN).replace("Atomic configuration", ""),
            "no atomic configuration",
        ),
    ],
)
def test_a_potcar_that_does_not_say_it_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "POTCAR"
    path.write_text(text)
    with pytest.raises(PlanError, match=message):
        read_potcar(path)


def test_a_missing_potcar_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="POTCAR cannot be read") as caught:
        read_potcar(tmp_path / "POTCAR")
    assert "PMG_VASP_PSP_DIR" in caught.value.remedy


def test_titles_hold_the_electrons_that_pymatgen_lists_for_them() -> None:
    """Of the 54 release: every title that is read has the published ZVAL, and most elements are read."""
    from discovery.verification.engines.vasp.potentials import _electrons

    read = {}
    for title, zval in _electrons("PBE_54").items():
        try:
            read[title] = valence_of_title(title, zval).n_electrons == zval
        except PlanError:
            continue
    assert all(read.values())
    assert len(read) > 135
    assert {"La", "La_s", "Ce_3", "Nd_3", "Eu_2", "Gd_3", "Er_2", "Er_3", "Yb_2", "Yb_3", "Lu_3"} <= set(read)
    assert not {"Ce", "Eu", "Gd", "Yb", "Lu", "Th", "U", "Ac"} & set(read)
    assert {"Ag", "Hg", "Sn_d", "Se", "Bi_d", "Cu_pv", "Ba_sv", "Li_sv", "W_sv"} <= set(read)


@pytest.mark.parametrize("title", ["Er_3", "PAW_PBE La 06Sep2000", "Ga_d_GW", "H.75", "Zz", "Ga_h"])
def test_titles_that_do_not_say_it_are_refused(title: str) -> None:
    with pytest.raises(PlanError, match="does not say"):
        valence_of_title(title)


@pytest.mark.parametrize(
    ("title", "electrons", "shells"),
    [
        ("Eu_2", 8, ["5p", "6s"]),
        ("Yb_3", 9, ["5p", "5d", "6s"]),
        ("Nd_3", 11, ["5s", "5p", "5d", "6s"]),
        ("La_s", 9, ["5p", "5d", "6s"]),
    ],
)
def test_f_in_the_core(title: str, electrons: float, shells: list[str]) -> None:
    valence = valence_of_title(title, electrons)
    assert (names(valence), valence.n_electrons) == (shells, electrons)
    assert choose(valence).projected == "sd"
    assert all(shell.letter in "sp" for shell in choose(valence).deep)


@pytest.mark.parametrize(
    ("title", "electrons"), [("Gd", 18), ("U_s", 14), ("Yb_2_n", 10), ("Yb_2", 9), ("Er_3", 8), ("Ce_3", 12)]
)
def test_f_electrons_are_not_guessed(title: str, electrons: float) -> None:
    with pytest.raises(PlanError, match="does not say which") as caught:
        valence_of_title(title, electrons)
    assert "PMG_VASP_PSP_DIR" in caught.value.remedy


def test_full_titles_are_read() -> None:
    assert names(valence_of_title("PAW_PBE Sn_d 06Sep2000")) == ["4d", "5s", "5p"]


def test_a_valence_without_shells_is_refused() -> None:
    with pytest.raises(PlanError, match="empty"):
        Valence("Sn", (), "somewhere")
    with pytest.raises(PlanError, match="5s 5s"):
        Valence("Sn", (Shell(5, "s", 1), Shell(5, "s", 1)), "somewhere")
