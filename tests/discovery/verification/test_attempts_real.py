"""A mesh too coarse for wannier90.x, cured by the Flow: the program is run, the crystal is a model."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from discovery.topology.tightbinding import TightBinding
from discovery.verification import wannierise
from discovery.verification.engines import StepOutput
from discovery.verification.inputs import write_win
from discovery.verification.local import run_here
from discovery.verification.options import Options
from discovery.verification.plan import WannierPlan
from discovery.verification.results import Request
from discovery.verification.wannier90 import run_setup
from discovery.verification.windows import decide_windows
from discovery.wannier.wanniertools.plan import WtAtom
from tests.discovery.topology import models
from tests.discovery.verification import fake_engine
from tests.discovery.wannier90_files import PROGRAM, with_high_orbitals, write_overlaps

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="needs wannier90.x (Debian: wannier90)")

NAME = "tests.discovery.verification.test_attempts_real:OverlapsEngine"
WANNIERISE = wannierise.wannierise
CRYSTAL = Structure.from_spacegroup("F-43m", Lattice.cubic(8.5), ["Ga", "As"], [[0] * 3, [0.25] * 3])
INDICES = models.fu_kane_mele_indices((1.4, 1.0, 1.0, 1.0))


def model_of(structure: Structure) -> TightBinding:
    """A strong topological insulator on the crystal's lattice, with four bands above that are not its own."""
    plain = replace(models.fu_kane_mele(), lattice=structure.lattice.matrix)
    return with_high_orbitals(plain, level=6.0, pairs=2)


class OverlapsEngine(fake_engine.FakeEngine):
    """Writes overlaps, projections and energies of the model on the mesh that the preset asks for."""

    def run(self, step: str, directory: Path, previous: Mapping[str, Path], options: Options) -> None:
        super().run(step, directory, previous, options)
        if step != "wannier_input":
            return
        plan = self.plan(directory)
        (directory / f"{plan.seed}.win").write_text(write_win(plan))
        run_setup(directory, plan.seed)
        write_overlaps(directory, plan.seed, self.crystal(directory), range(4), 0.4, plan.n_bands)

    def parse(self, step: str, directory: Path) -> StepOutput:
        output = super().parse(step, directory)
        if step != "wannier_input":
            return output
        plan = self.plan(directory)
        files = {kind: directory / f"{plan.seed}.{kind}" for kind in ("mmn", "amn", "eig")}
        return replace(output, wannier_plan=plan, wannier_files=files)

    def bands(self, step: str, structure: Structure, k: np.ndarray, m: float) -> Any:
        found = super().bands(step, structure, k, m)
        if not found.spin_orbit:
            return found
        energies = model_of(structure).bands(k)
        filled = np.where(np.arange(8) < 2, 1.0, 0.0) * np.ones((len(k), 1))
        return replace(found, energies=energies, occupations=filled, fermi=0.0)

    def crystal(self, directory: Path) -> TightBinding:
        return model_of(Structure.from_file(directory / "POSCAR"))

    def plan(self, directory: Path) -> WannierPlan:
        structure = Structure.from_file(directory / "POSCAR")
        plain = super().parse("wannier_input", directory).wannier_plan
        assert plain is not None
        k = np.array(list(np.ndindex(*plain.mesh))) / plain.mesh
        windows = decide_windows(model_of(structure).bands(k), 4, 2, 0.0)
        atoms = tuple(
            WtAtom(site.specie.symbol, tuple(site.frac_coords.tolist()), ("s",)) for site in structure
        )
        return replace(
            plain,
            atoms=atoms,
            n_bands=8,
            fermi=0.0,
            outer=windows.outer,
            frozen=windows.frozen,
        )


@pytest.fixture
def zincblende(ask: Callable[..., Request], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Request]:
    monkeypatch.setattr("discovery.verification.wannierise.wannierise", WANNIERISE)
    monkeypatch.setattr(fake_engine, "NAME", NAME)
    return lambda **preset: ask(CRYSTAL, preset={name.replace("__", "."): x for name, x in preset.items()})


def test_a_coarse_mesh_is_refined_until_the_bands_are_right(zincblende: Callable[..., Request]) -> None:
    record = run_here(zincblende(wannier__k_spacing=0.7))
    verdict = record.verdict
    assert verdict is not None
    assert (verdict.topology, verdict.z2["Wilson loops"]) == ("strong TI", INDICES)
    assert [gate.name for gate in verdict.gates if not gate.passed] == []
    first, second, taken = (note for note in verdict.notes if "ttempt" in note)
    assert "attempt 1 (mesh 2×2×2, 8 bands): bands lie 318 meV off, more than 79.3" in first
    assert "attempt 2 (mesh 3×3×3, 8 bands): good" in second
    assert taken == "Attempt 2 was taken."
    numbers = next(step.numbers for step in record.steps if step.name == "wannier")
    assert numbers["band distance (meV)"] < 10
    place = Path(verdict.provenance["file"]).parent
    for name in ("wannier90_hr.dat", "wannier90.wout", "wannier_plan.json"):
        assert (place / name).samefile(place / "attempt-2" / name)


def test_left_as_it_is_that_mesh_decides_nothing(zincblende: Callable[..., Request]) -> None:
    verdict = run_here(zincblende(wannier__k_spacing=0.7, wannier__retries=0)).verdict
    assert verdict is not None
    assert verdict.topology == "inconclusive"
    assert "distance from the bands of the density functional: 318 meV" in verdict.reasons[0]
