import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from discovery.topology.parities import TRIMS, ParityError, inversion_centre
from discovery.wannier.irrep import IrrepError, irrep_command, parse_irrep, run_irrep


def log_of(odd: tuple[int, ...], bands: int = 6, start: int = 1) -> str:
    """Write what irrep prints of a crystal with these numbers of odd Kramers pairs."""
    k = [" ".join(f"{0.5 * x:.5f}" for x in trim) for trim in TRIMS]
    head = [f"Saving {bands} bands starting from {start} in the output"]
    for i, count in enumerate(odd):
        head += [f"kpoint {i + 1} = [ {k[i]} ] ", f"number of inversion-odd states: {2 * count}"]
    head.append("Space group: P-1 (# 2)")
    for i, count in enumerate(odd):
        head += [f" k-point   {i + 1} : [ {k[i]} ] (in DFT cell)", "", "Invariant under inversion: Yes"]
        head += [f"Number of inversions-odd Kramers pairs : {count}", "Gap with upper bands:  0.5", ""]
    total = sum(odd)
    head += [f"TOTAL number of inversions-odd Kramers pairs : {total}"]
    return "\n".join([*head, f"Z2 invariant: {total % 2}", f"Z4 invariant: {total % 4}", ""])


@pytest.mark.shared
def test_the_log_of_antimony_gives_a_strong_topological_insulator(shared: Path) -> None:
    found = parse_irrep((shared / "cases/Sb-parities/irrep.log").read_text(encoding="utf-8"))
    assert str(found.indices) == "1;(111)"
    assert [found.odd_pairs[trim] for trim in TRIMS] == [6, 7, 7, 8, 7, 8, 8, 8]
    assert found.n_bands == 30
    assert found.spacegroup == 166
    assert found.gaps_ev[(1, 0, 0)] == pytest.approx(0.1138, abs=1e-4)


def test_a_log_is_read_by_its_k_points() -> None:
    found = parse_irrep(log_of((1, 0, 0, 0, 0, 0, 0, 0)))
    assert found.indices.nu == (1, 0, 0, 0)
    assert found.indices.z4_odd == 1


