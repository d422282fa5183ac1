"""All checks together, and ``discover doctor``."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from typer.testing import CliRunner

from discovery.cli.main import app
from discovery.doctor import Check, examine, healthy, places
from discovery.doctor.check import Pending
from discovery.doctor.examine import conceal, secrets
from discovery.settings import Settings, get_settings

NAMES = {
    "MPI launcher", "Materials Project key", "POTCAR library (PBE_54)", "PyTorch", "Python",
    "cache directory", "candidate store", "clock", "data directory", "databases", "free disk", "irrep",
    "model benchmark", "model discovery", "packages for parities", "packages for remote databases",
    "packages for the review page", "projwfc.x", "pseudopotentials", "pw.x", "pw2wannier90.x",
    "scheduler (SLURM)", "queue (squeue, sinfo)", "clock of the scheduler", "cluster file", "vasp_ncl",
    "vasp_std", "wannier90.x", "wt.x", "your own models",
}  # fmt: skip


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any program."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    monkeypatch.setattr("pymatgen.core.SETTINGS", {})
    for name in ("DISCOVER_WANNIER90", "DISCOVER_MPI_COMMAND", "DISCOVER_MP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    get_settings.cache_clear()
    return tmp_path


def test_a_bare_machine_is_healthy_and_stays_as_it_is(bare: Path) -> None:
    before = sorted(bare.rglob("*"))
    checks = {check.name: check for check in examine(get_settings())}
    assert set(checks) == NAMES
    assert healthy(list(checks.values()))
    for name in ("pw.x", "wannier90.x", "wt.x", "irrep", "vasp_ncl", "MPI launcher", "scheduler (SLURM)"):
        assert checks[name].state == "missing"
    assert all(check.remedy for check in checks.values() if check.state != "ok")
    assert sorted(bare.rglob("*")) == before


def test_command(bare: Path) -> None:
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 0, done.output
    for word in ("what to do", "model discovery", "discover pseudos fetch", "no sbatch"):
        assert word in done.stdout
    assert " missing" in done.stderr
    facts = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    assert facts["healthy"] is True
    assert {check["name"] for check in facts["checks"]} == NAMES
    assert set(facts["checks"][0]) == {"name", "state", "found", "remedy"}


def test_a_broken_store_makes_the_exit_status_1(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare / "file").write_text("")
    monkeypatch.setenv("DISCOVER_STORE_URL", f"sqlite:///{bare}/file/store.sqlite")
    get_settings.cache_clear()
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    broken = [check for check in json.loads(done.stdout)["checks"] if check["state"] == "broken"]
    assert [check["name"] for check in broken] == ["candidate store"]
    assert "DISCOVER_STORE_URL" in broken[0]["remedy"]


def test_no_key_is_printed(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCOVER_MP_API_KEY", "key-of-the-mp-0123")
    monkeypatch.setenv("SOME_TOKEN", "token-4567")
    monkeypatch.setenv(
        "DISCOVER_STORE_URL", "postgresql+psycopg://ana:hunter22@127.0.0.1:1/db?sslpassword=drowssap"
    )
    monkeypatch.setenv("DISCOVER_MPI_COMMAND", "token-4567 {ranks}")
    get_settings.cache_clear()
    for words in (["doctor"], ["doctor", "--json"]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 1
        for secret in ("key-of-the-mp-0123", "token-4567", "hunter22", "drowssap"):
            assert secret not in done.output
    assert "***" in done.output


def test_secrets_of_every_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(store_url="postgresql://u:p%40ssword@h/db", mirror="https://me:letmein@mirror/x")
    hidden = secrets(settings)
    assert {"p@ssword", "p%40ssword", "letmein"} <= set(hidden)
    assert conceal("as p@ssword and letmein say", hidden) == "as *** and *** say"


def test_an_error_that_nobody_foresaw_is_one_line(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path) -> Check:
        raise RuntimeError("the disk sings\nand more")

    monkeypatch.setattr(places, "clock", fail)
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    clock = next(check for check in json.loads(done.stdout)["checks"] if check["name"] == "clock")
    assert clock["found"] == "RuntimeError: the disk sings"


def test_what_hangs_is_given_up() -> None:
    stuck = threading.Event()

    def hang() -> Check:
        stuck.wait(60)
        return Check("store", "ok", "")

    check = Pending("store", hang).result(0.05)
    stuck.set()
    assert check.state == "broken"
    assert "no answer in 0.05 s" in check.found


def test_settings_that_cannot_be_read(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("discovery.settings.get_settings", lambda: Settings(data_dir=3))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 2
    assert "DISCOVER_DATA_DIR" in done.stderr


def test_what_takes_seconds_to_import_stays_away() -> None:
    code = (
        "import sys; from discovery.doctor import examine; from discovery.settings import get_settings;"
        "examine(get_settings());"
        "slow = ('torch', 'pymatgen.io.vasp', 'atomate2.vasp', 'mp_api', 'plotly');"
        "print([m for m in slow if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
