"""The stand-in for VASP accepts what the engine writes and refuses each known mistake."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pymatgen.core import Structure

from dft_templates.presets import Preset
from discovery.verification.engines.vasp.potentials import load_potcar
from discovery.verification.options import Options
from tests.discovery.verification.vasp.rules import refusals
from tests.discovery.verification.vasp.running import Runner
from tests.discovery.verification.vasp.stand_in import read_inputs

STEPS = ("relax", "static", "bands", "static_soc", "bands_soc", "check")


@pytest.fixture
def place(
    tmp_path: Path, crystal: Structure, preset: Preset, machine: Callable[..., None]
) -> Callable[[str], Path]:
    """Return a function that writes a step with its POTCAR and, where it reads one, a density."""
    runner = Runner(tmp_path / "run", crystal, preset, Options(check="hse06"))

    def make(step: str) -> Path:
        folder = runner.write(step)
        load_potcar(("Li", "H"), "PBE_54").write_file(str(folder / "POTCAR"))
        if step in ("bands", "bands_soc"):
            (folder / "CHGCAR").write_text(" 2 2 2\n0\n" * (4 if step == "bands_soc" else 1))
        return folder

    return make


def said(folder: Path, program: str = "vasp_ncl") -> str:
    return "; ".join(refusals(read_inputs(folder, program)))


def change(folder: Path, pattern: str, new: str) -> None:
    incar = folder / "INCAR"
    text, n = re.subn(pattern, new, incar.read_text(), flags=re.MULTILINE)
    assert n == 1
    incar.write_text(text)


@pytest.mark.parametrize("step", STEPS)
def test_what_the_engine_writes_is_accepted(step: str, place: Callable[[str], Path]) -> None:
    assert said(place(step)) == ""


@pytest.mark.parametrize(
    ("step", "pattern", "new", "words"),
    [
        ("static_soc", r"^MAGMOM.*$", "MAGMOM = 0.6 0.6", "MAGMOM has 2 numbers for 2 atoms"),
        ("static_soc", r"^MAGMOM.*\n", "", "MAGMOM has 0 numbers"),
        ("static_soc", r"^NBANDS.*$", "NBANDS = 2", "TOO FEW BANDS"),
        ("static_soc", r"^LMAXMIX.*$", "LMAXMIX = 2", "LMAXMIX"),
        ("static_soc", r"^GGA =.*$", "GGA = Ps", "not PBE"),
        ("static_soc", r"^GGA_COMPAT.*$", "", "GGA_COMPAT"),
        ("static_soc", r"^LREAL.*$", "LREAL = Auto", "LREAL"),
        ("static_soc", r"^SAXIS.*$", "SAXIS = 1 0 0", "SAXIS"),
        ("static_soc", r"^ENCUT", "ENCTU", "no tag"),
        ("bands_soc", r"^SIGMA.*$", "SIGMA = 0.2", "smearing"),
        ("check", r"^ICHARG.*$", "ICHARG = 11", "functional of more than the density"),
        ("check", r"^ALGO.*$", "ALGO = Fast", "ALGO"),
    ],
)
def test_each_mistake_is_refused(
    step: str, pattern: str, new: str, words: str, place: Callable[[str], Path]
) -> None:
    folder = place(step)
    change(folder, pattern, new)
    assert words in said(folder)


def test_densities(place: Callable[[str], Path]) -> None:
    folder = place("bands_soc")
    (folder / "CHGCAR").write_text(" 2 2 2\n0\n")
    assert "made without spin–orbit coupling" in said(folder)
    (folder / "CHGCAR").unlink()
    assert "could not be read from file CHGCAR" in said(folder)


def test_programs(place: Callable[[str], Path]) -> None:
    assert "vasp_std knows no spin–orbit coupling" in said(place("static_soc"), "vasp_std")
    assert "vasp_gam knows no" in said(place("bands_soc"), "vasp_gam")
    assert said(place("static"), "vasp_std") == ""


def test_wannier_input(place: Callable[[str], Path]) -> None:
    folder = place("static_soc")
    with (folder / "INCAR").open("a") as incar:
        incar.write("LWANNIER90 = True\n")
    found = said(folder)
    assert "ISYM is not -1" in found
    assert "how many Wannier functions" in found
    (folder / "wannier90.win").write_text("num_wann = 4\nbegin kpoints\nend kpoints\n")
    assert "stale wannier90.win" in said(folder)
    with (folder / "INCAR").open("a") as incar:
        incar.write("NUM_WANN = 4\nWANNIER90_WIN = begin projections\n")
    assert "not a quoted text" in said(folder)


def test_potcar_order(place: Callable[[str], Path]) -> None:
    folder = place("static")
    load_potcar(("H", "Li"), "PBE_54").write_file(str(folder / "POTCAR"))
    assert "POTCAR has" in said(folder)
