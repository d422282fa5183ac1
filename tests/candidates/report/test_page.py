"""The report is complete, the same every time, and safe whatever its crystals are called."""

import hashlib
import json
import random
import time
from base64 import b64encode
from html.parser import HTMLParser
from pathlib import Path

import pytest

from candidates.records import Candidate, RunRecord
from candidates.report import write_report
from candidates.report.page import PAGE_SIZE, REFUSED_SHOWN, render
from tests.sample_records import RUN_ID, make_candidate, make_run

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<!--<script>",
    "\" onmouseover='alert(1)' x=\"",
    "'\"`{{ 7*7 }}{% raw %}",
    "]]>\u2028\u2029\x00\x01\x1b[2J\x7f\u202e",
    "&lt;script&gt;",
    "javascript:alert(1)",
    "</style></title></textarea>",
)


class Page(HTMLParser):
    """Tags, attributes and script bodies of a page, read as a browser reads them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.style = ""
        self.policy = ""
        self._in = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.attributes |= set(named)
        self._in = tag
        if tag == "script":
            self.scripts.append((named, ""))
        if named.get("http-equiv") == "Content-Security-Policy":
            self.policy = named["content"] or ""
        self.links += [named[name] or "" for name in ("href", "src") if name in named]

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "script":
            attrs, body = self.scripts[-1]
            self.scripts[-1] = (attrs, body + data)
        elif self._in == "style":
            self.style += data


def hostile_records(text: str) -> tuple[RunRecord, list[Candidate]]:
    """Return records that say ``text`` wherever they can."""
    run = make_run(
        **dict.fromkeys(("database", "model", "directory", "database_sha256", "model_sha256"), text),
        command=["discover", text],
        versions={text: text},
        seeds={text: 1},
        refused=[dict.fromkeys(("file", "id", "reason", "remedy"), text)],
        funnel=[{"name": text, "description": text, "removed": 1, "left": 1, "enabled": True}],
    )
    symmetry = ("spacegroup_symbol", "point_group", "crystal_system", "indicator_group")
    found = make_candidate(
        **dict.fromkeys(("database", "crystal_id", "formula", "model", "icsd_ids", *symmetry), text),
        id="0123456789ab",
        labels={text: text},
        hazards=[text],
        notes=[text],
        known=[dict.fromkeys(("topology", "source", "note"), text)],
        tokens={
            "spacegroup": text,
            "electron_bits": text,
            f"element:{text}": 0.5,
            f"graph:{text}": text,
            text: text,
        },
    )
    return run, [found]


def sha256(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    harmless, hostile = (Page(render(*hostile_records(t))) for t in ("x", text))
    typeset = {"i", "sub"}  # letters and digits of a "symbol" may be set; nothing else depends on the text
    assert [t for t in hostile.tags if t not in typeset] == [t for t in harmless.tags if t not in typeset]
    assert hostile.attributes == harmless.attributes
    assert not [name for name in hostile.attributes if name.startswith("on") or name == "style"]
    assert hostile.links == ["#ranking"]
    assert [attrs for attrs, _ in hostile.scripts] == [attrs for attrs, _ in harmless.scripts]
    for attrs, body in hostile.scripts[1:]:
        assert attrs["type"] == "application/json"
        assert not set("<>&\x00\x01\x1b\u202e") & set(body)
        json.loads(body)


def test_ten_megabytes_of_name_do_no_harm() -> None:
    run, found = hostile_records("Se2<" * 2_500_000)
    start = time.perf_counter()
    html = render(run, found)
    assert time.perf_counter() - start < 5
    assert len(html) < 200_000


def test_the_policy_allows_only_the_pages_own_script_and_style() -> None:
    page = Page(render(make_run(), [make_candidate()]))
    run, *data = page.scripts
    assert run[0] == {}
    assert f"script-src '{sha256(run[1])}'" in page.policy
    assert f"style-src '{sha256(page.style)}'" in page.policy
    assert "default-src 'none'" in page.policy
    assert "unsafe" not in page.policy
    assert all(attrs["type"] == "application/json" for attrs, _ in data)
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_every_link_leaves_without_a_trace() -> None:
    html = render(make_run(), [make_candidate(crystal_id="mp-149")])
    assert Page(html).links == ["#ranking", "https://materialsproject.org/materials/mp-149"]
    assert html.count("<a ") == html.count('rel="noopener noreferrer"') + 1


def test_same_records_same_bytes(tmp_path: Path) -> None:
    found = [
        make_candidate(n, formula=f"Hg{n}Te", labels={"tqc": "SM", "arsenal": "TI"}) for n in range(1, 30)
    ]
    shuffled = [c.model_copy(update={"labels": dict(reversed(c.labels.items()))}) for c in found]
    random.Random(0).shuffle(shuffled)
    first = write_report(make_run(), found, tmp_path / "a" / "b").read_bytes()
    second = write_report(make_run(), shuffled, tmp_path / "c").read_bytes()
    assert first == second
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["index.html"]


def test_the_page_tells_what_was_screened() -> None:
    html = render(make_run(), [make_candidate()])
    for told in (
        "9d5ed678fe57", "0cc175b9c0f1", "2025-06-01 09:30 UTC", RUN_ID, "<span>--undiagnosable</span>", "991",
        "−900", "could not be judged", "two atoms are 0.1 Å apart", "Correct the file.",
        "not symmetry-indicated",
        "A candidate is not a discovery", "Ag<sub>2</sub>HgSnSe<sub>4</sub>", "<i>Pmn</i>2<sub>1</sub>",
    ):  # fmt: skip
        assert told in html
    assert html.count('class="off"') == 1


def test_details_of_every_candidate_are_embedded() -> None:
    found = [make_candidate(n) for n in range(1, 4)]
    data = {attrs["id"]: json.loads(body) for attrs, body in Page(render(make_run(), found)).scripts[1:]}
    assert set(data) == {"index"} | {f"j-{c.id}" for c in found}
    assert [row[0] for row in data["index"]] == [c.id for c in found]
    assert data[f"j-{found[0].id}"]["cell"]["symbols"] == ["Ag", "Hg", "Sn", "Se"]


def test_an_empty_screen_is_reported() -> None:
    html = render(make_run(refused=[]), [])
    assert "No crystal survived the screen" in html
    assert 'id="table"' not in html


def test_thousands_of_rows_are_paged_and_refusals_cut() -> None:
    refused = [{"file": "", "id": f"mp-{n}", "reason": "r", "remedy": "m"} for n in range(REFUSED_SHOWN + 5)]
    start = time.perf_counter()
    html = render(make_run(refused=refused), [make_candidate(n) for n in range(1, 2001)])
    assert time.perf_counter() - start < 10
    assert html.count('class="later"') == 2000 - PAGE_SIZE
    assert html.count('<tr><th scope="row"><code>mp-') == REFUSED_SHOWN
