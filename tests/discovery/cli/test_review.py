"""``discover review`` from a script, and the server that it starts."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from candidates.reviews import Reviews
from candidates.store import Store
from discovery.cli.main import app
from discovery.settings import get_settings
from tests.sample_records import make_candidate, make_run

IDS = [make_candidate(n).id for n in range(1, 4)]


@pytest.fixture
def store() -> Store:
    store = Store(get_settings().resolved_store_url)
    store.add_run(make_run(), [make_candidate(n) for n in range(1, 4)])
    return store


def _run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["review", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_set_history_and_undo(store: Store) -> None:
    shown = _run(
        "set",
        IDS[0][:9],
        "--accept",
        "--note",
        "flat bands",
        "--tag",
        "soon",
        "--by",
        "ana",
        "--assign",
        "ben",
    )
    assert shown.split() == [IDS[0], "Ag2HgSnSe4", "accepted", "for", "ben", "tags", "soon"]
    _run("set", IDS[0], IDS[1], "--reject", "--by", "ben")
    _run("set", IDS[0], "--untag", "soon", "--by", "ben")
    records = json.loads(_run("history", IDS[0], "--json"))
    assert [(r["version"], r["reviewer"], r["action"]) for r in records] == [
        (1, "ana", "accept"),
        (2, "ben", "reject"),
        (3, "ben", "tag"),
    ]
    assert "soon" in _run("undo", "--by", "ben")
    assert "open" in _run("undo", "--by", "ben")
    table = _run("history", IDS[0][:9])
    assert "undo of 2" in table
    assert "flat bands" in table
    assert Reviews(store).accepted() == [IDS[0]]
    assert "nothing of ben" in _run("undo", "--by", "ben", code=1)


def test_the_login_is_the_reviewer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "dora")
    _run("set", IDS[0], "--hold")
    assert Reviews(store).history(IDS[0])[0].reviewer == "dora"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["set", IDS[0]], 2, "nothing to change"),
        (["set", IDS[0], "--accept", "--reject"], 2, "exclude each other"),
        (["set", IDS[0], "--tag", "x" * 60], 2, "at most 50 characters"),
        (["set", IDS[0], "--accept", "--by", " "], 2, "name of somebody"),
        (["set", IDS[0], "--accept", "--by", "\x1b[31m"], 2, "name of somebody"),
        (["set", "nothing", "--accept"], 1, "no candidate 'nothing'"),
        (["set", IDS[0], "nothing", "--accept"], 1, "no candidate 'nothing'"),
        (["history", "nothing"], 1, "no candidate 'nothing'"),
        (["export", "-o", "x.exe"], 2, "Choose from .csv, .json, .bib, .md"),
        (["export", "--labels", "-o", "x.md"], 2, "Choose from .csv, .parquet"),
        (["export", "-o", "no/such/place.csv"], 1, "cannot be written"),
        (["export", "--run", "zzz", "-o", "x.csv"], 1, "no run 'zzz'"),
        (["--run", "zzz"], 1, "no run 'zzz'"),
    ],
)
def test_refusals(store: Store, arguments: list[str], code: int, said: str) -> None:
    assert said in " ".join(_run(*arguments, code=code).split())
    assert Reviews(store).states() == {}


def test_exports(store: Store, tmp_path: Path) -> None:
    _run("set", IDS[0], "--accept", "--note", "flat", "--tag", "is:TSM", "--by", "ana")
    _run("set", IDS[1], "--reject", "--by", "ana")
    for ending in ("csv", "json", "md", "bib"):
        assert "2 candidates in" in _run("export", "-o", str(tmp_path / f"decisions.{ending}"))
    with (tmp_path / "decisions.csv").open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["accepted", "rejected"]
    assert "1 candidate in" in _run("export", "--status", "accepted", "-o", str(tmp_path / "accepted.json"))
    assert "1 label in" in _run("export", "--labels", "-o", str(tmp_path / "labels.csv"))
    assert (tmp_path / "labels.csv").read_text() == "id,formula,class\nmp-10001,Ag2HgSnSe4,TSM\n"
    _run("export", "--labels", "-o", str(tmp_path / "labels.parquet"))
    assert pq.read_table(tmp_path / "labels.parquet")["arsenal"].to_pylist() == ["TSM"]


def test_a_verdict_makes_a_label(store: Store, tmp_path: Path) -> None:
    from candidates.records import Verdict
    from candidates.verification import Verification
    from candidates.verifications import add_verification

    _run("set", IDS[0], "--accept", "--by", "ana")
    verdict = Verdict(topology="weak TI", reasons=("ν0 is 0",), gates=(), provisional=False)
    verified = Verification(
        candidate_id=IDS[0], created="2026-01-01T00:00:00Z", engine="espresso", preset="fast",
        functional="PBE", state="verified", steps=(), verdict=verdict,
    )  # fmt: skip
    add_verification(store, verified)
    _run("export", "--labels", "-o", str(tmp_path / "labels.csv"))
    assert (tmp_path / "labels.csv").read_text().splitlines()[1:] == ["mp-10001,Ag2HgSnSe4,TI"]


def test_control_characters_do_not_reach_the_terminal(store: Store) -> None:
    from candidates.review import Edit

    Reviews(store).add([IDS[0]], Edit(note="\x1b[31mred\x07"), "ana")
    assert "\x1b[31m" not in _run("history", IDS[0])


def _start(*options: str) -> tuple[subprocess.Popen[str], str]:
    command = [
        sys.executable,
        "-c",
        "from discovery.cli.main import main; main()",
        "review",
        "--port",
        "0",
        *options,
    ]
    server = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert server.stdout is not None
    return server, server.stdout.readline().strip()


def _stop(server: subprocess.Popen[str]) -> tuple[int, str]:
    server.send_signal(signal.SIGINT)
    _, errors = server.communicate(timeout=20)
    return server.returncode, errors


def test_the_server_starts_on_loopback_and_ends_with_ctrl_c(store: Store) -> None:
    server, address = _start("--by", "ana")
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", address)
        client = httpx.Client(trust_env=False)
        assert client.get(f"{address}api/session").json()["reviewer"] == "ana"
        answer = client.get(address)
        assert "server" not in answer.headers
        assert client.get(address, headers={"host": "evil.example"}).status_code == 421
    finally:
        code, errors = _stop(server)
    assert code == 0
    assert "Traceback" not in errors


def test_elsewhere_it_asks_for_the_token_that_it_prints(store: Store) -> None:
    server, address = _start("--host", "0.0.0.0")
    try:
        port, token = re.fullmatch(r"http://[^/]+:([0-9]+)/\?token=([\w-]{40,})", address).groups()  # type: ignore[union-attr]
        with httpx.Client(trust_env=False, base_url=f"http://127.0.0.1:{port}") as client:
            assert client.get("/").status_code == 401
            assert client.get("/", headers={"host": f"{socket.gethostname()}:{port}"}).status_code == 401
            assert client.get("/", headers={"host": "evil.example"}).status_code == 421
            assert client.get("/", params={"token": token}).status_code == 200
            assert client.get("/api/session").status_code == 200, "the cookie was kept"
    finally:
        _, errors = _stop(server)
    assert token not in errors
    assert "SSH" in errors


def test_on_a_shared_machine_loopback_asks_too(store: Store) -> None:
    server, address = _start("--token")
    try:
        assert "?token=" in address
        assert httpx.Client(trust_env=False).get(address.partition("?")[0]).status_code == 401
    finally:
        _stop(server)


def test_a_port_that_is_taken_is_named(store: Store) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        output = _run("--port", str(taken.getsockname()[1]), code=1)
    assert "cannot listen on 127.0.0.1" in output
    assert "--port" in output
