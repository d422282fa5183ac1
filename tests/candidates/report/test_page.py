"""The report is complete, the same every time, and safe whatever its crystals are called."""

import hashlib
import json
import random
import time
import zlib
from base64 import b64decode, b64encode
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from candidates.explanation import Explanation, Neighbour
from candidates.records import Candidate, RunRecord
from candidates.report import write_report
from candidates.report.candidate_page import render_candidate
from candidates.report.card import Bin, ModelCard, ScoreRow, ScoreTable
from candidates.report.columns import BLOCK
from candidates.report.page import REFUSED_SHOWN, render
from candidates.verification import Step
from tests.candidates.report.sample_verification import make_verification
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


def unpacked(page: Page) -> list[dict[str, Any]]:
    """Return the details of all candidates, as the page's script would unpack them."""
    blocks = [body for attrs, body in page.scripts if (attrs.get("id") or "").startswith("block-")]
    return [entry for body in blocks for entry in json.loads(zlib.decompress(b64decode(body)))]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    harmless, hostile = (Page(render(*hostile_records(t))) for t in ("x", text))
    compare(harmless, hostile)
    assert hostile.links == ["#ranking"]
    shown = json.dumps(unpacked(hostile), ensure_ascii=False)
    assert not set("\x00\x01\x1b\u202e") & set(shown)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_on_the_page_of_a_candidate(text: str) -> None:
    pages = []
    for word in ("x", text):
        run, (candidate,) = hostile_records(word)
        verification = make_verification(
            files={word: word, f"../../{word}": word},
            stand_in=word,
            functional=word,
            steps=[
                Step(
                    name=word,
                    state="failed",
                    reason=word,
                    remedy=word,
                    programs={word: word},
                    numbers={word: 1.0},
                )
            ],
        )
        explanation = Explanation(
            attributions={word: 0.1},
            method=word,
            neighbours=[
                Neighbour(
                    spacegroup=1,
                    distance=0.1,
                    p_topological=0.5,
                    classes={word: word},
                    **dict.fromkeys(("crystal_id", "formula", "spacegroup_symbol"), word),
                )
            ],
            meaning=word,
        )
        candidate = candidate.model_copy(update={"icsd_ids": "".join(word.split())})  # spaces part codes
        given: dict[str, Any] = {"explanation": explanation, "verification": verification, "review": word}
        pages.append(Page(render_candidate(run, candidate, [candidate], **given)))
    compare(*pages)
    own = ("../index.html#open=", "data:image/png")
    assert not [link for link in pages[1].links if not link.startswith(own)]


def compare(harmless: Page, hostile: Page) -> None:
    """Check that a text changes no element, no attribute's name and no script."""
    typeset = {"i", "sub"}  # letters and digits of a "symbol" may be set; nothing else depends on the text
    assert [t for t in hostile.tags if t not in typeset] == [t for t in harmless.tags if t not in typeset]
    assert hostile.attributes == harmless.attributes
    assert not [name for name in hostile.attributes if name.startswith("on") or name == "style"]
    assert [attrs for attrs, _ in hostile.scripts] == [attrs for attrs, _ in harmless.scripts]
    for attrs, body in hostile.scripts[1:]:
        assert not set("<>&\x00\x01\x1b\u202e") & set(body)
        if attrs["type"] == "application/json":
            json.loads(body)
        else:
            assert attrs["type"] == "text/plain"


def test_ten_megabytes_of_name_do_no_harm() -> None:
    run, found = hostile_records("Se2<" * 2_500_000)
    start = time.perf_counter()
    html = render(run, found)
    own = render_candidate(run, found[0], found)
    assert time.perf_counter() - start < 10
    assert len(html) < 300_000
    assert len(own) < 300_000


@pytest.mark.parametrize("which", ["run", "candidate"])
def test_the_policy_allows_only_the_pages_own_script_and_style(which: str) -> None:
    run, candidate = make_run(), make_candidate()
    page = Page(render(run, [candidate]) if which == "run" else render_candidate(run, candidate))
    code, *data = page.scripts
    assert code[0] == {}
    assert f"script-src '{sha256(code[1])}'" in page.policy
    assert f"style-src '{sha256(page.style)}'" in page.policy
    assert "default-src 'none'" in page.policy
    assert "unsafe" not in page.policy
    assert "connect-src" not in page.policy
    assert all(attrs["type"] in ("application/json", "text/plain") for attrs, _ in data)
    assert "url(" not in page.style
    assert "@import" not in page.style


def test_every_link_leaves_without_a_trace() -> None:
    candidate = make_candidate(crystal_id="mp-149", icsd_ids="95094 evil<")
    html = render_candidate(make_run(), candidate, [candidate])
    links = Page(html).links
    assert "https://materialsproject.org/materials/mp-149" in links
    assert "https://www.topologicalquantumchemistry.org/#/detail/95094" in links
    outside = [link for link in links if link.startswith("http")]
    assert all(link.startswith("https://") for link in outside)
    assert html.count('rel="noopener noreferrer" target="_blank"') == len(outside)


