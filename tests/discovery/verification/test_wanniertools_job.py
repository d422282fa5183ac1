"""wt.x through custodian: a stand-in for what goes wrong, the program itself where it is built."""

import gzip
import os
import shutil
import sys
from pathlib import Path

import pytest

from discovery.verification.engines import StepError
from discovery.verification.inputs import wt_plan
from discovery.verification.wannier90 import run_wannier90
from discovery.verification.wanniertools_job import run_wt
from discovery.wannier.hr import read_model
from discovery.wannier.wanniertools import write_wt_in
from tests.discovery.verification.test_wannier90 import INDICES, plan, prepare
from tests.discovery.wannier.wanniertools.plans import antimony
from tests.discovery.wannier90_files import PROGRAM

WT = shutil.which(os.environ.get("DISCOVER_WT", "wt.x"))
PLANE = "k1=0.5, k2-k3 plane:            "
real = pytest.mark.skipif(WT is None, reason="needs wt.x (WannierTools), on the path or in DISCOVER_WT")


@pytest.fixture
def folder(tmp_path: Path, shared: Path) -> Path:
    """The inputs of antimony's index, and the output that they led to as ``good``."""
    case = shared / "cases" / "Sb-strong-TI"
    (tmp_path / "s_hr.dat").write_bytes(gzip.decompress((case / "s_hr.dat.gz").read_bytes()))
    (tmp_path / "wt.in").write_text(write_wt_in(antimony(), ["z2"]))
    shutil.copyfile(case / "WT.out", tmp_path / "good")
    return tmp_path


def stand_in(folder: Path, body: str) -> tuple[str, ...]:
    """Return a command that runs some lines of Python in place of wt.x."""
    script = folder / "stand_in.py"
    script.write_text(f"import time\nfrom pathlib import Path\ngood = Path('good').read_text()\n{body}\n")
    return (sys.executable, str(script))


@real
@pytest.mark.slow
@pytest.mark.shared
def test_wt_finds_antimony_to_be_a_strong_topological_insulator(folder: Path) -> None:
    assert WT
    run = run_wt(folder, command=(WT,))
    assert run.output.finished
    assert run.output.indices == (1, 1, 1, 1)
    assert run.corrections == ()


@real
@pytest.mark.shared
def test_wt_without_its_hamiltonian_is_told(folder: Path) -> None:
    assert WT
    (folder / "s_hr.dat").unlink()
    with pytest.raises(StepError, match=r"WtValidator|return code"):
        run_wt(folder, command=(WT,), stalled_s=20)


@real
@pytest.mark.skipif(PROGRAM is None, reason="needs wannier90.x (Debian: wannier90)")
def test_wt_finds_the_index_of_a_plans_hamiltonian(tmp_path: Path) -> None:
    """One plan: wannier90.x makes the Hamiltonian, and wt.x reads it in the order of spins it is told."""
    assert WT
    run_wannier90(prepare(tmp_path, plan()), "s", 2)
    (tmp_path / "wt.in").write_text(write_wt_in(wt_plan(plan(), read_model(tmp_path), (0, 0, 1)), ["z2"]))
    assert run_wt(tmp_path, command=(WT,)).output.indices == INDICES


@pytest.mark.shared
def test_a_good_end_is_read(folder: Path) -> None:
    run = run_wt(folder, command=stand_in(folder, "Path('WT.out').write_text(good)"))
    assert run.output.indices == (1, 1, 1, 1)
    assert run.corrections == ()


@pytest.mark.shared
def test_indices_that_disagree_get_denser_loops(folder: Path) -> None:
    """The stand-in needs 81 points along a loop."""
    body = f"""
wrong = good.replace({PLANE + "1"!r}, {PLANE + "0"!r})
assert wrong != good
Path('WT.out').write_text(good if "Nk1 = 81" in Path('wt.in').read_text() else wrong)"""
    run = run_wt(folder, command=stand_in(folder, body))
    assert run.output.indices == (1, 1, 1, 1)
    assert run.corrections == ("denser Wilson loops: Nk1 = 81, Nk2 = 81",)
    assert (folder / "error.1.tar.gz").is_file()


@pytest.mark.shared
def test_indices_that_go_on_disagreeing_are_inconclusive(folder: Path) -> None:
    body = f"Path('WT.out').write_text(good.replace({PLANE + '1'!r}, {PLANE + '0'!r}))"
    run = run_wt(folder, command=stand_in(folder, body))
    assert run.output.indices is None
    assert run.corrections[-1] == "denser Wilson loops: Nk1 = 161, Nk2 = 161"


@pytest.mark.shared
def test_a_run_that_hangs_is_ended(folder: Path) -> None:
    body = "Path('WT.out').write_text(good[:5000])\ntime.sleep(60)"
    with pytest.raises(StepError, match="no line was written for 1 s") as caught:
        run_wt(folder, command=stand_in(folder, body), stalled_s=1.0)
    assert "SURFACE" in caught.value.remedy


@pytest.mark.shared
def test_a_run_that_breaks_off_is_told_in_its_own_words(folder: Path) -> None:
    body = "Path('WT.out').write_text(good[:5000])\nprint('Error: NumOccupied should be set')"
    with pytest.raises(StepError, match="Error: NumOccupied should be set"):
        run_wt(folder, command=stand_in(folder, body))


@pytest.mark.shared
def test_an_earlier_output_does_not_pass_for_this_ones(folder: Path) -> None:
    shutil.copyfile(folder / "good", folder / "WT.out")
    with pytest.raises(StepError, match="WtValidator"):
        run_wt(folder, command=stand_in(folder, "pass"))


def test_missing_program_and_input_are_told(tmp_path: Path) -> None:
    with pytest.raises(StepError, match=r"wt\.in is missing"):
        run_wt(tmp_path)
    (tmp_path / "wt.in").write_text("")
    with pytest.raises(StepError, match=r"no-such-wt\.x is not installed") as caught:
        run_wt(tmp_path, command=("no-such-wt.x",))
    assert "wannier_tools" in caught.value.remedy
