import re
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase.io.espresso import read_fortran_namelist
from pymatgen.core import Lattice, Structure

from dft_templates.presets import load_preset
from discovery.verification.engines.espresso import inputs
from discovery.verification.engines.espresso.upf import Upf, read_upf
from discovery.verification.meshes import TRIMS
from discovery.verification.options import Options
from tests.discovery.verification.espresso.upfs import write_upf

SILICON = Structure(Lattice(2.715 * (1 - np.eye(3))), ["Si", "Si"], [[0.125] * 3, [0.875] * 3])


@pytest.fixture
def upfs(tmp_path: Path) -> dict[str, Upf]:
    return {"Si": read_upf(write_upf(tmp_path, "Si_r.upf"))}


def text_of(upfs: dict[str, Upf], options: Options | None = None, **changes: Any) -> str:
    arguments: dict[str, Any] = {
        "calculation": "scf",
        "spin_orbit": True,
        "ecutwfc": 22.4,
        "nbnd": 24,
        "kpoints": (4, 4, 4),
    }
    return inputs.pw_input(
        SILICON, upfs, load_preset("fast").espresso, options or Options(), **(arguments | changes)
    )


def namelists(text: str) -> dict[str, dict[str, Any]]:
    found, _ = read_fortran_namelist(StringIO(text))
    return {name: dict(values) for name, values in found.items()}


def test_spinors_with_coupling(upfs: dict[str, Upf]) -> None:
    text = text_of(upfs)
    system = namelists(text)["system"]
    assert system["noncolin"]
    assert system["lspinorb"]
    assert (system["nat"], system["ntyp"], system["nbnd"], system["ecutwfc"]) == (2, 1, 24, 22.4)
    assert "K_POINTS automatic\n4 4 4  0 0 0\n" in text
    assert "nosym" not in text
    assert namelists(text)["control"]["calculation"] == "scf"
    assert "pseudo_dir" not in text


def test_without_coupling_nothing_of_spinors_is_left(upfs: dict[str, Upf]) -> None:
    text = text_of(upfs, spin_orbit=False)
    assert not re.search("noncolin|lspinorb|nspin|starting_magnetization", text)


def test_no_magnetisation_starts_unless_asked(upfs: dict[str, Upf]) -> None:
    assert namelists(text_of(upfs))["system"].get("starting_magnetization(1)", 0) == 0
    magnetic = namelists(text_of(upfs, Options(magnetic=True)))["system"]
    assert magnetic["starting_magnetization(1)"] > 0
    collinear = namelists(text_of(upfs, Options(magnetic=True), spin_orbit=False))["system"]
    assert collinear["nspin"] == 2


def test_trims_are_listed_and_left_alone(upfs: dict[str, Upf]) -> None:
    text = text_of(upfs, calculation="bands", kpoints=TRIMS, as_listed=True)
    system = namelists(text)["system"]
    assert system["nosym"]
    assert system["noinv"]
    listed = text.partition("K_POINTS crystal\n")[2].splitlines()
    assert listed[0] == "8"
    points = np.array([line.split() for line in listed[1:9]], dtype=float)
    assert np.array_equal(points[:, :3], TRIMS)
    assert points[:, 3].sum() == pytest.approx(1)


def test_fixed_densities_converge_each_eigenvalue(upfs: dict[str, Upf]) -> None:
    preset = load_preset("fast").espresso
    assert namelists(text_of(upfs, calculation="nscf"))["electrons"]["diago_thr_init"] == preset.diago_thr
    assert "diago_thr_init" not in text_of(upfs)


def test_a_relaxation_moves_cell_and_atoms_to_the_preset_tolerance(upfs: dict[str, Upf]) -> None:
    found = namelists(text_of(upfs, calculation="vc-relax", spin_orbit=False))
    # 1.2e-3 Ry/bohr is 0.03 eV/Å
    assert found["control"]["forc_conv_thr"] == pytest.approx(0.03 / 25.711, rel=0.05)
    assert found["cell"]["press_conv_thr"] == 1.0
    assert "forc_conv_thr" not in text_of(upfs)


@pytest.mark.parametrize("preset", ["standard", "paper"])
def test_forces_of_the_other_presets_are_the_papers(preset: str) -> None:
    in_ev = load_preset(preset).espresso.CONTROL["forc_conv_thr"] * 25.711
    assert in_ev <= 0.01


def test_coordinates_keep_ten_digits(upfs: dict[str, Upf]) -> None:
    third = Structure(SILICON.lattice, ["Si", "Si"], [[1 / 3] * 3, [2 / 3] * 3])
    text = inputs.pw_input(
        third,
        upfs,
        load_preset("fast").espresso,
        Options(),
        calculation="scf",
        spin_orbit=True,
        ecutwfc=20.0,
        nbnd=24,
        kpoints=(2, 2, 2),
    )
    assert "0.3333333333" in text


def test_the_second_attempt_mixes_less_and_takes_longer(upfs: dict[str, Upf]) -> None:
    text = text_of(upfs)
    first, second = namelists(text), namelists(inputs.gentler(text))
    assert second["electrons"]["mixing_beta"] == pytest.approx(0.4 * first["electrons"]["mixing_beta"])
    assert second["electrons"]["electron_maxstep"] == 300
    assert second["system"] == first["system"]
    assert (
        inputs.gentler(text).partition("ATOMIC_SPECIES")[2].split()
        == text.partition("ATOMIC_SPECIES")[2].split()
    )