GOOD = log_of((1, 0, 0, 0, 0, 0, 0, 2))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("", IrrepError, "not a log"),
        (GOOD[: len(GOOD) // 2], IrrepError, "cut off"),
        (GOOD.replace("inversion: Yes", "inversion: No", 1), IrrepError, "without it there are no parities"),
        (GOOD.replace("Z2 invariant: 1", "Z2 invariant: 0"), IrrepError, "mixed up"),
        (GOOD.replace("Kramers pairs : 2", "Kramers pairs : 1"), IrrepError, "disagree"),
        (GOOD.replace("odd states: 4", "odd states: 5"), ParityError, "5 inversion-odd states"),
        (GOOD.replace("bands:  0.5", "bands:  1e-6", 1), ParityError, "degenerate with the next"),
        (re.sub(r"0\.50000 0\.50000 0\.50000", "0.5 0.5 0.25", GOOD), ParityError, "not a time-reversal"),
        (log_of((0, 0, 0, 0, 0, 0, 0)), ParityError, "missing"),
        (log_of((1,) * 8, bands=5), ParityError, "whole number"),
        (log_of((1,) * 8, start=3), IrrepError, "IBstart"),
    ],
)
def test_logs_that_hold_no_parities_are_refused(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        parse_irrep(text)


def test_the_command_is_a_list_of_arguments() -> None:
    assert irrep_command("tmp/s; rm -r x", 30) == [
        *("irrep", "-code", "espresso", "-prefix", "tmp/s; rm -r x"),
        *("-kpoints", "1,2,3,4,5,6,7,8", "-IBend", "30"),
    ]
    with pytest.raises(ParityError, match="31 electrons"):
        irrep_command("s", 31)
    with pytest.raises(ParityError, match="7 k-points"):
        irrep_command("s", 30, range(1, 8))


def program(path: Path, body: str) -> str:
    path.write_text(f"#!{sys.executable}\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_irrep_is_run_where_the_calculation_lies_and_its_failures_are_told(tmp_path: Path) -> None:
    script = f"import os, sys; assert os.getcwd() == {str(tmp_path)!r}; print({GOOD!r})"
    found, log = run_irrep(tmp_path, "s", 6, executable=program(tmp_path / "good", script))
    assert str(found.indices) == "1;(000)"
    assert "Z2 invariant" in log
    with pytest.raises(IrrepError, match="not installed"):
        run_irrep(tmp_path, "s", 6, executable="no-such-irrep")
    failing = program(tmp_path / "bad", "raise RuntimeError('No pair found for the g-vector')")
    with pytest.raises(IrrepError, match="symmetrise"):
        run_irrep(tmp_path, "s", 6, executable=failing)
    with pytest.raises(IrrepError, match="more than"):
        run_irrep(
            tmp_path,
            "s",
            6,
            executable=program(tmp_path / "slow", "import time; time.sleep(5)"),
            timeout_s=0.2,
        )


SHIFTED = """
rotation : | -1   0   0 |
           |  0  -1   0 |
           |  0   0  -1 |


translation         :  [   0.2500   0.2500   0.5000 ]
"""


def test_an_inversion_about_another_point_than_the_origin_is_told_apart_from_none() -> None:
    log = GOOD.replace("inversion: Yes", "inversion: No")
    with pytest.raises(IrrepError, match=r"about \(0.12500, 0.12500, 0.25000\).*move all atoms"):
        parse_irrep(SHIFTED + log)


PLACES = (Path("/usr/share/espresso/pseudo"), Path(os.environ.get("DISCOVER_PSEUDO_DIR", "/none")))


@pytest.fixture
def silicon(request: pytest.FixtureRequest) -> Path:
    """A fully relativistic, norm-conserving pseudopotential of silicon."""
    places = list(PLACES)
    for program in ("pw.x", "irrep"):
        if not (shutil.which(program) or Path(sys.executable).with_name(program).is_file()):
            pytest.skip(f"needs {program}")
    if not any((place / "Si_r.upf").is_file() for place in places):
        places.append(request.getfixturevalue("shared") / "pseudopotentials/pseudodojo-pbe-fr")
    found = next((place / "Si_r.upf" for place in places if (place / "Si_r.upf").is_file()), None)
    if found is None:
        pytest.skip("needs PseudoDojo's Si_r.upf (Debian: quantum-espresso-data), or DISCOVER_PSEUDO_DIR")
    return found


def run_silicon(folder: Path, upf: Path, atoms: np.ndarray) -> None:
    """Run pw.x for silicon with its atoms there: self-consistently, then on the eight TRIMs."""
    rows = "\n".join("Si " + " ".join(f"{x:.9f}" for x in row) for row in atoms)
    head = """&control
 calculation='{what}', prefix='s', outdir='./tmp', pseudo_dir='{folder}'
/
&system
 ibrav=2, celldm(1)=10.26, nat=2, ntyp=1, ecutwfc=16, noncolin=.true., lspinorb=.true.{more}
/
&electrons
 conv_thr=1d-6
/
ATOMIC_SPECIES
Si 28.085 {name}
ATOMIC_POSITIONS crystal
{rows}
K_POINTS {k}
"""
    trims = "\n".join(" ".join(str(0.5 * x) for x in trim) + " 1" for trim in TRIMS)
    steps = (
        ("scf", "", "automatic\n2 2 2 0 0 0"),
        ("bands", ", nbnd=12, nosym=.true., noinv=.true.", f"crystal\n8\n{trims}"),
    )
    (folder / upf.name).symlink_to(upf)  # a short path: pw.x cuts long ones
    environment = os.environ | {
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMP_NUM_THREADS": "1",
    }
    for what, more, k in steps:
        text = head.format(what=what, folder=".", more=more, name=upf.name, rows=rows, k=k)
        (folder / f"{what}.in").write_text(text)
        done = subprocess.run(["pw.x", "-in", f"{what}.in"], cwd=folder, env=environment, capture_output=True,
                              text=True, timeout=300)  # fmt: skip
        assert "JOB DONE" in done.stdout, done.stdout[-500:]


FCC = 0.5 * 5.43 * np.array([[-1, 0, 1], [0, 1, 1], [-1, 1, 0]])


@pytest.mark.slow
def test_silicon_is_trivial_by_quantum_espresso_and_irrep(silicon: Path, tmp_path: Path) -> None:
    asked = np.array([[0.25, 0.25, 0.25], [0, 0, 0]])
    off, at_origin = tmp_path / "off", tmp_path / "at_origin"
    for folder in (off, at_origin):
        folder.mkdir()
    run_silicon(off, silicon, asked)
    with pytest.raises(IrrepError, match=r"about \(0.12500, 0.12500, 0.12500\)"):
        run_irrep(off, "tmp/s", 8)
    centre = inversion_centre(FCC, asked, [14, 14])
    assert centre is not None
    run_silicon(at_origin, silicon, asked - centre)
    found, log = run_irrep(at_origin, "tmp/s", 8)
    assert str(found.indices) == "0;(000)"
    assert found.indices.z4 == 0
    # The four bonding pairs at Γ are even about a bond's centre; the four L are unlike, one bond lies there.
    assert [found.odd_pairs[trim] for trim in TRIMS] == [0, 1, 1, 2, 1, 2, 2, 3]
    assert (found.n_bands, found.spacegroup) == (8, 227)
    assert found.gaps_ev[(0, 0, 0)] == pytest.approx(2.4, abs=0.1)
    assert "Space group: Fd-3m" in log
    with pytest.raises(IrrepError, match="ended with 1"):
        run_irrep(at_origin, "tmp/absent", 8)
    with pytest.raises(ParityError, match=r"cuts a pair|degenerate with the next"):
        run_irrep(at_origin, "tmp/s", 6)
