from pathlib import Path

import numpy as np
import pytest

from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.inputs import SAVE
from discovery.verification.engines.espresso.parse import HARTREE, read_pw

SILICON = Path(__file__).with_name("files") / "silicon-scf.xml"
"""Written by pw.x 6.7 for silicon on a 2 × 2 × 2 mesh at 16 Ry, input and symmetries cut out."""


def put(tmp_path: Path, text: str) -> Path:
    place = tmp_path / SAVE
    place.mkdir(parents=True)
    (place / "data-file-schema.xml").write_text(text, encoding="utf-8")
    return tmp_path


def text() -> str:
    return SILICON.read_text(encoding="utf-8")


def test_states_of_silicon(tmp_path: Path) -> None:
    bands = read_pw(put(tmp_path, text())).eigenvalues()
    assert bands.energies.shape == (3, 10)
    assert bands.spin_orbit
    assert bands.n_electrons == bands.n_filled == 8
    assert bands.weights == pytest.approx(np.array([1, 4, 3]) / 8)
    assert np.abs(bands.kpoints[0]).max() == 0
    # Γ, L and X in the reciprocal vectors of the cell, as pw.x chose them among their stars
    assert sorted(map(tuple, np.abs(bands.kpoints))) == [(0, 0, 0), (0, 0, 0.5), (0, 0.5, 0.5)]
    assert (bands.weights @ bands.occupations).sum() == pytest.approx(8, abs=1e-6)
    assert bands.energies[:, 0:8:2] == pytest.approx(bands.energies[:, 1:8:2], abs=1e-4)  # Kramers
    assert 2 < bands.direct_gap < 3
    # the splitting of the valence band at Γ, 44 meV by experiment
    assert bands.energies[0, 7] - bands.energies[0, 2] == pytest.approx(0.048, abs=0.005)


def test_facts_of_the_run(tmp_path: Path) -> None:
    found = read_pw(put(tmp_path, text()))
    assert found.version == "6.7MaX"
    assert found.functional == "PBE"
    assert found.converged
    assert found.scf_steps == 7
    assert found.magnetisation is None
    assert found.largest_force is None
    assert found.energy / HARTREE == pytest.approx(-8.3644, abs=1e-4)


def test_the_structure_comes_back(tmp_path: Path) -> None:
    structure = read_pw(put(tmp_path, text())).structure()
    assert structure.lattice.abc == pytest.approx([2.715 * 2**0.5] * 3, abs=1e-6)
    assert structure.formula == "Si2"
    assert structure.frac_coords % 1 == pytest.approx(np.array([[0.125] * 3, [0.875] * 3]), abs=1e-6)


def test_a_path_has_no_weights_and_the_fermi_energy_of_its_density(tmp_path: Path) -> None:
    bands = read_pw(put(tmp_path, text())).eigenvalues(fermi=6.0, on_path=True)
    assert bands.fermi == 6.0
    assert not bands.weights.any()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t[: len(t) // 2], "cut off or damaged"),
        (lambda t: "", "cut off or damaged"),
        (lambda t: t.replace("<output>", "<other>").replace("</output>", "</other>"), "no results"),
    ],
)
def test_files_that_were_cut_off(tmp_path: Path, change: object, reason: str) -> None:
    with pytest.raises(StepError, match=reason) as refused:
        read_pw(put(tmp_path, change(text())))  # type: ignore[operator]
    assert "again" in refused.value.remedy


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="No such file"):
        read_pw(tmp_path)


def test_energies_that_are_no_numbers(tmp_path: Path) -> None:
    place = put(tmp_path, text())
    xml = place / SAVE / "data-file-schema.xml"
    head, tag, rest = xml.read_text(encoding="utf-8").partition('<eigenvalues size="10">')
    assert tag
    first, _, others = rest.strip().partition(" ")
    xml.write_text(f"{head}{tag}NaN {others}", encoding="utf-8")
    with pytest.raises(StepError, match="not finite") as refused:
        read_pw(place).eigenvalues()
    assert "average over j" in refused.value.remedy
    xml.write_text(f"{head}{tag}{first}**** {others}", encoding="utf-8")
    with pytest.raises(StepError, match="no number"):
        read_pw(place).eigenvalues()


def test_a_run_without_bands(tmp_path: Path) -> None:
    import re

    bare = re.sub(r"<ks_energies>.*</ks_energies>", "", text(), flags=re.DOTALL)
    with pytest.raises(StepError, match="no bands"):
        read_pw(put(tmp_path, bare)).eigenvalues()
