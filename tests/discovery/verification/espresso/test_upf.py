from pathlib import Path

import pytest

from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.upf import read_upf
from tests.discovery.verification.espresso.upfs import upf_text, write_upf


def test_a_head_says_what_the_atom_is(tmp_path: Path) -> None:
    upf = read_upf(write_upf(tmp_path, "Sb.upf", "Sb", remark="a < b & c"))
    assert (upf.element, upf.z_valence, upf.functional) == ("Sb", 15.0, "PBE")
    assert upf.fully_relativistic
    assert upf.norm_conserving
    assert upf.averages
    assert [(shell.n, shell.l, shell.electrons) for shell in upf.shells] == [(4, 2, 10), (5, 0, 2), (5, 1, 3)]


def test_projectors_of_opposite_sign_do_not_average(tmp_path: Path) -> None:
    opposite = [(0, 0.5, 3.0), (1, 0.5, -0.3), (1, 1.5, 2.1)]
    assert not read_upf(write_upf(tmp_path, "Si.upf", projectors=opposite)).averages


def test_ultrasoft_files_do_not_average_either(tmp_path: Path) -> None:
    upf = read_upf(write_upf(tmp_path, "Si.upf", ultrasoft=True))
    assert not upf.norm_conserving
    assert not upf.averages


def test_scalar_relativistic_files_need_no_average(tmp_path: Path) -> None:
    upf = read_upf(write_upf(tmp_path, "Si.upf", relativistic="scalar"))
    assert upf.averages
    assert not upf.fully_relativistic


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<PP_HEADER>\n 0 Version\n</PP_HEADER>\n</UPF>", "no UPF file of version 2"),
        (upf_text().replace("</UPF>", ""), "cut off"),
        (upf_text().replace("z_valence", "z_other"), "lacks"),
        (upf_text(relativistic="partly"), "none of full, scalar, no"),
    ],
)
def test_other_files_are_refused_with_a_remedy(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "Si.upf"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StepError, match=reason) as refused:
        read_upf(path)
    assert "discover pseudos fetch" in refused.value.remedy


@pytest.mark.shared
def test_of_the_whole_set_six_cannot_be_averaged(shared: Path) -> None:
    files = sorted((shared / "pseudopotentials" / "pseudodojo-pbe-fr").glob("*.upf"))
    upfs = [read_upf(file) for file in files]
    assert len(upfs) == 68
    assert all(upf.fully_relativistic and upf.norm_conserving and upf.functional == "PBE" for upf in upfs)
    assert all(abs(sum(s.electrons for s in upf.shells) - upf.z_valence) < 2e-3 for upf in upfs)
    assert {upf.element for upf in upfs if not upf.averages} == {"Au", "Hf", "Hg", "Ir", "Os", "Re"}
