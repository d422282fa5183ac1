"""LDA+U: what is written, what is refused, and what it does to the d shell of Zn in a real run."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from ase.io.espresso import read_fortran_namelist
from pymatgen.core import Lattice, Structure

from discovery.settings import get_settings
from discovery.verification.engines import StepError, StepOutput, make_engine
from discovery.verification.engines.espresso import hubbard, runs
from discovery.verification.engines.espresso.reading import read_step
from discovery.verification.engines.espresso.upf import read_upf
from discovery.verification.options import Options
from tests.discovery.verification.espresso.conftest import require_programs, require_pseudos
from tests.discovery.verification.espresso.test_engine import coarse, write
from tests.discovery.verification.espresso.test_parse import put, text
from tests.discovery.verification.espresso.upfs import upf_text, write_upf

COPPER = Structure(Lattice(1.8 * (1 - np.eye(3))), ["Cu"], [[0, 0, 0]])
BLENDE = Structure(Lattice(2.705 * (1 - np.eye(3))), ["Zn", "S"], [[0, 0, 0], [0.25] * 3])


def test_spinors_take_the_other_kind_which_is_the_same_functional() -> None:
    assert hubbard.variables(["S", "Cu"], {"Cu": 4.0}, True, "scf") == {
        "lda_plus_u": True,
        "lda_plus_u_kind": 1,
        "U_projection_type": "atomic",
        "Hubbard_U(2)": 4.0,
    }
    assert hubbard.variables(["Cu"], {"Cu": 4.0}, False, "vc-relax")["lda_plus_u_kind"] == 0
    assert hubbard.variables(["S"], {"Cu": 4.0}, True, "scf") == {}
    assert hubbard.variables(["Cu"], {"Cu": 0.0}, True, "scf") == {}
    with pytest.raises(StepError, match="no forces for"):
        hubbard.variables(["Cu"], {"Cu": 4.0}, True, "vc-relax")


@pytest.mark.parametrize(("element", "u", "reason"), [("Si", 2.0, "no [+]U"), ("Cu", -1.0, "negative")])
def test_what_has_no_u(element: str, u: float, reason: str) -> None:
    with pytest.raises(StepError, match=reason) as refused:
        hubbard.variables([element], {element: u}, True, "scf")
    assert refused.value.remedy


def test_a_pseudopotential_without_the_shell_is_refused(tmp_path: Path) -> None:
    upf = read_upf(write_upf(tmp_path, "Cu.upf", "Cu"))
    hubbard.require_shells({"Cu": upf}, {"Cu": 4.0})
    bare = tmp_path / "bare.upf"
    bare.write_text(upf_text("Cu").replace('l="2"', 'l="1"'))
    with pytest.raises(StepError, match=r"bare\.upf holds no d wavefunction"):
        hubbard.require_shells({"Cu": read_upf(bare)}, {"Cu": 4.0})


def test_electrons_of_a_shell_are_said_where_pw_looks() -> None:
    upf = upf_text("Cu")
    found = hubbard.completed(upf)
    assert '<PP_RELWFC.1 index="1"  lchi="2" jchi="2.5" nn="1" oc="6.0" els="3D"/>' in found
    assert '<PP_RELWFC.3 index="3"  lchi="0" jchi="0.5" nn="1" oc="1.0" els="4S"/>' in found
    kept = [line for line in found.splitlines() if "PP_RELWFC" not in line]
    assert kept == [line for line in upf.splitlines() if "PP_RELWFC" not in line]
    assert hubbard.completed(found) == found


def test_the_step_gets_pseudopotentials_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_upf(tmp_path / "upf", "Cu-sp_r.upf", "Cu")
    monkeypatch.setenv("DISCOVER_PSEUDO_DIR", str(tmp_path / "upf"))
    get_settings.cache_clear()
    directory = write("static_soc", COPPER, tmp_path / "u", options=Options(hubbard={"Cu": 4.0}))
    assert 'oc="6.0"' in (directory / hubbard.FOLDER / "Cu-sp_r.upf").read_text()
    assert "ESPRESSO_PSEUDO=./pseudo" in (directory / "run.sh").read_text()
    system = read_fortran_namelist(StringIO((directory / "pw.in").read_text()))[0]["system"]
    assert system["hubbard_u(1)"] == 4.0
    without = write("static_soc", COPPER, tmp_path / "no")
    assert not (without / hubbard.FOLDER).exists()


def test_a_program_that_leaves_out_the_u_is_found_out(tmp_path: Path) -> None:
    place = put(tmp_path, text())
    runs.write_facts(place, {"cutoff (Ry)": 16.0})
    (place / "programs.json").write_text(
        '{"programs": [{"program": "pw.x", "code": 0, "seconds": 1, "cpu_seconds": 1, "memory_mb": 1}]}'
    )
    assert read_step("static_soc", place).functional == "PBE"
    (place / hubbard.FOLDER).mkdir()
    with pytest.raises(StepError, match=r"pw.x 6.7\S* did not take the [+]U") as refused:
        read_step("static_soc", place)
    assert "7.0" in refused.value.remedy


def deep(output: StepOutput) -> float:
    """Return how far the ten d states of Zn lie below the top of the valence band at Γ, eV."""
    bands = output.eigenvalues
    assert bands is not None
    states = np.repeat(bands.energies[0], 1 if bands.spin_orbit else 2)
    top = states[26 - 1]
    # 3s 3p of Zn and 3s of S lie below: ten states.
    return float(top - states[10:20].mean())


@pytest.mark.slow
def test_it_lowers_a_filled_d_shell_by_half_of_u(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_programs("pw.x", "projwfc.x")
    require_pseudos("Zn-sp_r.upf", monkeypatch)
    engine, preset = make_engine("espresso"), coarse(**{"SYSTEM.ecutwfc": 30, "ELECTRONS.conv_thr": 1e-9})
    found: dict[tuple[str, float], StepOutput] = {}
    for u in (0.0, 4.0):
        options = Options(hubbard={"Zn": u})
        for step in ("static", "static_soc"):
            directory = write(step, BLENDE, tmp_path / f"{step}{u:g}", preset=preset, options=options)
            engine.run(step, directory, {}, options)
            found[step, u] = engine.parse(step, directory)
    assert found["static_soc", 4.0].functional == "PBE+U"
    assert found["static_soc", 0.0].functional == "PBE"
    for step in ("static", "static_soc"):
        # V = U (1/2 - n) of a filled shell: half of U, less what hybridisation takes.
        assert 1.2 < deep(found[step, 4.0]) - deep(found[step, 0.0]) < 2.1
    bands = found["static_soc", 4.0].eigenvalues
    assert bands is not None
    np.testing.assert_allclose(bands.energies[0, 0::2], bands.energies[0, 1::2], atol=1e-3)  # Kramers at Γ
    # The density with +U goes on to steps that read it.
    options, previous = Options(hubbard={"Zn": 4.0}), {"static_soc": tmp_path / "static_soc4"}
    path = write("bands_soc", BLENDE, tmp_path / "bands_soc", previous, preset=preset, options=options)
    engine.run("bands_soc", path, previous, options)
    on_path = engine.parse("bands_soc", path)
    assert on_path.eigenvalues is not None
    gamma = int(np.argmin(np.linalg.norm(on_path.eigenvalues.kpoints, axis=1)))
    np.testing.assert_allclose(on_path.eigenvalues.energies[gamma, :26], bands.energies[0, :26], atol=2e-3)
    assert on_path.orbital_weights["Zn d"][gamma, 10:20].mean() > 0.5
