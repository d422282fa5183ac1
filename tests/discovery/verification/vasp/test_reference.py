"""The set of inputs that is kept as files, what other validators say of it, and the page that shows it."""

import json
import re
import shutil
from pathlib import Path

import pytest
from pymatgen.core import Structure
from pymatgen.io.vasp.inputs import Incar, Poscar

from dft_templates.presets import load_preset
from discovery.verification.engines import StepError
from discovery.verification.engines.vasp import planning
from discovery.verification.engines.vasp.inputs import generator_of
from discovery.verification.engines.vasp.potentials import choose_potentials
from discovery.verification.options import Options
from discovery.verification.valence import PlanError
from tests.discovery.verification.vasp.reference import BLOCK, FOLDER, PAGE, STEPS, shown, write


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reference")
    write(folder)
    return folder


def test_the_kept_files_are_those_that_are_written(written: Path) -> None:
    kept, new = (
        {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}
        for root in (FOLDER, written)
    )
    assert set(new) == set(kept)
    assert {name for name in new if new[name] != kept[name]} == set()


def test_no_potcar_is_among_them() -> None:
    names = {file.name for file in FOLDER.rglob("*") if file.is_file()}
    assert names == {"INCAR", "KPOINTS", "POSCAR", "POTCAR.spec", "vasp_step.json", "wannier_plan.json"}


def test_wannier_functions_are_the_known_ones() -> None:
    """For a formula unit: 82 Wannier functions, 72 electrons, ten bands left out, 62 filled; here are two."""
    place = FOLDER / "wannier_input"
    incar = Incar.from_file(place / "INCAR")
    plan = json.loads((place / "wannier_plan.json").read_text())
    assert incar["NUM_WANN"] == plan["num_wann"] == 2 * 82
    assert (plan["n_excluded"], plan["n_occupied"]) == (2 * 10, 2 * 62)
    assert plan["num_wann"] == 2 * sum(len(atom["orbitals"]) for atom in plan["atoms"])
    assert incar["NBANDS"] == plan["n_bands"] >= 1.1 * (plan["num_wann"] + plan["n_excluded"])
    assert incar["NBANDS"] % 8 == 0
    assert "exclude_bands = 1-20" in str(incar["WANNIER90_WIN"])
    assert ";" not in str(incar["WANNIER90_WIN"])  # INCAR splits its lines there
    order = [atom["element"] for atom in plan["atoms"]]
    sites = Poscar.from_file(str(place / "POSCAR"), check_for_potcar=False).structure
    assert order == [site.specie.symbol for site in sites]  # VASP writes this order into the .win


def test_materials_projects_validator_objects_to_what_is_meant_only() -> None:
    from pymatgen.io.validation import VaspValidator
    from pymatgen.io.validation.common import VaspFiles

    meant = {"GGA_COMPAT: is False", "LSORBIT: is True"}
    for step in STEPS:
        files = VaspFiles.from_paths(
            **{name.lower(): FOLDER / step / name for name in ("INCAR", "POSCAR", "KPOINTS")}
        )
        found = VaspValidator.from_vasp_input(vasp_files=files, check_potcar=False).reasons
        reasons = {re.sub(r"^INPUT SETTINGS --> |, but should be.*$", "", reason) for reason in found}
        assert reasons <= meant, step
        assert ("LSORBIT: is True" in reasons) == Incar.from_file(FOLDER / step / "INCAR").get(
            "LSORBIT", False
        )


@pytest.mark.parametrize("step", STEPS)
def test_atomate2s_comparison_with_reference_inputs(
    step: str, written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What atomate2's own tests hold inputs against: INCAR, KPOINTS, POSCAR and POTCAR of a reference."""
    from atomate2.utils.testing.vasp import fake_run_vasp

    shutil.copytree(FOLDER / step, tmp_path / "inputs")
    (tmp_path / "outputs").mkdir()
    monkeypatch.chdir(written / step)
    tags = list(Incar.from_file(FOLDER / step / "INCAR"))
    fake_run_vasp(tmp_path, incar_settings=tags, clear_inputs=False)
    (tmp_path / "inputs" / "INCAR").write_text("ENCUT = 680\n")
    with pytest.raises(ValueError, match="INCAR value of ENCUT"):
        fake_run_vasp(tmp_path, incar_settings=["ENCUT"], clear_inputs=False)


def test_the_page_shows_these_files() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert shown(text) == text
    assert len(BLOCK.findall(text)) >= 5


def test_f_in_the_core_needs_no_potcar() -> None:
    preset = load_preset("fast", {"vasp.potcars.Sm": "Sm_3"})
    structure = samarium_hexaboride()
    potentials = choose_potentials(["Sm", "B"], preset.vasp)
    shells = planning.shells_of(potentials, preset)
    assert (shells["Sm"].projected, [shell.name for shell in shells["Sm"].deep]) == ("sd", ["5s", "5p"])
    # Sm: s and d, 5s and 5p below; B: s and p.
    assert planning.bands_for_wannier(structure, potentials, preset) >= 12 + 8 + 6 * 8


def test_f_electrons_need_their_potcar_before_static_soc_or_a_number_of_bands() -> None:
    structure, options = samarium_hexaboride(), Options()
    preset = load_preset("fast", {"vasp.potcars.Sm": "Sm"})
    with pytest.raises(PlanError):
        planning.shells_of(choose_potentials(["Sm", "B"], preset.vasp), preset)
    assert generator_of("static", structure, preset, options).needed_bands == 0
    with pytest.raises(
        StepError, match=r"how many bands Wannier functions need is not known.*'Sm'"
    ) as caught:
        generator_of("static_soc", structure, preset, options)
    for word in ("PMG_VASP_PSP_DIR", "Sm_3", "vasp.static_soc.nbands=N"):
        assert word in caught.value.remedy
    given = load_preset("fast", {"vasp.potcars.Sm": "Sm", "vasp.static_soc.nbands": 120})
    assert generator_of("static_soc", structure, given, options).n_bands == 120


def samarium_hexaboride() -> Structure:
    from discovery.databases import starter

    table = starter.load()
    return next(iter(table.take([list(table.ids).index("starter-SmB6-221")]))).to_structure()


def test_a_name_that_promises_other_electrons_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    preset = load_preset("fast")
    potentials = choose_potentials(["Se"], preset.vasp)
    wrong = {"Se": potentials["Se"].__class__("Se", "Se", 16.0)}
    with pytest.raises(PlanError, match="ZVAL is 16"):
        planning.shells_of(wrong, preset)


def test_potcars_come_from_pymatgens_list() -> None:
    preset = load_preset("standard", {"vasp.potcars.Sn": "Sn"})
    found = choose_potentials(["Ag", "Hg", "Sn", "Se"], preset.vasp)
    assert {one.symbol: one.electrons for one in found.values()} == {"Ag": 11, "Hg": 12, "Sn": 4, "Se": 6}
    with pytest.raises(StepError, match="no POTCAR Se_x"):
        choose_potentials(["Se"], load_preset("standard", {"vasp.potcars.Se": "Se_x"}).vasp)
