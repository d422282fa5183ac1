"""Nobody comes in by a wrong name, without the token, from another page, or with too much."""

import re

import pytest

from candidates.app.guard import BODY_LIMIT, Access, is_loopback
from candidates.app.server import create_app
from candidates.reviews import Reviews
from candidates.store import Store
from tests.candidates.app.asking import Asker
from tests.sample_records import make_candidate, make_run

ID = make_candidate(1).id


@pytest.fixture
def store(tmp_path: object) -> Store:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.add_run(make_run(), [make_candidate(n) for n in range(1, 4)])
    return store


@pytest.fixture
def ask(store: Store) -> Asker:
    return Asker(create_app(store, Access(csrf="right")), csrf="right")


def _judgement(**changes: object) -> dict[str, object]:
    return {"reviewer": "ana", "ids": [ID], "seen": {}, "edit": {"status": "accepted"}} | changes


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.5", False),
        ("example.org", False),
        ("localhost.evil", False),
    ],
)
def test_what_counts_as_loopback(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "127.0.0.1:9", "[::1]:8765", "LOCALHOST:1"])
def test_own_names_are_answered(ask: Asker, host: str) -> None:
    assert ask.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "evil.example:8765",
        "192.168.1.5",
        "[::2]",
        "",
        "localhost@evil",
        "127.0.0.1.evil",
        "localhost/",
        "x\\localhost",
        "[::1",
        "a, localhost",
        "0x7f.1",
        "localhost:8765:1",
    ],
)
def test_other_names_are_not(ask: Asker, host: str) -> None:
    answer = ask.get("/", headers={"host": host})
    assert answer.status_code == 421
    assert "<" not in answer.text
    assert ask.post("/api/undo", {"reviewer": "ana"}, headers={"host": host}).status_code == 421


def test_a_server_for_others_answers_to_addresses_and_names_that_were_given() -> None:
    access = Access(names=frozenset({"localhost", "cluster"}), loopback=False, token="t")
    assert access.answers("10.1.2.3:8765")
    assert access.answers("cluster:8765")
    assert not access.answers("evil.example:8765")


def test_every_answer_has_the_headers(ask: Asker) -> None:
    answers = [
        ask.get("/"),
        ask.get("/static/app.js"),
        ask.get("/nothing"),
        ask.get("/api/session"),
        ask.get(f"/candidate/{ID}"),
        ask.get("/", headers={"host": "evil.example"}),
        ask.post("/api/review", {}),
        ask.get("/export/decisions.csv"),
    ]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in answer.headers


def test_the_page_runs_no_inline_script_and_no_inline_style(ask: Asker) -> None:
    html = ask.get("/").text
    assert not re.search(r"<script(?![^>]*\bsrc=)", html)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", html)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html), "everything comes from here"


