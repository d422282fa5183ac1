import re
import sys
from pathlib import Path

import pytest

from discovery.topology.parities import TRIMS, ParityError
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
