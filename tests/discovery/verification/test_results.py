"""What a step depends on, and files that are whole or not there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from candidates.verification import STEPS
from discovery.verification.results import (
    Crystal,
    Request,
    StepResult,
    inputs_hash,
    read_result,
    step_directory,
    write_text,
    written_inputs,
)

Ask = Callable[..., Request]

SETTINGS = {
    "espresso.k_spacing": {"static", "bands_soc", "wannier_input"},
    "vasp.INCAR.ENCUT": set[str](),
    "wannier.k_spacing": {"wannier_input", "wannier"},
    "topology.surface_points": {"surfaces"},
}


def changed(one: Request, other: Request) -> set[str]:
    return {step for step in STEPS if inputs_hash(step, one, []) != inputs_hash(step, other, [])}


@pytest.mark.parametrize("key", SETTINGS)
def test_a_step_depends_on_its_own_section(ask: Ask, key: str) -> None:
    value = 7 if "points" in key else 555 if "ENCUT" in key else 0.77
    found = changed(ask(), ask(preset={key: value}))
    assert found >= SETTINGS[key]
    if key != "espresso.k_spacing":
        assert found == SETTINGS[key]


def test_bands_with_coupling_follow_the_projections(ask: Ask) -> None:
    element = ask().crystal.elements[0]
    found = changed(ask(), ask(preset={f"wannier.projections.{element}": "s,p"}))
    assert found == {"static_soc", "wannier_input", "wannier"}
    assert "static_soc" not in changed(ask(), ask(preset={"wannier.projections.Xe": "s,p"}))


def test_options_reach_the_steps_that_they_concern(ask: Ask) -> None:
    assert changed(ask(), ask(miller=(1, 1, 0))) == {"surfaces"}
    assert changed(ask(), ask(ranks=4, threads=2, stop_early=False)) == set()
    assert changed(ask(), ask(check="hse06")) == {"check"}
    assert "topology" in changed(ask(), ask(magnetic=True))


def test_a_rounding_error_of_the_crystal_changes_nothing(ask: Ask) -> None:
    one = ask()
    moved = [x + 1e-9 for x in one.crystal.frac_coords]
    other = one.model_copy(update={"crystal": one.crystal.model_copy(update={"frac_coords": tuple(moved)})})
    assert changed(one, other) == set()
    other = one.model_copy(update={"crystal": one.crystal.model_copy(update={"elements": ("Pb",)})})
    assert changed(one, other) == set(STEPS)


def test_an_earlier_result_counts(ask: Ask) -> None:
    done = StepResult(name="static_soc", state="done", inputs="a")
    assert inputs_hash("bands_soc", ask(), [done]) == inputs_hash("bands_soc", ask(), [done])
    for other in (done.model_copy(update={"inputs": "b"}), done.model_copy(update={"state": "failed"})):
        assert inputs_hash("bands_soc", ask(), [done]) != inputs_hash("bands_soc", ask(), [other])


def test_folders_are_numbered_by_their_place_among_all_steps(ask: Ask) -> None:
    names = [step_directory(ask(), step).name for step in STEPS]
    assert names[0] == "01-relax"
    assert names[4] == "05-bands-soc"
    assert names == sorted(names)


def test_crystals_go_to_pymatgen_and_back(ask: Ask) -> None:
    crystal = ask().crystal
    assert Crystal.of(crystal.structure()) == crystal


def test_files_that_are_damaged_or_not_ours(tmp_path: Path) -> None:
    assert read_result(tmp_path) is None
    (tmp_path / "result.json").write_text('{"name": "static"')
    assert read_result(tmp_path) is None
    assert written_inputs(tmp_path) == []
    (tmp_path / "written.json").write_text(json.dumps(["INCAR", "../../etc/passwd", 7]))
    assert written_inputs(tmp_path) == ["INCAR"]


def test_a_write_that_is_cut_short_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "new \ud800")
    assert path.read_text() == "old"
