"""Parities of VASP's WAVECAR by the real irrep, against those of the wavefunctions that were written."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from pymatgen.io.vasp.inputs import Poscar
from pymatgen.io.vasp.outputs import Wavecar

from discovery.verification.engines import StepError
from discovery.verification.engines.vasp.parities import irrep_arguments, read_parities
from discovery.verification.meshes import TRIMS
from tests.discovery.verification.vasp.wavecar import odd_pairs, silicon, write_wavecar

IRREP = Path(sys.executable).with_name("irrep").is_file() or shutil.which("irrep")
needs_irrep = pytest.mark.skipif(not IRREP, reason="needs irrep (the extra `parities`)")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    structure = silicon()
    Poscar(structure).write_file(str(tmp_path / "POSCAR"))
    write_wavecar(tmp_path / "WAVECAR", structure, TRIMS, 4)
    return tmp_path


def test_the_file_is_one_of_vasps(place: Path) -> None:
    """pymatgen, which knows the format from VASP, finds the same plane waves."""
    read = Wavecar(str(place / "WAVECAR"), vasp_type="ncl")
    assert (read.nk, read.nb) == (8, 16)
    np.testing.assert_allclose(read.kpoints, TRIMS)
    # Silicon's valence is 12 to 13 eV wide, and Γ25' lies at its top.
    bands = np.array(read.band_energy)[0, :, 0]
    assert bands[6] == pytest.approx(bands[7])
    assert 12 < bands[7] - bands[0] < 13
    np.testing.assert_allclose([np.vdot(c, c).real for c in np.array(read.coeffs[0][3]).reshape(2, -1)],
                               [0.0, 1.0], atol=1e-5)  # fmt: skip


@needs_irrep
def test_irrep_counts_the_parities_of_silicon(place: Path) -> None:
    found = read_parities(place, 8.0, range(1, 9))
    structure = silicon()
    expected = {tuple(int(2 * x) for x in k): odd_pairs(structure, k, 4) for k in TRIMS}
    assert found.odd_pairs == expected
    assert len(set(expected.values())) > 1
    assert found.nu == (0, 0, 0, 0)
    assert "Z2 invariant" in (place / "irrep.log").read_text()


@needs_irrep
def test_trims_behind_other_points(place: Path) -> None:
    """In the check with another functional they follow the mesh, without weight."""
    structure = silicon()
    mesh = np.array([[0.25, 0.0, 0.0], [0.25, 0.25, 0.0]])
    write_wavecar(place / "WAVECAR", structure, np.vstack([mesh, TRIMS]), 4)
    assert read_parities(place, 8.0, range(3, 11)).nu == (0, 0, 0, 0)


@needs_irrep
def test_a_file_that_is_none(place: Path) -> None:
    (place / "WAVECAR").write_bytes(b"no spinors")
    with pytest.raises(StepError, match="irrep ended with"):
        read_parities(place, 8.0, range(1, 9))


def test_an_odd_number_of_electrons() -> None:
    with pytest.raises(StepError, match="7 electrons fill no whole number"):
        irrep_arguments(7, range(1, 9))


def test_no_wavecar(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="WAVECAR is missing"):
        read_parities(tmp_path, 8.0, range(1, 9))


def test_no_irrep(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(StepError, match="irrep is not installed") as caught:
        read_parities(place, 8.0, range(1, 9))
    assert "pip install" in caught.value.remedy
