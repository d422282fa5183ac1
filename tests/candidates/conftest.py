"""A PostgreSQL of the tests' own, and stores on both databases."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


def _program(name: str) -> str | None:
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return shutil.which(name) or (str(debian[-1]) if debian else None)


def _as_postgres(home: Path) -> list[str]:
    """Return what goes before a command: PostgreSQL's server does not run as root."""
    if os.geteuid() != 0:
        return []
    account = pwd.getpwnam("postgres")
    os.chown(home, account.pw_uid, account.pw_gid)
    return ["runuser", "-u", "postgres", "--"]


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """URL of a PostgreSQL: DISCOVER_TEST_POSTGRES, or one started here where pg_ctl is found."""
    pytest.importorskip("psycopg")
    if given := os.environ.get("DISCOVER_TEST_POSTGRES"):
        yield given
        return
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    if not (initdb and pg_ctl):
        pytest.skip("needs PostgreSQL: DISCOVER_TEST_POSTGRES=postgresql+psycopg://… or pg_ctl")
    home = Path(tempfile.mkdtemp(prefix="pg"))
    user = _as_postgres(home)
    data, log = str(home / "data"), str(home / "log")
    quiet = {"check": True, "cwd": home, "capture_output": True}
    try:
        subprocess.run([*user, initdb, "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8"], **quiet)
        options = f"-c listen_addresses='' -c unix_socket_directories='{home}' -c fsync=off"
        subprocess.run([*user, pg_ctl, "-D", data, "-l", log, "-o", options, "-w", "start"], **quiet)
        try:
            yield f"postgresql+psycopg://postgres@/postgres?host={home}"
        finally:
            subprocess.run([*user, pg_ctl, "-D", data, "-m", "immediate", "stop"], **quiet)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """URL of an empty database, dropped afterwards."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    name = f"discover_test_{uuid.uuid4().hex}"
    server = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """URL of an empty store, once in SQLite and once in PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'deep' / 'store.sqlite'}"
    return request.getfixturevalue("postgres_url")


@pytest.fixture
def old_store(tmp_path: Path) -> Callable[[str], str]:
    """Make a SQLite store as version 1 of this program wrote it, changed by some SQL; gives its URL."""
    import sqlite3

    def make(change: str = "") -> str:
        path = tmp_path / "old.sqlite"
        with sqlite3.connect(path) as raw:
            raw.executescript((Path(__file__).parent / "store_v1.sql").read_text(encoding="utf-8") + change)
        raw.close()
        return f"sqlite:///{path}"

    return make
