"""A whole verification through jobflow, atomate2, custodian, Wannier90 with a stand-in for VASP: plumbing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pymatgen.core import Structure

from candidates.verification import Verification
from dft_templates.presets import Preset
from discovery.verification.flow import make_request
from discovery.verification.local import run_here
from discovery.verification.options import Options

Machine = Callable[..., None]


def verify(crystal: Structure, preset: Preset, folder: Path, **options: bool) -> Verification:
    chosen = Options(surfaces=False, **options)
    return run_here(make_request(crystal, "0123456789ab", "LiH", folder / "runs", "vasp", preset, chosen))


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("wannier90.x"), reason="needs wannier90.x")
def test_structure_to_verdict(crystal: Structure, preset: Preset, machine: Machine, tmp_path: Path) -> None:
    record = verify(crystal, preset, tmp_path)
    for step in record.steps:
        print(step.name, step.state, step.reason, step.numbers)
    assert {step.name: step.state for step in record.steps} == {}
