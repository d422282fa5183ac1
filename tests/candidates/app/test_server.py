"""Reads and writes of the app, also with what nobody should send."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from candidates.app.guard import Access
from candidates.app.server import create_app
from candidates.records import Candidate, RunRecord
from candidates.review import Edit
from candidates.reviews import Reviews
from candidates.store import Store
from tests.candidates.app.asking import Asker
from tests.sample_records import RUN_ID, make_candidate, make_run

FOUND = [make_candidate(n) for n in range(1, 7)]
IDS = [c.id for c in FOUND]
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</script></textarea></title><b>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "&lt;b&gt;",
    "'); DROP TABLE reviews; --",
    "../../../../etc/passwd",
    "..\\..\\windows",
    "a\u202eb",
    "]]>",
]


@pytest.fixture
def store(any_url: str) -> Store:
    store = Store(any_url)
    store.add_run(make_run(), FOUND)
    return store


@pytest.fixture
def ask(store: Store) -> Asker:
    return Asker(create_app(store, Access(csrf="right"), "ana"), csrf="right")


def _judge(
    ask: Asker, ids: list[str], seen: dict[str, int] | None = None, by: str = "ana", **edit: Any
) -> Any:
    return ask.post("/api/review", {"reviewer": by, "ids": ids, "seen": seen or {}, "edit": edit})


class Tags(HTMLParser):
    """Names of the tags and of their attributes, as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links |= {value or "" for name, value in attrs if name in {"href", "src"}}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_session_says_what_there_is(ask: Asker) -> None:
    session = ask.get("/api/session").json()
    assert session["reviewer"] == "ana"
    assert [(run["key"], run["count"]) for run in session["runs"]] == [(RUN_ID, 6)]
    assert session["first"] == RUN_ID
    assert session["csrf"] == "right"


def test_an_empty_store_is_an_empty_queue(tmp_path: object) -> None:
    ask = Asker(create_app(Store(f"sqlite:///{tmp_path}/none.sqlite"), Access(csrf="x")), csrf="x")
    assert ask.get("/api/session").json()["first"] is None
    assert ask.get("/api/queue").json() == {"rows": [], "limit": 20000, "states": {}, "sequence": 0}
    assert ask.get("/").status_code == 200
    assert ask.get("/export/decisions.md").text.endswith("Nothing has been decided yet.\n")


def test_judging_and_what_others_see(ask: Asker) -> None:
    answer = _judge(ask, IDS[:1], status="accepted", note="flat", tags=["soon"]).json()
    assert [(w["id"], w["version"], w["action"]) for w in answer["written"]] == [(IDS[0], 1, "accept")]
    queue = ask.get(f"/api/queue?run={RUN_ID}").json()
    assert [row["id"] for row in queue["rows"]] == IDS
    state = queue["states"][IDS[0]]
    assert (state["status"], state["reviewer"], state["tags"], state["notes"]) == (
        "accepted",
        "ana",
        ["soon"],
        1,
    )
    changes = ask.get("/api/changes?since=0").json()
    assert changes["states"] == queue["states"]
    assert ask.get(f"/api/changes?since={changes['sequence']}").json()["states"] == {}
    history = ask.get(f"/history/{IDS[0]}").text
    assert "<strong>ana</strong> accepted" in history
    assert "flat" in history


def test_rows_say_what_the_list_filters_by(ask: Asker) -> None:
    row = ask.get(f"/api/queue?run={RUN_ID}").json()["rows"][0]
    assert row["elements"] == ["Ag", "Hg", "Se", "Sn"]
    assert row["typeset"][:2] == [["", "Ag"], ["sub", "2"]]
    assert (row["group"], row["p"], row["known"], row["hazards"], row["undiagnosable"]) == (
        31,
        0.83,
        True,
        1,
        True,
    )
    assert ask.get("/api/queue?run=other").json()["rows"] == []
    assert len(ask.get("/api/queue").json()["rows"]) == 6


