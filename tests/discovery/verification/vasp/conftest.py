"""A machine with VASP, as far as the jobs can tell: programs, POTCAR library, short waits."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Lattice, Structure

from dft_templates.presets import Preset, load_preset
from discovery.verification.path import standard_cell
from tests.discovery.verification.vasp import stand_in
from tests.discovery.verification.vasp.potcars import write_library

ROOT = Path(__file__).parents[4]


@pytest.fixture
def crystal() -> Structure:
    """A zincblende of one s orbital at each site, for which the stand-in has bands."""
    plain = Structure.from_spacegroup("F-43m", Lattice.cubic(4.2), ["Li", "H"], [[0] * 3, [0.25] * 3])
    return standard_cell(plain)


@pytest.fixture
def diamond() -> Structure:
    """The same with one element: it has inversion."""
    return standard_cell(Structure.from_spacegroup("Fd-3m", Lattice.cubic(4.2), ["Li"], [[0] * 3]))


@pytest.fixture
def preset() -> Preset:
    """Coarse, and with lithium's 1s in the core, so that the model has the crystal's electrons."""
    spacings = {"vasp.k_spacing": 0.9, "vasp.line_spacing": 0.2, "wannier.k_spacing": 0.75}
    return load_preset("fast", {"vasp.potcars.Li": "Li", **spacings})


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Install the stand-in as vasp_std and vasp_ncl; returns a function that says what it is to do wrong."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("vasp_std", "vasp_ncl", "vasp_gam"):
        program = programs / name
        program.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
            "from tests.discovery.verification.vasp.stand_in import main\n"
            f"sys.exit(main({name!r}))\n"
        )
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    library = write_library(tmp_path / "potcars", {"Li": 1.0, "H": 1.0})
    from pymatgen.core import SETTINGS

    monkeypatch.setitem(SETTINGS, "PMG_VASP_PSP_DIR", str(library))
    monkeypatch.setattr("discovery.verification.engines.vasp.custody.POLL", 0.1)
    monkeypatch.setattr("discovery.verification.engines.vasp.custody.MONITOR_EVERY", 2)
    faults = tmp_path / "vasp_faults.json"
    monkeypatch.setenv(stand_in.FAULTS, str(faults))

    def go_wrong(**what: Any) -> None:
        faults.write_text(json.dumps(what))

    go_wrong()
    return go_wrong
