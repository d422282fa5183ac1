import os
import sys
from pathlib import Path

import pytest

from discovery.settings import get_settings
from discovery.verification.engines import StepError
from discovery.verification.engines.espresso import execute


def program(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{text}")
    path.chmod(0o755)
    return path


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_a_missing_program_says_how_to_install_it(programs: Path) -> None:
    with pytest.raises(StepError, match=r"pw\.x is not installed") as refused:
        execute.command("pw.x", [])
    assert "apt install quantum-espresso" in refused.value.remedy


def test_ranks_go_through_the_launcher(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pw = program(programs, "pw.x", "")
    assert execute.command("pw.x", ["-in", "pw.in"]) == [str(pw), "-in", "pw.in"]
    with pytest.raises(StepError, match="mpirun is not installed"):
        execute.command("pw.x", [], ranks=2)
    program(programs, "srun", "")
    monkeypatch.setenv("DISCOVER_MPI_COMMAND", "srun -n {ranks} --exclusive")
    get_settings.cache_clear()
    assert execute.command("pw.x", ["-in", "a b"], ranks=4) == [
        "srun", "-n", "4", "--exclusive", str(pw), "-in", "a b",
    ]  # fmt: skip


def test_the_environment_names_threads_and_pseudopotentials(tmp_path: Path) -> None:
    found = execute.environment(3, tmp_path)
    assert found["OMP_NUM_THREADS"] == "3"
    assert found["ESPRESSO_PSEUDO"] == str(tmp_path)
    assert found["PATH"] == os.environ["PATH"]
    if os.geteuid() == 0:
        assert found["OMPI_ALLOW_RUN_AS_ROOT"] == found["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"


def test_time_memory_and_what_was_printed(tmp_path: Path) -> None:
    work = program(
        tmp_path,
        "work",
        "import sys, time\nblock = bytearray(60_000_000)\nend = time.process_time() + 0.7\n"
        "while time.process_time() < end: pass\n"
        "print('out')\nprint('err', file=sys.stderr)\nsys.exit(3)\n",
    )
    ran = execute.execute([str(work)], "work", tmp_path, "work.out")
    assert ran.code == 3
    assert ran.seconds >= 0.7
    assert 0.6 < ran.cpu_seconds < 5
    assert 60 < ran.memory_mb < 200
    assert (tmp_path / "work.out").read_text() == "out\n"
    assert (tmp_path / "work.out.err").read_text() == "err\n"


def test_a_program_that_cannot_start(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/nowhere/interpreter\n")
    broken.chmod(0o755)
    with pytest.raises(StepError, match="could not be started"):
        execute.execute([str(broken)], "broken", tmp_path, "out")