def test_a_stale_judgement_is_shown(ask: Asker) -> None:
    _judge(ask, IDS[:1], {IDS[0]: 0}, by="ben", status="rejected")
    answer = _judge(ask, IDS[:2], dict.fromkeys(IDS[:2], 0), status="accepted").json()
    assert answer["stale"][IDS[0]]["reviewer"] == "ben"
    assert answer["states"][IDS[0]]["status"] == "rejected"
    assert [w["id"] for w in answer["written"]] == [IDS[1]]


def test_undo_and_take_back(ask: Asker) -> None:
    _judge(ask, IDS[:3], status="rejected")
    back = ask.post("/api/take-back", {"reviewer": "ben", "id": IDS[1], "version": 1}).json()
    assert back["states"][IDS[1]]["status"] == "open"
    assert "took back ana’s reject" in ask.get(f"/history/{IDS[1]}").text
    assert "taken back by ben" in ask.get(f"/history/{IDS[1]}").text
    undone = ask.post("/api/undo", {"reviewer": "ana"}).json()
    assert {w["id"] for w in undone["written"]} == {IDS[0], IDS[2]}
    assert ask.post("/api/undo", {"reviewer": "ana"}).json()["written"] == []
    assert ask.post("/api/take-back", {"reviewer": "ben", "id": IDS[1], "version": 9}).status_code == 404


def test_the_candidate_is_the_reports_own_page(ask: Asker) -> None:
    html = ask.get(f"/candidate/{IDS[0]}").text
    found = Tags(html)
    assert not found.tags & {"style", "link", "html", "body", "iframe"}
    assert "canvas" in found.tags
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.S)[1])  # type: ignore[index]
    assert data["id"] == IDS[0]
    assert ask.get("/candidate/000000000000").status_code == 404


def test_the_page_says_why_and_how_far_the_model_is_right(tmp_path: Path) -> None:
    from candidates.explanation import FILE, Explanation, Explanations
    from candidates.report.card import ModelCard

    (tmp_path / "run").mkdir()
    why = {IDS[0]: Explanation(attributions={"electrons": 0.25}, method="One token is blotted out.")}
    (tmp_path / "run" / FILE).write_bytes(Explanations.dump_json(why))
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.add_run(make_run(directory=str(tmp_path / "run")), FOUND)
    asked = []

    def card_of(run: RunRecord) -> ModelCard | None:
        asked.append(run.id)
        return None

    ask = Asker(create_app(store, Access(csrf="x"), card_of=card_of), csrf="x")
    assert "One token is blotted out." in ask.get(f"/candidate/{IDS[0]}").text
    assert asked == [RUN_ID]
    (tmp_path / "run" / FILE).write_text("{")
    assert ask.get(f"/candidate/{IDS[0]}").status_code == 200


def test_comparing(ask: Asker, store: Store) -> None:
    other = make_candidate(7, formula="Bi2Se3", spacegroup=166, spacegroup_symbol="R-3m", inversion=True)
    store.add_run(make_run(), [*FOUND, other])
    html = ask.get(f"/compare?id={IDS[0]}&id={other.id}").text
    rows = dict(
        re.findall(r'<tr( class="differs")?><th scope="row">(Space group|Point group|Inversion)</th>', html)[
            i
        ][::-1]
        for i in range(3)
    )
    assert rows == {"Space group": ' class="differs"', "Point group": "", "Inversion": ' class="differs"'}
    assert html.count('data-judge="accepted"') == 2
    assert ask.get("/compare?" + "&".join(f"id={id}" for id in IDS[:5])).status_code == 422
    assert ask.get("/compare").status_code == 422


