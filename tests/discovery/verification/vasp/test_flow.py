"""A whole verification through jobflow, atomate2, custodian, Wannier90 with a stand-in for VASP: plumbing."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pymatgen.core import Structure

from candidates.verification import Verification
from dft_templates.presets import Preset
from discovery.verification.flow import make_request
from discovery.verification.local import run_here
from discovery.verification.options import Options
from tests.discovery.topology.models import fu_kane_mele_indices
from tests.discovery.verification.vasp.test_parities import needs_irrep

Machine = Callable[..., None]
STRONG = fu_kane_mele_indices((1.4, 1.0, 1.0, 1.0))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("wannier90.x"), reason="needs wannier90.x"),
]


def verify(crystal: Structure, preset: Preset, folder: Path, **options: Any) -> Verification:
    chosen = Options(**({"surfaces": False, "relax": False} | options))
    return run_here(make_request(crystal, "0123456789ab", "LiH", folder / "runs", "vasp", preset, chosen))


@pytest.mark.parametrize(("inverted", "relax"), [(True, True), (False, False)])
def test_structure_to_verdict(
    inverted: bool, relax: bool, crystal: Structure, preset: Preset, machine: Machine, tmp_path: Path
) -> None:
    machine(inverted=inverted)
    record = verify(crystal, preset, tmp_path, relax=relax)
    assert {step.state for step in record.steps} == {"done"}
    names = [step.name for step in record.steps]
    assert ("relax" in names) == relax
    assert "parities" not in names  # a zincblende
    assert record.engine == "vasp"
    assert record.verdict is not None
    assert STRONG[0] == 1
    assert record.verdict.z2["Wilson loops"] == (STRONG if inverted else (0, 0, 0, 0))
    assert record.verdict.topology == ("strong TI" if inverted else "trivial")
    assert record.verdict.provisional  # PBE alone
    assert "plumbing" in record.stand_in
    gates = {gate.name: gate for gate in record.verdict.gates}
    assert gates["Wannier bands"].passed
    assert [plot.spin_orbit for plot in record.bands] == [False, True]
    assert record.bands[1].n_occupied == 2
    assert record.bands[1].ticks[0] == (0.0, "Γ")
    assert {"Li s", "H s"} == set(record.bands[1].weights)
    left = {file.name for file in tmp_path.rglob("POTCAR*") if "runs" in file.parts}
    assert left == {"POTCAR.spec"}
    assert not any(name.endswith("POTCAR") for name in record.files)


@needs_irrep
@pytest.mark.parametrize("inverted", [True, False])
def test_parities_and_wilson_loops_agree(
    inverted: bool, diamond: Structure, preset: Preset, machine: Machine, tmp_path: Path
) -> None:
    """The real irrep reads a WAVECAR of the model's own states."""
    machine(inverted=inverted)
    record = verify(diamond, preset, tmp_path)
    assert {step.state for step in record.steps} == {"done"}
    assert record.verdict is not None
    expected = fu_kane_mele_indices((1.4 if inverted else 8.0, 1.0, 1.0, 1.0))
    assert expected[0] == inverted
    assert record.verdict.z2 == {"parities": expected, "Wilson loops": expected}
    assert record.verdict.provisional
    assert "plumbing" in record.stand_in


@needs_irrep
@pytest.mark.parametrize(("functional", "same"), [("hse06", True), ("mbj", True), ("hse06", False)])
def test_a_better_functional_confirms_or_refutes(
    functional: str, same: bool, diamond: Structure, preset: Preset, machine: Machine, tmp_path: Path
) -> None:
    machine(changes=[] if same else ["check"])
    record = verify(diamond, preset, tmp_path, check=functional)
    verdict = record.verdict
    assert verdict is not None
    assert {step.name: step.state for step in record.steps}["check"] == "done"
    gate = next(gate for gate in verdict.gates if gate.name == "inversion checked")
    assert gate.passed is same
    assert functional.upper() in gate.what.upper()
    assert verdict.topology == ("strong TI" if same else "inconclusive")
    assert verdict.z2 == {"parities": STRONG, "Wilson loops": STRONG}
    assert verdict.provisional is not same
    assert any("hangs on the functional" in reason for reason in verdict.reasons) is not same


def test_a_relaxation_that_changes_the_space_group(
    crystal: Structure, preset: Preset, machine: Machine, tmp_path: Path
) -> None:
    machine(distort=True)
    record = verify(crystal, preset, tmp_path, relax=True)
    assert record.state == "failed"
    first, *others = record.steps
    assert (first.name, first.state) == ("relax", "failed")
    assert "changed the space group from 216" in first.reason
    assert {step.state for step in others} == {"skipped"}


def test_output_that_is_cut_off(crystal: Structure, preset: Preset, machine: Machine, tmp_path: Path) -> None:
    machine(cut="static_soc")
    record = verify(crystal, preset, tmp_path)
    states = {step.name: step.state for step in record.steps}
    assert states["static_soc"] == "failed"
    assert states["static"] == states["bands"] == "done"
    assert states["topology"] == "skipped"
    assert record.verdict is None
    failed = next(step for step in record.steps if step.name == "static_soc")
    assert "cut off" in failed.reason
    assert failed.remedy
