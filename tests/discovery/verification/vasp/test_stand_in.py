"""The engine with the stand-in for VASP, step by step: plumbing, not physics."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Incar

from dft_templates.presets import Preset, load_preset
from discovery.verification.engines import StepError, make_engine
from discovery.verification.engines.vasp import VaspEngine, custody
from discovery.verification.options import Options
from tests.discovery.topology.models import fu_kane_mele_indices
from tests.discovery.verification.vasp.running import Runner
from tests.discovery.verification.vasp.stand_in import LEVEL
from tests.discovery.verification.vasp.test_parities import needs_irrep
from tests.discovery.verification.vasp.writers import EXCHANGE

Machine = Callable[..., None]


@pytest.fixture
def runner(tmp_path: Path, crystal: Structure, preset: Preset, machine: Machine) -> Runner:
    return Runner(tmp_path / "run", crystal, preset, Options(check="hse06"))


def test_the_name_makes_the_engine() -> None:
    assert isinstance(make_engine("vasp"), VaspEngine)


def test_relaxation(runner: Runner) -> None:
    found = runner.run("relax")
    assert found.structure is not None
    assert found.structure.volume == pytest.approx(runner.structure.volume * 1.004**3)
    assert found.numbers == {
        "energy (eV)": -10.0,
        "largest force (eV/Å)": pytest.approx(0.001 * 3**0.5),
    }
    assert found.seconds == 2.0
    assert found.memory_mb == pytest.approx(123.456)
    assert "plumbing" in found.stand_in
    assert found.programs["VASP"].startswith("6.4.3")


def test_bands_without_and_with_coupling(runner: Runner) -> None:
    for static, bands, spin_orbit in (("static", "bands", False), ("static_soc", "bands_soc", True)):
        runner.run(static)
        found = runner.run(bands)
        states = found.eigenvalues
        assert states is not None
        assert (states.spin_orbit, states.n_electrons) == (spin_orbit, 2.0)
        assert states.n_filled == (2 if spin_orbit else 1)
        assert (states.weights == 0).all()
        # The stand-in's Fermi energy lies inside the valence band; the gap does not come from it.
        assert states.fermi < states.highest_filled
        assert states.highest_filled < LEVEL < states.lowest_empty
        assert states.occupations.max() == 1.0
        assert found.functional == "PBE"
        assert set(found.orbital_weights) == {"Li s", "H s"}
        for weights in found.orbital_weights.values():
            assert weights.shape == states.energies.shape
            np.testing.assert_allclose(weights, 0.4)


def test_nothing_licensed_stays(runner: Runner) -> None:
    place = runner.start("static")
    assert (place / "POTCAR.spec").is_file()
    assert {file.name for file in place.glob("POTCAR*")} == {"POTCAR.spec"}


def test_check_reads_its_path(runner: Runner) -> None:
    runner.run("static_soc")
    found = runner.run("check")
    assert found.functional == "HSE06"
    assert found.eigenvalues is not None
    assert len(found.eigenvalues.kpoints) > 20
    assert found.eigenvalues.spin_orbit


@needs_irrep
@pytest.mark.parametrize("strong", [True, False])
def test_parities_of_the_model_by_the_real_irrep(
    strong: bool, diamond: Structure, preset: Preset, machine: Machine, tmp_path: Path
) -> None:
    machine(inverted=strong)
    runner = Runner(tmp_path / "run", diamond, preset, Options(check="mbj"))
    runner.run("static_soc")
    expected = fu_kane_mele_indices((1.4 if strong else 8.0, 1.0, 1.0, 1.0))
    found = runner.run("parities").parities
    assert found is not None
    assert (found.nu, found.nu[0]) == (expected, int(strong))
    check = runner.run("check")  # there the TRIMs follow a mesh
    assert check.functional == "mBJ"
    assert check.parities is not None
    assert check.parities.odd_pairs == found.odd_pairs


def test_a_magnetic_start(crystal: Structure, preset: Preset, machine: Machine, tmp_path: Path) -> None:
    """ISPIN = 2 from moments along z without coupling, from vectors with it."""
    runner = Runner(tmp_path / "run", crystal, preset, Options(magnetic=True))
    incar = Incar.from_file(runner.write("static") / "INCAR")
    assert incar["ISPIN"] == 2
    assert len(incar["MAGMOM"]) == len(crystal)
    found = runner.run("static")
    bands = found.eigenvalues
    assert bands is not None
    assert bands.spin_polarised
    assert (bands.energies.shape[1], bands.n_filled) == (2 * incar["NBANDS"], 2)
    # Half of the exchange up, half down; sorted together.
    assert bands.energies[0, 1] - bands.energies[0, 0] == pytest.approx(EXCHANGE, abs=1e-5)
    assert found.magnetisation == pytest.approx(0.0, abs=1e-6)
    assert runner.run("bands").eigenvalues is not None
    soc = Incar.from_file(runner.write("static_soc") / "INCAR")
    assert "ISPIN" not in soc
    assert np.shape(soc["MAGMOM"]) == (len(crystal), 3)
    assert runner.run("static_soc").magnetisation is not None


@pytest.mark.skipif(not shutil.which("wannier90.x"), reason="needs wannier90.x")
@pytest.mark.parametrize("version", [5, 6])
def test_overlaps_for_wannier90(version: int, runner: Runner) -> None:
    runner.preset = load_preset(
        "fast",
        {
            "vasp.version": version,
            "vasp.potcars.Li": "Li",
            "vasp.k_spacing": 0.9,
            "wannier.k_spacing": 0.9,
        },
    )
    runner.run("static_soc")
    place = runner.write("wannier_input")
    incar = (place / "INCAR").read_text()
    if version == 6:
        assert not (place / "wannier90.win").exists()
        assert "NUM_WANN = 4" in incar
        quoted = re.search(r'WANNIER90_WIN = "([^"]+)"', incar)
        assert quoted
        assert quoted[1].count(":l=0") == 2
        (place / "wannier90.win").write_text("begin kpoints\n0 0 0\nend kpoints\n")  # of an earlier run
    else:
        assert "NUM_WANN" not in incar
        assert "WANNIER90_WIN" not in incar
        win = (place / "wannier90.win").read_text()
        assert "num_wann = 4" in win
        assert "kpoints" not in win
        assert "unit_cell" not in win
    found = runner.run("wannier_input")
    plan = found.wannier_plan
    assert plan is not None
    assert plan.package == ("VASP6" if version == 6 else "VASP")
    assert (plan.num_wann, plan.n_occupied, plan.n_excluded) == (4, 2, 0)
    assert set(found.wannier_files) == {"mmn", "amn", "eig", "win"}
    assert found.eigenvalues is not None
    assert len(found.eigenvalues.kpoints) == np.prod(plan.mesh)
    assert plan.n_bands == found.eigenvalues.energies.shape[1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [("cut", "cut off or damaged"), ("crash", r"vasprun.xml is missing.*a fault of the program")],
)
def test_what_goes_wrong_in_vasp_is_told(fault: str, words: str, runner: Runner, machine: Machine) -> None:
    machine(**{fault: "static"})
    with pytest.raises(StepError, match=words) as caught:
        runner.run("static")
    assert caught.value.remedy
    assert not (runner.places["static"] / "POTCAR").exists()


@pytest.mark.slow
def test_custodian_tries_before_it_gives_up(runner: Runner, machine: Machine) -> None:
    machine(unconverged="static")
    with pytest.raises(StepError, match="did not converge within NELM = 200") as caught:
        runner.run("static")
    assert "INCAR.ALGO=All" in caught.value.remedy
    log = json.loads((runner.places["static"] / "custodian.json").read_text())
    corrections = [correction["errors"] for job in log for correction in job["corrections"]]
    assert ["Unconverged"] in corrections


def test_a_relaxation_may_not_end_early(runner: Runner) -> None:
    place = runner.start("relax")
    text = (place / "vasprun.xml").read_text().replace('name="NSW">99<', 'name="NSW">2<')
    block = text[text.index("<calculation>") : text.index("</calculation>") + len("</calculation>")]
    (place / "vasprun.xml").write_text(text.replace(block, 2 * block))
    with pytest.raises(StepError, match=r"0\.002 eV/Å are left after 2 steps"):
        runner.engine.parse("relax", place)


def test_a_collinear_density_is_refused_for_spin_orbit_bands(runner: Runner) -> None:
    runner.start("static")
    runner.write("bands_soc")
    runner.places["static_soc"] = runner.places["static"]
    with pytest.raises(StepError, match="was made without"):
        runner.start("bands_soc")


def test_no_density_no_bands(runner: Runner) -> None:
    runner.write("static")
    with pytest.raises(StepError, match="there is no CHGCAR"):
        runner.start("bands")


def test_a_density_of_another_crystal_is_refused(runner: Runner) -> None:
    runner.start("static")
    runner.structure = runner.structure.copy()
    runner.structure.apply_strain(0.01)
    with pytest.raises(StepError, match="belongs to another crystal"):
        runner.start("bands")


def test_a_machine_without_potcars(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    from pymatgen.core import SETTINGS

    place = runner.write("static")
    monkeypatch.setitem(SETTINGS, "PMG_VASP_PSP_DIR", None)
    with pytest.raises(StepError, match="no POTCAR library") as caught:
        runner.start("static")
    assert "PMG_VASP_PSP_DIR" in caught.value.remedy
    assert not (place / "POTCAR").exists()


def test_potcars_of_other_electrons_are_refused(runner: Runner) -> None:
    place = runner.write("static")
    record = json.loads((place / "vasp_step.json").read_text())
    (place / "vasp_step.json").write_text(json.dumps(record | {"n_electrons": 4.0}))
    with pytest.raises(StepError, match="hold 2 electrons and the inputs were made for 4"):
        runner.start("static")


def test_a_machine_without_vasp(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    runner.write("static_soc")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StepError, match="vasp_ncl is not on this machine") as caught:
        runner.start("static_soc")
    assert "ATOMATE2_VASP_NCL_CMD" in caught.value.remedy


def test_spin_orbit_steps_start_the_non_collinear_program(machine: Machine) -> None:
    assert custody.command(spin_orbit=True) == "vasp_ncl"
    assert custody.command(spin_orbit=False) == "vasp_std"
    kwargs = custody.run_vasp_kwargs(spin_orbit=True, reads_density=False)
    # custodian's Γ-only check would start vasp_gam, which knows no spin–orbit coupling.
    assert kwargs["vasp_cmd"] == kwargs["vasp_gamma_cmd"] == "vasp_ncl"
    assert kwargs["vasp_job_kwargs"] == {"auto_gamma": False}


def test_several_ranks_need_a_launcher(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    from atomate2 import SETTINGS

    monkeypatch.setattr(SETTINGS, "VASP_NCL_CMD", "env vasp_ncl")
    assert custody.command(spin_orbit=True, ranks=4) == "env vasp_ncl"  # the user's own launcher stays
    monkeypatch.setattr(SETTINGS, "VASP_NCL_CMD", "vasp_ncl")
    if shutil.which("mpirun"):
        assert custody.command(spin_orbit=True, ranks=4) == "mpirun -np 4 vasp_ncl"


def test_no_handler_touches_a_density_that_is_read() -> None:
    from custodian.vasp.handlers import NonConvergingErrorHandler, VaspErrorHandler

    kept = custody.handlers(reads_density=True)
    caught = [set(one.errors_subset_to_catch) for one in kept if isinstance(one, VaspErrorHandler)]
    assert len(caught) == 1
    assert not caught[0] & custody.DELETES_DENSITY
    assert "too_few_bands" in caught[0]
    assert not any(isinstance(one, NonConvergingErrorHandler) for one in kept)  # it sets ICHARG = 2
    # An INCAR with WANNIER90_WIN does not survive pymatgen: nothing may rewrite it.
    assert custody.handlers(reads_density=True, rewrites_incar=False) == ()


def test_handlers_are_new_for_every_run() -> None:
    first, second = (custody.handlers(reads_density=False) for _ in range(2))
    assert len(first) == len(second) > 8
    assert not {id(one) for one in first} & {id(one) for one in second}


def test_pymatgen_still_drops_the_quotes_of_wannier90_win() -> None:
    """Why no handler runs over that step; if this fails, handlers may."""
    from pymatgen.io.vasp.inputs import Incar

    text = 'WANNIER90_WIN = "\nbegin projections\nf=0,0,0:l=0\nend projections\n"\nNUM_WANN = 2\n'
    assert '"' not in str(Incar.from_str(text))
