"""Presets: every default is explained, overrides reach where they say, nothing unknown passes."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dft_templates.incar_tags import incar_tags
from dft_templates.presets import FOLDER, NAMES, PresetError, load_preset, parse_overrides
from dft_templates.vasp import DECIDED, VASP_STEPS


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_loads_and_carries_its_name(name: str) -> None:
    preset = load_preset(name)
    assert preset.name == name
    assert preset.vasp.INCAR["GGA"] == "PE"  # PBE as in the paper, not atomate2's PBEsol
    assert preset.vasp.INCAR["GGA_COMPAT"] is False
    assert preset.vasp.INCAR["LREAL"] is False
    assert preset.vasp.INCAR["LORBIT"] == 11
    for step in ("bands", "bands_soc"):
        assert (preset.vasp.tags(step)["ISMEAR"], preset.vasp.tags(step)["SIGMA"]) == (0, 0.01)
    assert preset.vasp.tags("static_soc")["LCHARG"] is True
    assert preset.vasp.tags("parities")["LWAVE"] is True


def test_paper_preset_has_the_papers_numbers() -> None:
    relax = load_preset("paper").vasp.tags("relax")
    assert (relax["ISIF"], relax["EDIFFG"]) == (3, -0.01)


@pytest.mark.parametrize("name", NAMES)
def test_every_default_has_a_reason_beside_it(name: str) -> None:
    lines = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    values = [line for line in lines if yaml.safe_load(line) and ": " in line and line.startswith(" ")]
    bare = [line for line in values if "#" not in line]
    # A line that repeats the one above it for another step needs no second reason.
    explained = {line.split("#")[0].strip() for line in values if "#" in line}
    keys = {line.split(":")[0] for line in explained}
    assert len(values) > 40
    assert not [line for line in bare if line.split(":")[0].strip() not in keys]


def test_coarser_presets_are_coarser() -> None:
    fast, standard, paper = (load_preset(name) for name in NAMES)
    assert fast.vasp.k_spacing > standard.vasp.k_spacing > paper.vasp.k_spacing
    assert fast.vasp.INCAR["EDIFF"] > standard.vasp.INCAR["EDIFF"] > paper.vasp.INCAR["EDIFF"]


def test_an_override_of_every_step_wins_over_a_steps_own_value() -> None:
    preset = load_preset("standard", {"INCAR.SIGMA": 0.03, "INCAR.ENCUT": 600})
    assert {preset.vasp.tags(step)["SIGMA"] for step in VASP_STEPS} == {0.03}
    assert {preset.vasp.tags(step)["ENCUT"] for step in VASP_STEPS} == {600}


def test_an_override_of_one_step_stays_there() -> None:
    preset = load_preset("standard", {"vasp.static_soc.INCAR.EDIFF": 1e-8, "vasp.relax.k_spacing": 0.3})
    assert preset.vasp.tags("static_soc")["EDIFF"] == 1e-8
    assert preset.vasp.tags("bands_soc")["EDIFF"] == 1e-6
    assert (preset.vasp.relax.k_spacing, preset.vasp.static.k_spacing) == (0.3, None)


def test_overrides_of_all_steps_and_of_one_do_not_depend_on_their_order() -> None:
    one = {"vasp.bands.INCAR.SIGMA": 0.02}
    every = {"INCAR.SIGMA": 0.03}
    for overrides in ({**one, **every}, {**every, **one}):
        preset = load_preset("standard", overrides)
        assert preset.vasp.tags("bands")["SIGMA"] == 0.02
        assert preset.vasp.tags("bands_soc")["SIGMA"] == 0.03


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("INCAR.ENCTU", 5, "ENCUT"),
        ("INCAR.encut", 5, "ENCUT"),
        ("incar.ENCUT", 5, "Did you mean INCAR"),
        ("vasp.static_sco.INCAR.ENCUT", 5, "Did you mean vasp.static_soc.INCAR"),
        ("vasp.static.INCRA", {}, "Did you mean vasp.static.INCAR"),
        ("wanier.k_spacing", 5, "Did you mean wannier"),
        ("wannier.k_spacin", 5, "Did you mean wannier.k_spacing"),
        ("k_spacing", 1, "vasp.k_spacing or espresso.k_spacing"),
        ("INCAR.A.B", 1, "INCAR"),
        ("INCAR.ENCUT", "abc", "ENCUT takes a number"),
        ("INCAR.LASPH", 1.5, "LASPH takes true or false"),
        ("INCAR.NELM", True, "NELM takes a whole number"),
        ("vasp.k_spacing", -1, "greater than 0"),
        ("vasp", 4, "vasp"),
        ("", 4, "Known: name"),
    ],
)
def test_unknown_keys_and_wrong_values_are_refused_with_what_is_near(
    key: str, value: object, words: str
) -> None:
    with pytest.raises(PresetError) as caught:
        load_preset("standard", {key: value})
    assert words in str(caught.value)
    assert caught.value.remedy


@pytest.mark.parametrize("tag", sorted(DECIDED))
def test_tags_that_a_step_decides_cannot_be_overridden(tag: str) -> None:
    assert tag in incar_tags()
    with pytest.raises(PresetError, match=f"{tag} is not free"):
        load_preset("standard", {f"vasp.bands_soc.INCAR.{tag}": 1})


def test_command_line_values_mean_what_a_physicist_writes() -> None:
    pairs = [
        "INCAR.EDIFF=1e-8",
        "INCAR.LASPH=.FALSE.",
        "INCAR.ENCUT=520",
        "INCAR.GGA=PE",
        "vasp.potcars={Sn: Sn}",
    ]
    preset = load_preset("fast", parse_overrides(pairs))
    assert preset.vasp.INCAR["EDIFF"] == 1e-8
    assert preset.vasp.INCAR["LASPH"] is False
    assert preset.vasp.INCAR["ENCUT"] == 520
    assert preset.vasp.potcars == {"Sn": "Sn"}


@pytest.mark.parametrize("pair", ["INCAR.ENCUT", "=5", "x=[1"])
def test_malformed_pairs_are_refused(pair: str) -> None:
    with pytest.raises(PresetError):
        parse_overrides([pair])


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    text = (FOLDER / "fast.yaml").read_text(encoding="utf-8").replace("name: fast", "name: mine")
    file = tmp_path / "mine.yaml"
    file.write_text(text.replace("EDIFF: 1.0e-5", "EDIFF: 1e-5"), encoding="utf-8")
    preset = load_preset(file)
    assert (preset.name, preset.vasp.INCAR["EDIFF"]) == ("mine", 1e-5)  # YAML 1.1 reads 1e-5 as text
    file.write_text("- a\n", encoding="utf-8")
    with pytest.raises(PresetError, match="no sections"):
        load_preset(file)
    file.write_text("a: [", encoding="utf-8")
    with pytest.raises(PresetError, match="not YAML"):
        load_preset(file)


def test_a_preset_that_is_not_there_names_the_near_one() -> None:
    with pytest.raises(PresetError, match="Did you mean standard"):
        load_preset("standart")


def test_loading_a_preset_imports_nothing_heavy() -> None:
    code = (
        "import sys; from dft_templates.presets import load_preset; load_preset('fast', {'INCAR.NELM': 9});"
        "print(sorted({'numpy', 'torch', 'atomate2'} & {n.split('.')[0] for n in sys.modules}),"
        " [n for n in sys.modules if n.startswith('pymatgen.core')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] []"
