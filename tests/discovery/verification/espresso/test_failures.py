import errno
from pathlib import Path

import pytest

from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.execute import Ran
from discovery.verification.engines.espresso.failures import check_ran

STOPPED = """
 %%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%
     Error in routine  c_bands (1):
     too many bands are not converged
 %%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%%
     stopping ...
"""
CARD = """
     Error in routine readpp (1):
     DFT+Hubbard input syntax has changed since v7.1
"""
UNCONVERGED = """
     estimated scf accuracy    <       0.50000000 Ry
     estimated scf accuracy    <       0.01230000 Ry
     convergence NOT achieved after   2 iterations: stopping
   JOB DONE.
"""


def check(tmp_path: Path, text: str, errors: str = "", code: int = 0) -> None:
    (tmp_path / "pw.out").write_text(text)
    (tmp_path / "pw.out.err").write_text(errors)
    check_ran(Ran("pw.x", code, 1.0, 1.0, 50.0), tmp_path, "pw.out")


def test_a_good_end_says_nothing(tmp_path: Path) -> None:
    check(tmp_path, "   JOB DONE.\n")


@pytest.mark.parametrize(
    ("text", "errors", "code", "reason", "remedy"),
    [
        (STOPPED, "", 1, "too many bands are not converged", "empty_at_least"),
        (CARD, "", 1, "DFT.Hubbard input syntax has changed since v7.1", "6.7 to 7.0"),
        (UNCONVERGED, "", 2, "did not converge.*0.01230000 Ry", "mixing_beta"),
        ("iteration # 3", "", 0, "ends before JOB DONE", "again"),
        ("", "Fortran runtime error: No space left on device", 2, "disk of .* is full", "room"),
        ("", "", -9, "want of memory", "fewer ranks"),
        ("", "", -11, "signal 11", "pw.out.err"),
        ("", "loading shared libraries: libmpi.so", 127, "libmpi", "pw.out.err"),
        ("", f"-----\nrank 1 was terminated\n{'-' * 74}\n", 1, "status 1: rank 1 was", "pw.out.err"),
    ],
)
def test_each_bad_end_has_a_reason_and_a_remedy(
    tmp_path: Path, text: str, errors: str, code: int, reason: str, remedy: str
) -> None:
    with pytest.raises(StepError, match=reason) as refused:
        check(tmp_path, text, errors, code)
    assert remedy in refused.value.remedy


def test_a_full_disk_is_seen_even_where_the_program_does_not_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 4096

    monkeypatch.setattr("shutil.disk_usage", lambda place: Usage)
    with pytest.raises(StepError, match="is full"):
        check(tmp_path, "", "", errno.EIO)


def test_the_crash_file_speaks_where_the_output_does_not(tmp_path: Path) -> None:
    (tmp_path / "CRASH").write_text(STOPPED)
    with pytest.raises(StepError, match="stopped in c_bands"):
        check(tmp_path, "", "MPI_ABORT was invoked", 1)