def test_writing_needs_what_only_the_own_page_knows(ask: Asker, store: Store) -> None:
    refused = [
        ask.post("/api/review", _judgement(), headers={"x-review-token": "wrong"}),
        ask.post("/api/review", _judgement(), headers={"x-review-token": ""}),
        ask.post("/api/review", _judgement(), headers={"origin": "http://evil.example"}),
        ask.post("/api/review", _judgement(), headers={"origin": "null"}),
        ask.post("/api/review", _judgement(), headers={"origin": "https://localhost"}),
        ask.post("/api/review", _judgement(), headers={"origin": "http://localhost:1"}),
        ask.post("/api/review", _judgement(), headers={"sec-fetch-site": "cross-site"}),
        ask.post("/api/review", _judgement(), headers={"sec-fetch-site": "same-site"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert refused[0].headers["x-review-reload"] == "1"
    form = ask.send(
        "POST",
        "/api/review",
        content=b"reviewer=ana",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    plain = ask.send("POST", "/api/review", content=b"{}", headers={"content-type": "text/plain"})
    assert (form.status_code, plain.status_code) == (415, 415)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert ask.send(method, "/api/review", headers={"x-review-token": "wrong"}).status_code == 403
    assert Reviews(store).history(ID) == []
    allowed = ask.post(
        "/api/review", _judgement(), headers={"origin": "http://localhost", "sec-fetch-site": "same-origin"}
    )
    assert allowed.status_code == 200
    assert len(Reviews(store).history(ID)) == 1


def test_reading_never_writes(ask: Asker, store: Store) -> None:
    for path in ("/api/review", "/api/undo", "/api/take-back"):
        assert ask.get(path).status_code == 405
    assert Reviews(store).history(ID) == []


def test_bodies_end_at_the_limit(ask: Asker, store: Store) -> None:
    big = b'{"reviewer": "' + b"a" * BODY_LIMIT + b'"}'
    assert ask.send("POST", "/api/review", content=big).status_code == 413
    assert (
        ask.send(
            "POST", "/api/review", content=b"{}", headers={"content-length": "99999999999999999999"}
        ).status_code
        == 413
    )
    assert ask.send("POST", "/api/review", content=b"{}", headers={"content-length": "-1"}).status_code == 413

    read = 0

    async def endless():  # type: ignore[no-untyped-def]
        nonlocal read
        for _ in range(1000):
            read += 100_000
            yield b" " * 100_000

    assert ask.send("POST", "/api/review", content=endless()).status_code == 413
    assert read <= BODY_LIMIT + 400_000, "the rest is not read"
    assert Reviews(store).history(ID) == []


# ---- with a token


@pytest.fixture
def locked(store: Store) -> Asker:
    access = Access(
        names=frozenset({"localhost", "cluster"}), loopback=False, token="s3cret", cookie="c", csrf="right"
    )
    return Asker(create_app(store, access), csrf="right", host="cluster:8765")


def test_without_the_token_nothing_is_given(locked: Asker) -> None:
    for path in (
        "/",
        "/?token=",
        "/?token=wrong",
        "/?token=s3cre",
        "/?token=s3cret1",
        "/?token=%FF",
        "/static/app.js",
        "/api/session",
        "/export/decisions.csv",
    ):
        assert locked.get(path).status_code == 401, path
    for cookie in ("c=wrong", "c=s3cret", "c=", "other=1", "c=\xff", "c", '"; c=x'):
        assert locked.get("/", headers={"cookie": cookie}).status_code == 401, cookie
    assert locked.post("/api/review", _judgement()).status_code == 401
    assert locked.post("/api/undo?token=s3cret", {"reviewer": "ana"}).status_code == 401, (
        "not in the address of a write"
    )


def test_the_token_is_exchanged_for_a_cookie(locked: Asker) -> None:
    answer = locked.get("/?token=s3cret")
    assert answer.status_code == 200
    cookie = answer.headers["set-cookie"]
    assert "; HttpOnly" in cookie
    assert "; SameSite=Strict" in cookie
    assert "s3cret" not in cookie + answer.text
    assert 'content="0; url=/"' in answer.text
    pair = cookie.partition(";")[0]
    assert locked.get("/api/session", headers={"cookie": pair}).json()["csrf"] == "right"
    assert locked.post("/api/review", _judgement(), headers={"cookie": f"a=b; {pair}"}).status_code == 200
    assert (
        locked.post("/api/review", _judgement(), headers={"cookie": pair, "x-review-token": "x"}).status_code
        == 403
    )
    assert locked.get("/", headers={"cookie": pair, "host": "evil.example"}).status_code == 421


def test_websockets_are_closed(store: Store) -> None:
    import asyncio

    sent: list[object] = []

    async def open_one() -> None:
        async def receive() -> dict[str, object]:
            return {"type": "websocket.connect"}

        async def send(message: object) -> None:
            sent.append(message)

        await create_app(store, Access())({"type": "websocket", "path": "/", "headers": []}, receive, send)

    asyncio.run(open_one())
    assert sent == [{"type": "websocket.close", "code": 1008}]
