"""One complete set of inputs, kept as files: Ag2HgSnSe4, the paper's first crystal.

``python -m tests.discovery.verification.vasp.reference`` writes the files and the page anew; look at the
changes before committing. The Wannier plan follows from eigenvalues, and those are made up here: levels in
groups, with a gap at the electron count. So its energies are plumbing; the rest is what a user gets.
"""

import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
from pymatgen.core import Structure

from dft_templates.presets import Preset, load_preset
from dft_templates.vasp import VASP_STEPS
from discovery.databases import starter
from discovery.verification.engines.vasp import VaspEngine
from discovery.verification.engines.vasp.record import VaspRecord
from discovery.verification.options import Options
from discovery.verification.path import standard_cell
from tests.discovery.verification.vasp.potcars import potcar
from tests.discovery.verification.vasp.stand_in import read_inputs
from tests.discovery.verification.vasp.writers import Results, outcar, vasprun

FOLDER = Path(__file__).parent / "reference" / "Ag2HgSnSe4"
PAGE = Path(__file__).parents[4] / "docs" / "vasp-inputs.md"
BLOCK = re.compile(r"^`(?P<name>\w+/\w+)`:\n\n```text\n.*?```", re.MULTILINE | re.DOTALL)
LONGEST = 42
"""Lines of a file that the page shows."""

CRYSTAL = "starter-Ag2HgSnSe4-31"
ELECTRONS = {"Ag": 11.0, "Hg": 12.0, "Sn_d": 14.0, "Se": 6.0}
STEPS = tuple(step for step in VASP_STEPS if step not in ("parities", "check"))


def crystal() -> Structure:
    table = starter.load()
    return standard_cell(next(iter(table.take([list(table.ids).index(CRYSTAL)]))).to_structure())


def write(folder: Path, preset: Preset | None = None) -> dict[str, Path]:
    """Write every step of the crystal below a folder; returns step → directory."""
    structure, engine, places = crystal(), VaspEngine(), dict[str, Path]()
    with tempfile.TemporaryDirectory() as scratch:
        for step in STEPS:
            place = places[step] = folder / step
            place.mkdir(parents=True)
            engine.write(step, structure, preset or load_preset("paper"), Options(), place, places)
            if step == "static_soc":
                finished = Path(scratch) / step
                shutil.copytree(place, finished)
                pretend_to_have_run(finished)
                places[step] = finished
        places["static_soc"] = folder / "static_soc"
    return places


def pretend_to_have_run(place: Path) -> None:
    """Leave a vasprun.xml and an OUTCAR with levels: 20 of Sn 4d, the other valence, a gap, empty ones."""
    record = VaspRecord.read(place)
    (place / "POTCAR").write_text("".join(potcar(symbol, ELECTRONS[symbol]) for symbol in record.potcars))
    inputs = read_inputs(place, "vasp_ncl")
    n_bands, filled = int(inputs.incar["NBANDS"]), round(record.n_electrons)
    pairs = [np.linspace(-24.5, -24.0, 10), np.linspace(-13.0, -0.2, (filled - 20) // 2)]
    pairs.append(np.linspace(0.2, 24.0, (n_bands - filled) // 2))
    levels = 4.0 + np.repeat(np.concatenate(pairs), 2)
    points = np.array([[0, 0, 0], [0.5, 0, 0], [0.5, 0.5, 0.5]])
    energies = levels + 0.02 * np.cos(2 * np.pi * points.sum(axis=1))[:, None]
    results = Results(inputs, points, np.full(3, 1 / 3), energies, inputs.structure)
    (place / "vasprun.xml").write_text(vasprun(results))
    (place / "OUTCAR").write_text(outcar(results))


def shown(text: str) -> str:
    """Return a page's text with every block below the name of a kept file filled from that file."""

    def fill(match: re.Match[str]) -> str:
        lines = (FOLDER / match["name"]).read_text().rstrip("\n").split("\n")
        lines = lines if len(lines) <= LONGEST else [*lines[:LONGEST], "..."]
        return f"`{match['name']}`:\n\n```text\n" + "\n".join(lines) + "\n```"

    return BLOCK.sub(fill, text)


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    write(FOLDER)
    PAGE.write_text(shown(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
