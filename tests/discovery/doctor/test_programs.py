"""Programs as the doctor sees them, with scripts in their places: plumbing, not physics."""

from collections.abc import Callable
from pathlib import Path

import pytest

from discovery.doctor import programs
from discovery.doctor.check import Check
from discovery.doctor.processes import ask
from discovery.verification.wannierise import COMMAND

Put = Callable[[str, str], Path]


@pytest.fixture
def put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Put:
    """Make ``name`` a shell script in the only directory of PATH."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.delenv(COMMAND, raising=False)

    def make(name: str, script: str) -> Path:
        path = place / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return path

    return make


def look(name: str, seconds: float = 20.0) -> Check:
    (it,) = (it for it in programs.known_programs() if it.name == name)
    return programs.program(it, seconds)


@pytest.mark.parametrize(
    ("name", "script", "version"),
    [
        ("pw.x", "echo '     Program PWSCF v.7.2 starts on 22Nov2026 at 22: 7:47'", "7.2"),
        ("pw.x", "echo ' Program PWSCF v.6.7MaX starts on'; exit 1", "6.7MaX"),
        ("projwfc.x", "echo '  Program PROJWFC v.7.2 starts on'", "7.2"),
        ("pw2wannier90.x", "echo '     Program PW2WANNIER v.7.3.1 starts on'", "7.3.1"),
        ("wannier90.x", '[ "$1" = -v ] && echo "Wannier90: 3.1.0"', "3.1.0"),
        ("wt.x", "echo ' Version 2.7.1' > WT.out; exit 2", "2.7.1"),
    ],
)
def test_version(put: Put, name: str, script: str, version: str) -> None:
    path = put(name, script)
    check = look(name)
    assert (check.name, check.state, check.found, check.remedy) == (name, "ok", f"{version}, {path}", "")


def test_absent_programs_are_missing_each_with_its_remedy(put: Put) -> None:
    for it in programs.known_programs():
        check = programs.program(it)
        assert check.state == "missing"
        assert it.name in check.found
        assert check.remedy


def test_a_program_that_was_named_and_is_not_there_is_broken(
    put: Put, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(COMMAND, "/nowhere/wannier90.x")
    assert look("wannier90.x").state == "broken"


def test_arguments_of_a_named_program_are_kept(put: Put, monkeypatch: pytest.MonkeyPatch) -> None:
    put("start", 'echo "Wannier90: $*"')
    monkeypatch.setenv(COMMAND, "start w.x")
    assert look("wannier90.x").found.startswith("w.x,")


@pytest.mark.parametrize(
    "script",
    ["echo 'pw.x: error while loading shared libraries: libmpi.so.40' >&2; exit 127", "exec /nowhere/at/all"],
)
def test_what_the_system_cannot_run_is_broken(put: Put, script: str) -> None:
    put("pw.x", script)
    check = look("pw.x")
    assert check.state == "broken"
    assert "does not start" in check.found
    assert "modules" in check.remedy


def test_no_format_that_the_system_knows(put: Put) -> None:
    path = put("pw.x", "")
    path.write_bytes(b"\x7fELF and nothing more")
    assert look("pw.x").state == "broken"


def test_silence_is_a_warning_since_login_nodes_start_no_mpi(put: Put) -> None:
    put("pw.x", "echo 'MPI_Init: not on a compute node' >&2; exit 1")
    check = look("pw.x")
    assert check.state == "warning"
    assert "does not tell its version" in check.found
    assert "in jobs only" in check.remedy


def test_hanging_is_given_up_with_its_children(put: Put, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    put("pw.x", f"PATH=/usr/bin:/bin; (sleep 2; touch {mark}) & sleep 60")
    check = look("pw.x", 0.3)
    assert check.state == "warning"
    assert "no answer in 0.3 s" in check.found
    assert ask(["/bin/sleep", "2.5"]).code == 0
    assert not mark.exists()


def test_programs_run_in_a_directory_of_their_own(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put("pw.x", "echo > CRASH; pwd; echo ' Program PWSCF v.7.2 starts'")
    place = ask(["pw.x"]).text.splitlines()[0]
    assert not Path("CRASH").exists()
    assert not Path(place).exists()


def test_vasp(put: Put) -> None:
    default = programs.vasp("VASP_NCL_CMD", "vasp_ncl", "vasp_ncl")
    assert default.state == "missing"
    assert "ATOMATE2_VASP_NCL_CMD" in default.remedy
    named = programs.vasp("VASP_NCL_CMD", "srun vasp_ncl", "vasp_ncl")
    assert (named.state, named.found) == ("broken", "no srun and no vasp_ncl in PATH")
    put("srun", "")
    put("vasp_ncl", "echo ran >&2; exit 1")
    assert programs.vasp("VASP_NCL_CMD", "srun vasp_ncl", "vasp_ncl").state == "ok"
    for wrong in ("", "srun 'vasp_ncl"):
        assert programs.vasp("VASP_NCL_CMD", wrong, "vasp_ncl").state == "broken"


DEFAULT = "mpirun -np {ranks}"


@pytest.mark.parametrize(
    ("command", "there", "state", "said"),
    [
        (DEFAULT, "mpirun", "ok", "4.1.4"),
        (DEFAULT, "", "missing", "no mpirun"),
        (DEFAULT, "srun", "missing", "DISCOVER_MPI_COMMAND='srun -n {ranks}'"),
        ("srun -n {ranks}", "srun", "ok", "4.1.4"),
        ("srun -n {ranks}", "mpirun", "broken", "DISCOVER_MPI_COMMAND='mpirun -np {ranks}'"),
        ("mpirun -np {rank}", "mpirun", "broken", "no command with {ranks}"),
        ("mpirun -np 4", "mpirun", "broken", "does not say {ranks}"),
        ("mpirun '-np {ranks}", "mpirun", "broken", "no command"),
        ("", "mpirun", "broken", "is empty"),
    ],
)
def test_launcher(put: Put, command: str, there: str, state: str, said: str) -> None:
    if there:
        put(there, "echo 'mpirun (Open MPI) 4.1.4'")
    check = programs.launcher(command, DEFAULT, 20.0)
    assert check.state == state
    assert said in f"{check.found} {check.remedy}"


@pytest.mark.parametrize(
    ("scripts", "state", "said"),
    [
        ({}, "missing", "no sbatch, squeue, scontrol"),
        ({"sbatch": "", "scontrol": ""}, "broken", "no squeue in PATH"),
        (
            {
                "sbatch": "echo slurm-wlm 22.05.8",
                "squeue": "",
                "scontrol": "echo 'Slurmctld(primary) at localhost is UP'",
            },
            "ok",
            "22.05.8, controller answers",
        ),
        (
            {
                "sbatch": "echo slurm 23.11",
                "squeue": "",
                "scontrol": "echo 'Slurmctld(primary) at localhost is DOWN'",
            },
            "broken",
            "is DOWN",
        ),
        (
            {
                "sbatch": "echo slurm 23.11",
                "squeue": "",
                "scontrol": "echo 'slurm_load_ctl_conf error: Unable to contact' >&2; exit 1",
            },
            "broken",
            "Unable to contact",
        ),
    ],
)
def test_scheduler(put: Put, scripts: dict[str, str], state: str, said: str) -> None:
    for name, script in scripts.items():
        put(name, script)
    check = programs.scheduler(20.0)
    assert check.state == state
    assert said in check.found


def test_irrep_of_this_python_and_of_another(
    put: Put, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "env" / "python"))
    assert programs.irrep().state == "missing"
    put("irrep", "")
    other = programs.irrep()
    assert other.state == "ok"
    assert "of another Python" in other.found
