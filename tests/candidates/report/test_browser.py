"""The report in Chromium: sorting, searching, opening a row; nothing refused, nothing fetched."""

import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html import unescape
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from candidates.report import write_report
from tests.sample_records import make_candidate, make_run

pytestmark = pytest.mark.browser

# A page of the same origin holds the report in a frame and presses its buttons: the report's own content
# policy lets no test script in.
DRIVER = """<!doctype html><pre id="out"></pre>
<iframe id="frame" width="1400" height="900" src="index.html%s"></iframe>
<script>
const frame = document.getElementById("frame"), out = { trouble: [] };
const wait = (ms) => new Promise((done) => setTimeout(done, ms));
frame.addEventListener("load", async () => {
  const page = frame.contentDocument;
  frame.contentWindow.addEventListener("error", (event) => out.trouble.push(event.message));
  page.addEventListener("securitypolicyviolation", (event) => out.trouble.push(event.violatedDirective));
  const all = (selector) => [...page.querySelectorAll(selector)];
  const rank = (cell) => Number(cell.innerText.match(/\\d+/)[0]);
  const ranks = () => all("#table tbody tr[id^='c-'] .c-rank").map(rank);
  const head = (key) => page.querySelector(`th[data-key='${key}'] button`);
  const sorted = () => all("th[aria-sort]").map((th) => [th.dataset.key, th.getAttribute("aria-sort")]);
  const search = async (text) => {
    page.getElementById("search").value = text;
    page.getElementById("search").dispatchEvent(new Event("input"));
    await wait(300);
  };
  try { %s } catch (error) { out.trouble.push(String(error)); }
  document.getElementById("out").textContent = JSON.stringify(out);
});
</script>"""


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("needs Chromium (apt-get install chromium)")
    return found


class _Handler(SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, format: str, *args: Any) -> None:
        self.asked.append(self.path)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    asked: list[str] = []
    handler = partial(type("Handler", (_Handler,), {"asked": asked}), directory=str(tmp_path / "web"))
    (tmp_path / "web").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path / "web", f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def drive(
    chromium: str, served: tuple[Path, str, list[str]], profile: Path, steps: str, at: str = ""
) -> dict[str, Any]:
    folder, url, _ = served
    (folder / "driver.html").write_text(DRIVER % (at, steps), encoding="utf-8")
    switches = (
        "headless no-sandbox disable-gpu no-first-run disable-background-networking disable-component-update "
        "disable-sync dump-dom virtual-time-budget=20000"
    )
    command = [chromium, *(f"--{switch}" for switch in switches.split()), f"--user-data-dir={profile}"]
    command.append(f"{url}/driver.html")
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    found = re.search(r'<pre id="out">(.+?)</pre>', dom, re.DOTALL)
    assert found, dom[:2000]
    result: dict[str, Any] = json.loads(unescape(found[1]))
    assert result.pop("trouble") == []
    return result


FACTS: list[dict[str, Any]] = [
    {"formula": "ZnS", "p_topological": 0.9, "band_gap": 0.4, "spacegroup": 216, "known": [], "labels": {}},
    {"formula": "CdO", "p_topological": 0.8, "band_gap": None, "spacegroup": 186, "hazards": []},
    {"formula": "HgTe", "p_topological": 0.7, "band_gap": 0.0, "spacegroup": 216, "hazards": []},
]