def test_exports(ask: Asker) -> None:
    _judge(ask, IDS[:1], status="accepted", tags=["is:TI"])
    _judge(ask, IDS[1:2], status="rejected")
    answer = ask.get(f"/export/decisions.csv?run={RUN_ID}")
    assert answer.headers["content-disposition"] == 'attachment; filename="decisions.csv"'
    assert answer.text.count("\n") == 3
    assert len(ask.get("/export/decisions.json?status=accepted").json()) == 1
    assert ask.get("/export/decisions.bib?status=accepted").text.count("@misc{candidate") == 1
    assert "## Rejected (1)" in ask.get("/export/decisions.md").text
    assert ask.get("/export/labels.csv").text.splitlines() == ["id,formula,class", "mp-10001,Ag2HgSnSe4,TI"]
    for path in (
        "/export/decisions.exe",
        "/export/decisions.",
        "/export/decisions.csv?status=x",
        "/export/../x",
    ):
        assert ask.get(path).status_code in {404, 422}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        "x",
        None,
        {"reviewer": "ana"},
        {"reviewer": "ana", "ids": [], "seen": {}, "edit": {"status": "accepted"}},
        {"reviewer": "ana", "ids": ["../../etc/passwd"], "seen": {}, "edit": {"status": "accepted"}},
        {"reviewer": "ana", "ids": ["' OR 1=1 --"], "seen": {}, "edit": {"status": "accepted"}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {}, "edit": {}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {IDS[0]: -1}, "edit": {"status": "accepted"}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {"x": 1}, "edit": {"status": "accepted"}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {}, "edit": {"status": "deleted"}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {}, "edit": {"note": "n" * 10_001}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {}, "edit": {"tags": ["\x1b[31m"]}},
        {"reviewer": "", "ids": [IDS[0]], "seen": {}, "edit": {"status": "accepted"}},
        {"reviewer": "a\u202eb", "ids": [IDS[0]], "seen": {}, "edit": {"status": "accepted"}},
        {"reviewer": "n" * 1_000_000, "ids": [IDS[0]], "seen": {}, "edit": {"status": "accepted"}},
        {"reviewer": "ana", "ids": [IDS[0]], "seen": {}, "edit": {"status": "accepted"}, "admin": True},
        {"reviewer": {"$ne": 1}, "ids": [IDS[0]], "seen": {}, "edit": {"status": "accepted"}},
    ],
)
def test_what_is_no_judgement(body: Any, tmp_path: object) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    store.add_run(make_run(), FOUND)
    ask = Asker(create_app(store, Access(csrf="x")), csrf="x")
    answer = ask.post("/api/review", body)
    assert answer.status_code == 422
    assert len(answer.text) < 500, "what was sent is not sent back"
    assert Reviews(store).states() == {}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"reviewer": 1e999}', b"nul"])
def test_what_is_no_json(raw: bytes, tmp_path: object) -> None:
    ask = Asker(create_app(Store(f"sqlite:///{tmp_path}/s.sqlite"), Access(csrf="x")), csrf="x")
    assert ask.send("POST", "/api/review", raw).status_code in {400, 422}


@pytest.mark.parametrize(
    "path",
    [
        "/static/../server.py",
        "/static/..%2fserver.py",
        "/static/%2e%2e/%2e%2e/store.py",
        "/static//etc/passwd",
        "/static/",
        "/static/app.js%00",
        "/static/app.js/../../server.py",
        "/candidate/..%2f..%2fx",
        "/candidate/%00",
        "/history/' OR 1=1",
        "/candidate/" + "a" * 10_000,
        "/templates/app.html.jinja",
        "/docs",
        "/openapi.json",
        "/redoc",
        "/.git/config",
    ],
)
def test_paths_lead_to_no_file(path: str, tmp_path: object) -> None:
    ask = Asker(create_app(Store(f"sqlite:///{tmp_path}/s.sqlite"), Access(csrf="x")), csrf="x")
    answer = ask.get(path)
    assert answer.status_code in {404, 422}
    assert "import" not in answer.text
    assert len(answer.text) < 500


