from pathlib import Path

import pytest

from discovery.topology.tightbinding import HamiltonianError
from discovery.wannier.occupation import check_occupation, declared_occupation


def test_the_number_is_read_and_held_against_what_is_asked(tmp_path: Path) -> None:
    file = tmp_path / "a_hr.dat"
    assert declared_occupation(file) is None
    check_occupation(file, 7)
    (tmp_path / "wt.in").write_text("&SYSTEM\n! NumOccupied = 4\n numoccupied =18  ! bands\n/\n")
    assert declared_occupation(file) == 18
    check_occupation(file, 18)
    with pytest.raises(HamiltonianError, match=r"20 occupied .* NumOccupied = 18"):
        check_occupation(file, 20)


def test_a_wt_in_that_does_not_say(tmp_path: Path) -> None:
    (tmp_path / "wt.in").write_text("&SYSTEM\nSOC = 1\n/\n")
    assert declared_occupation(tmp_path / "a_hr.dat") is None


@pytest.mark.shared
@pytest.mark.parametrize(("case", "occupied"), [("GaAs-trivial", 8), ("Sb-strong-TI", 10)])
def test_cases(shared: Path, case: str, occupied: int) -> None:
    assert declared_occupation(shared / "cases" / case / "s_hr.dat.gz") == occupied
