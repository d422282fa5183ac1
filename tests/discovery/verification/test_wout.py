"""Outputs of wannier90.x, from the worked cases and cut to pieces."""

from pathlib import Path

import numpy as np
import pytest

from discovery.verification.engines import StepError
from discovery.verification.wout import header, parse_wout, read_eig, read_nnkp, read_wout


@pytest.fixture
def antimony(shared: Path) -> str:
    return (shared / "cases" / "Sb-strong-TI" / "s.wout").read_text()


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "counts", "largest", "limit", "omega_i"),
    [
        ("Sb-strong-TI", (16, 24), 4.13411386, 15.396, 37.898243505),
        ("GaAs-trivial", (16, 24), 2.72504459, 12.683, 22.291301936),
    ],
)
def test_runs_that_ended_well(
    shared: Path, case: str, counts: tuple[int, int], largest: float, limit: float, omega_i: float
) -> None:
    wout = read_wout(shared / "cases" / case / "s.wout")
    assert (wout.num_wann, wout.num_bands) == counts
    assert (wout.version, wout.n_neighbours, wout.finished, wout.error) == ("3.1.0", 8, True, "")
    assert wout.disentangled is True
    assert wout.largest_spread == pytest.approx(largest)
    assert wout.spread_limit == pytest.approx(limit, abs=1e-3)
    assert wout.omega_i == pytest.approx(omega_i)
    assert wout.warnings == ()


@pytest.mark.shared
def test_centres_are_final_and_cartesian(antimony: str) -> None:
    wout = parse_wout(antimony)
    assert wout.centres is not None
    assert wout.spreads is not None
    assert wout.centres.shape == (16, 3)
    np.testing.assert_allclose(wout.centres[0], [0, 0.00002, 2.628021], atol=1e-9)
    assert wout.spreads.sum() == pytest.approx(56.10915214, abs=1e-6)
    assert wout.seconds == 4.372
    assert len(wout.changes) == 89
    assert wout.changes[-1] == pytest.approx(-7.311e-11)


@pytest.mark.shared
def test_a_disentanglement_that_did_not_converge(shared: Path) -> None:
    wout = read_wout(shared / "cases" / "Bi2Se3-bad-wannierisation" / "s.wout")
    assert wout.disentangled is False
    assert wout.finished
    assert wout.largest_spread == pytest.approx(15.77469574)
    assert len(wout.changes) == 200
    assert wout.warnings == ("Warning: Maximum number of disentanglement iterations reached",)


@pytest.mark.shared
def test_a_run_that_broke_off_is_read_as_far_as_it_came(antimony: str) -> None:
    start = antimony.partition(" *------------------------------- DISENTANGLE")
    text = start[0] + " Exiting.......\n dis_windows: More states in the frozen window than target WFs\n"
    wout = parse_wout(text)
    assert wout.error == "dis_windows: More states in the frozen window than target WFs"
    assert (wout.num_wann, wout.finished, wout.spreads, wout.disentangled) == (16, False, None, None)
    assert wout.largest_spread == float("inf")


@pytest.mark.shared
def test_spreads_that_are_no_numbers_are_infinite(antimony: str) -> None:
    final = antimony.replace("1.71624526", "NaN", 2)
    assert parse_wout(final).largest_spread == float("inf")


@pytest.mark.shared
def test_bohr(antimony: str) -> None:
    text = antimony.replace("60.41275  (Ang^3)", "60.41275  (Bohr^3)")
    assert parse_wout(text).volume == pytest.approx(60.41275 * 0.529177**3, rel=1e-5)
    assert parse_wout(text).largest_spread == pytest.approx(4.13411386 * 0.529177**2, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "message"), [("", "no output of wannier90"), ("hello", "no output of wannier90")]
)
def test_other_files_are_refused(text: str, message: str) -> None:
    with pytest.raises(StepError, match=message):
        parse_wout(text)


@pytest.mark.shared
def test_a_run_that_broke_off_at_once_says_why(antimony: str, tmp_path: Path) -> None:
    path = tmp_path / "s.wout"
    path.write_text(antimony.partition("Unit Cell Volume")[0] + "\n Exiting.......\n Error: no num_wann\n")
    with pytest.raises(StepError, match=r"s\.wout: .* ends before the counts: Error: no num_wann"):
        read_wout(path)
    with pytest.raises(StepError, match="did not start"):
        read_wout(tmp_path / "other.wout")


def test_eig(tmp_path: Path) -> None:
    path = tmp_path / "s.eig"
    path.write_text("1 1 -1.0\n2 1 0.5\n1 2 -0.9\n2 2 0.7\n")
    np.testing.assert_array_equal(read_eig(path), [[-1.0, 0.5], [-0.9, 0.7]])


@pytest.mark.parametrize(
    "text", ["1 1 -1.0\n2 1 0.5\n1 2 -0.9\n", "1 1\n", "1 1 x\n", "1 1 0\n1 1 0\n", "\n"]
)
def test_a_damaged_eig_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.eig"
    path.write_text(text)
    with pytest.raises(StepError, match=r"s\.eig is cut off or mixed up"):
        read_eig(path)


def test_missing_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="is missing"):
        read_eig(tmp_path / "s.eig")
    with pytest.raises(StepError, match="is missing"):
        read_nnkp(tmp_path / "s.nnkp")
    with pytest.raises(StepError, match="is missing"):
        header(tmp_path / "s.mmn")
    (tmp_path / "s.mmn").write_text("only one line\n")
    with pytest.raises(StepError, match="no counts"):
        header(tmp_path / "s.mmn")
    (tmp_path / "s.nnkp").write_text("begin kpoints\n 1\n 0 0 0\nend kpoints\n")
    with pytest.raises(StepError, match="cut off"):
        read_nnkp(tmp_path / "s.nnkp")