def test_hostile_words_stay_words(ask: Asker, store: Store) -> None:
    odd = [
        make_candidate(
            n,
            formula=text,
            crystal_id=f"{text}{n}",
            spacegroup_symbol=text,
            model=text,
            hazards=[text],
            notes=[text],
            labels={text: text},
            known=[{"topology": text, "source": text, "note": text}],
            database=text,
        )
        for n, text in enumerate(HOSTILE, 1)
    ]
    run = make_run("odd", database=HOSTILE[0], model=HOSTILE[1])
    odd = [Candidate(**c.model_dump() | {"run_id": "odd"}) for c in odd]
    store.add_run(run, odd)
    for c, text in zip(odd, HOSTILE, strict=True):
        safe = text.replace("\u202e", "")
        assert (
            _judge(ask, [c.id], by=safe[:80], note=text, tags=[safe[:50]], assignee=safe[:80]).status_code
            == 200
        )
    harmless = Tags(ask.get(f"/candidate/{IDS[0]}").text + ask.get(f"/compare?id={IDS[0]}").text)
    _judge(ask, IDS[:1], note="x", tags=["y"], assignee="z")
    harmless_history = Tags(ask.get(f"/history/{IDS[0]}").text)
    for c, text in zip(odd, HOSTILE, strict=True):
        page = Tags(ask.get(f"/candidate/{c.id}").text + ask.get(f"/compare?id={c.id}").text)
        assert page.tags <= harmless.tags
        assert page.attributes <= harmless.attributes
        assert not any(link.lower().startswith(("javascript:", "data:")) for link in page.links)
        history = Tags(ask.get(f"/history/{c.id}").text)
        assert history.tags <= harmless_history.tags
        assert history.attributes <= harmless_history.attributes
        assert text.replace("\u202e", "\ufffd") in history.text
        assert "\u202e" not in history.text
    queue = ask.get("/api/queue?run=odd")
    assert queue.headers["content-type"] == "application/json"
    assert "\u202e" not in json.dumps(queue.json(), ensure_ascii=False)
    assert len(Reviews(store).states()) == len(HOSTILE) + 1, "the table is still there"


def test_ten_megabytes_in_a_record_do_not_reach_the_page(ask: Asker, store: Store) -> None:
    huge = make_candidate(
        8,
        formula="A" * 10_000_000,
        crystal_id="<" * 10_000_000,
        notes=["n" * 10_000_000],
        hazards=["\x00\x1b" * 100_000],
    )
    store.add_run(make_run(), [huge])
    assert len(ask.get("/api/queue").content) < 10_000
    assert len(ask.get(f"/candidate/{huge.id}").content) < 200_000
    assert len(ask.get(f"/compare?id={huge.id}").content) < 200_000
    assert _judge(ask, [huge.id], status="accepted").status_code == 200
    assert len(ask.get(f"/history/{huge.id}").content) < 10_000


def test_a_store_that_cannot_be_used_is_an_answer(tmp_path: object) -> None:
    (tmp_path / "file").write_text("not a database, though it is long enough to be one " * 30)  # type: ignore[operator]
    ask = Asker(create_app(Store(f"sqlite:///{tmp_path}/file"), Access(csrf="x")), csrf="x")
    answer = ask.get("/api/session")
    assert answer.status_code == 503
    assert "not a database" in answer.json()["error"]
    assert answer.json()["remedy"]


def test_ten_thousand_rows_come_in_a_second(tmp_path: object) -> None:
    import time

    store = Store(f"sqlite:///{tmp_path}/store.sqlite")
    found = [make_candidate(n) for n in range(1, 10_001)]
    store.add_run(make_run(), found)
    Reviews(store).add([c.id for c in found[:500]], Edit(status="rejected"), "ana")
    ask = Asker(create_app(store, Access(csrf="x")), csrf="x")
    ask.get("/")
    start = time.perf_counter()
    queue = ask.get(f"/api/queue?run={RUN_ID}")
    assert time.perf_counter() - start < 5
    assert len(queue.json()["rows"]) == 10_000
    assert len(queue.content) < 6_000_000