def test_same_records_same_bytes(tmp_path: Path) -> None:
    found = [
        make_candidate(n, formula=f"Hg{n}Te", labels={"tqc": "SM", "arsenal": "TI"}) for n in range(1, 30)
    ]
    shuffled = [c.model_copy(update={"labels": dict(reversed(c.labels.items()))}) for c in found]
    random.Random(0).shuffle(shuffled)
    first = write_report(make_run(), found, tmp_path / "a" / "b", pages=2)
    second = write_report(make_run(), shuffled, tmp_path / "c", pages=2)
    for name in ("index.html", *(f"candidates/{c.id}.html" for c in found[:2])):
        assert (first.parent / name).read_bytes() == (second.parent / name).read_bytes()
    written = sorted(str(path.relative_to(tmp_path / "c")) for path in (tmp_path / "c").rglob("*.html"))
    assert written == sorted(["index.html", *(f"candidates/{c.id}.html" for c in found[:2])])


def test_a_verified_candidate_gets_a_page_and_its_verdict_a_column(tmp_path: Path) -> None:
    found = [make_candidate(n) for n in range(1, 6)]
    verified = make_verification(candidate_id=found[4].id)
    path = write_report(
        make_run(), found, tmp_path, pages=1, verifications={found[4].id: verified},
        reviews={found[1].id: "accepted"},
    )  # fmt: skip
    data = json.loads(Page(path.read_text(encoding="utf-8")).scripts[1][1])
    status = data["status"]
    assert [status["values"][code] for code in status["codes"]] == ["", "accepted", "", "", "strong TI"]
    assert data["page"] == [1, 0, 0, 0, 1]
    assert (tmp_path / "candidates" / f"{found[4].id}.html").is_file()


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
    found = [make_candidate(n) for n in range(1, 2 * BLOCK + 4)]
    page = Page(render(make_run(), found))
    data = json.loads(page.scripts[1][1])
    details = unpacked(page)
    assert data["id"] == [c.id for c in found]
    assert len(details) == len(found)
    assert details[BLOCK]["poscar"].startswith(f"Ag2HgSnSe4 mp-{10_001 + BLOCK}\n1.0\n    8.420000")


def test_columns_of_which_nothing_is_known_are_hidden() -> None:
    bare = {"known": [], "labels": {}, "e_above_hull": None, "hazards": []}
    data = json.loads(Page(render(make_run(), [make_candidate(**bare)])).scripts[1][1])
    shown = {key for key, _, _, visible, _ in data["columns"] if visible}
    assert shown == {"rank", "formula", "spacegroup", "probability", "uncertainty", "benchmark", "gap"}


def test_an_empty_screen_is_reported(tmp_path: Path) -> None:
    html = write_report(make_run(refused=[]), [], tmp_path).read_text(encoding="utf-8")
    assert "No crystal survived the screen" in html
    assert 'id="table"' not in html


def test_the_card_stands_beside_the_ranking() -> None:
    row = ScoreRow(against="tqc", n=1138, accuracy=0.899, f1=0.898, roc_auc=0.966)
    bins = (Bin(predicted=0.1, observed=0.12, n=50), Bin(predicted=0.9, observed=0.88, n=40))
    table = ScoreTable(title="Held-out formulas", what="A tenth.", rows=(row,), bins=bins, bins_against="tqc")
    card = ModelCard(name="discovery", purpose="What is it?", tables=(table,), text="# discovery\n<b>")
    html = render(make_run(), [make_candidate()], card=card)
    assert "89.9 %" in html
    assert "# discovery\n&lt;b&gt;" in html
    assert 'class="bin"' in html
    assert "Of 40 held-out crystals given about 0.90, 88%" in render_candidate(
        make_run(), make_candidate(), card=card
    )


def test_a_verification_is_shown_with_every_gate_and_step() -> None:
    html = render_candidate(make_run(), make_candidate(), verification=make_verification())
    for told in (
        "strong TI", "provisional", "1;(001)", "32.5 meV", "−4.0 meV", "is there a gap", "do centres pair",
        "42.0 s", "136 MB", "pw.x 6.7", "not converged", "Raise num_iter.", "static_soc/pw.in",
        "At Γ spin–orbit coupling puts Se s below the gap and Sb p above", 'id="zone"', "Wilson loops",
    ):  # fmt: skip
        assert told in html, told
    assert html.count('class="plot bands"') == 2
    assert html.count("data:image/png;base64") == 2
    assert "plumbing, not physics" not in html


def test_a_stand_in_is_called_one() -> None:
    html = render_candidate(
        make_run(), make_candidate(), verification=make_verification(stand_in="A fake pw.x.")
    )
    assert "A fake pw.x." in html
    assert "plumbing, not physics" in html


def test_ten_thousand_candidates_are_written_and_refusals_cut() -> None:
    refused = [{"file": "", "id": f"mp-{n}", "reason": "r", "remedy": "m"} for n in range(REFUSED_SHOWN + 5)]
    one = make_candidate()
    found = [one.model_copy(update={"id": f"{n:012x}", "rank": n}) for n in range(1, 10_001)]
    html = render(make_run(refused=refused), found)
    assert len(html) < 6_000_000
    assert html.count('<tr><th scope="row"><code>mp-') == REFUSED_SHOWN