def test_sorting_searching_and_opening(chromium: str, served: Any, tmp_path: Path) -> None:
    write_report(make_run(), [make_candidate(n, **f) for n, f in enumerate(FACTS, 1)], served[0])
    steps = """
      out.start = ranks();
      head("gap").click(); out.gap = ranks(); out.gapSorted = sorted();
      head("gap").click(); out.gapDown = ranks();
      head("formula").click(); out.formula = ranks();
      head("ti").click(); head("probability").click(); out.probability = ranks();
      out.probabilitySorted = sorted();
      await search("216 hg"); out.found = ranks(); out.shown = page.getElementById("shown").textContent;
      await search("nothing at all"); out.none = page.getElementById("nothing").hidden;
      page.getElementById("clear").click(); out.cleared = ranks();
      page.getElementById("unknown-only").click(); out.unknown = ranks();
      page.getElementById("unknown-only").click();
      page.getElementById("no-hazards").click(); out.safe = ranks();
      page.getElementById("no-hazards").click();
      const open = page.querySelector("button.open");
      out.before = [open.getAttribute("aria-expanded"), all(".inside").length];
      open.click();
      out.after = [open.getAttribute("aria-expanded"), all(".inside").length];
      out.tokens = all(".tokens > li .token-name").map((name) => name.textContent);
      out.squares = all("svg.bits rect").length;
      out.poscar = page.querySelector(".poscar pre").textContent.split("\\n").slice(1, 8);
      out.hash = frame.contentWindow.location.hash;
      head("rank").click(); out.opened = all("#table tbody tr").map((row) => row.id.slice(0, 2));
      open.click(); out.closed = all(".inside").length;
    """
    seen = drive(chromium, served, tmp_path / "profile", steps)
    assert seen["start"] == [1, 2, 3]
    assert seen["gap"] == [3, 1, 2]
    assert seen["gapSorted"] == [["gap", "ascending"]]
    assert seen["gapDown"] == [1, 3, 2]
    assert seen["formula"] == [2, 3, 1]
    assert seen["probability"] == [1, 2, 3]
    assert seen["probabilitySorted"] == [["probability", "descending"]]
    assert seen["found"] == [3]
    assert seen["shown"] == "1 of 3 candidates"
    assert seen["none"] is False
    assert seen["cleared"] == [1, 2, 3]
    assert seen["unknown"] == [1]
    assert seen["safe"] == [2, 3]
    assert seen["before"] == ["false", 0]
    assert seen["after"] == ["true", 1]
    assert len(seen["tokens"]) == 8
    assert seen["squares"] == 14
    assert seen["poscar"][0] == "1.0"
    assert seen["poscar"][1].split() == ["8.420000", "0.000000", "0.000000"]
    assert seen["poscar"][4:7] == ["Ag Hg Sn Se", "1 1 1 1", "Direct"]
    assert "sort=probability.desc" in seen["hash"]
    assert "open=" in seen["hash"]
    assert seen["opened"] == ["c-", "d-", "c-", "c-"]
    assert seen["closed"] == 0
    assert {path.partition("?")[0] for path in served[2]} <= {"/driver.html", "/index.html", "/favicon.ico"}


def test_an_address_brings_back_its_view(chromium: str, served: Any, tmp_path: Path) -> None:
    found = [make_candidate(n, **fact) for n, fact in enumerate(FACTS, 1)]
    write_report(make_run(), found, served[0])
    at = f"#sort=spacegroup.asc&q=trivial&open={found[2].id}"
    steps = "out.ranks = ranks(); out.open = all('.inside-row').map((row) => row.id); out.sorted = sorted();"
    seen = drive(chromium, served, tmp_path / "profile", steps, at)
    assert seen["ranks"] == [2, 3]
    assert seen["open"] == [f"d-{found[2].id}"]
    assert seen["sorted"] == [["spacegroup", "ascending"]]


def test_many_rows_are_shown_by_the_hundred(chromium: str, served: Any, tmp_path: Path) -> None:
    write_report(make_run(), [make_candidate(n) for n in range(1, 501)], served[0])
    steps = """
      out.first = ranks().length; out.shown = page.getElementById("shown").textContent;
      page.getElementById("next").click(); out.more = ranks().length;
      head("rank").click(); out.last = ranks().slice(0, 3);
      page.getElementById("rest").click(); out.all = ranks().length;
      out.button = page.getElementById("more").hidden;
    """
    seen = drive(chromium, served, tmp_path / "profile", steps)
    assert seen == {
        "first": 100,
        "shown": "500 candidates",
        "more": 200,
        "last": [500, 499, 498],
        "all": 500,
        "button": True,
    }


def test_hostile_names_run_nothing(chromium: str, served: Any, tmp_path: Path) -> None:
    text = '</script><img src=x onerror="parent.hit=1"><script>parent.hit=1</script>\'"&'
    candidate = make_candidate(
        **dict.fromkeys(("formula", "crystal_id", "spacegroup_symbol"), text),
        notes=[text],
        hazards=[text],
        labels={text: text},
        known=[{"topology": text, "source": text}],
        tokens={"spacegroup": text, text: text, f"element:{text}": 1.0},
    )
    write_report(make_run(database=text), [candidate], served[0])
    steps = """
      page.querySelector("button.open").click(); await wait(200);
      out.hit = window.hit || 0; out.images = all("img").length;
      out.note = page.querySelector(".remarks li").textContent;
      out.scripts = all("script:not([type])").length;
    """
    seen = drive(chromium, served, tmp_path / "profile", steps)
    assert seen == {"hit": 0, "images": 0, "note": text, "scripts": 1}
    assert not [path for path in served[2] if path.endswith("/x")]
