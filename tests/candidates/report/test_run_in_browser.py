"""The page of a run in Chromium: sorting, filters, figures, phone, dark, print, accessibility."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image

from candidates.report import write_report
from tests.candidates.report.conftest import serious
from tests.sample_records import make_candidate, make_run

pytestmark = pytest.mark.browser

FACTS: list[dict[str, Any]] = [
    {
        "formula": "ZnS", "p_topological": 0.9, "band_gap": 0.4, "spacegroup": 216,
        "spacegroup_symbol": "F-43m",
        "known": [], "labels": {}, "atomic_numbers": [30, 16], "frac_coords": [0, 0, 0, 0.25, 0.25, 0.25],
        "uncertainty": 0.02, "crystal_system": "cubic",
    },
    {
        "formula": "CdO", "p_topological": 0.8, "band_gap": None, "spacegroup": 186, "hazards": [],
        "atomic_numbers": [48, 8], "frac_coords": [0, 0, 0, 0.5, 0.5, 0.5], "uncertainty": 0.1,
    },
    {
        "formula": "HgTe", "p_topological": 0.7, "band_gap": 0.0, "spacegroup": 216, "hazards": [],
        "atomic_numbers": [80, 52], "frac_coords": [0, 0, 0, 0.25, 0.25, 0.25], "uncertainty": 0.3,
        "inversion": True, "undiagnosable": False,
    },
]  # fmt: skip
FOUND = [make_candidate(n, **fact) for n, fact in enumerate(FACTS, 1)]

Go = Callable[..., Any]
Web = tuple[Path, str]


@pytest.fixture
def page(visit: Go, web: Web) -> Any:
    write_report(make_run(), FOUND, web[0], pages=2, reviews={FOUND[1].id: "accepted"})
    return visit(f"{web[1]}/index.html")


RANKS = "[...document.querySelectorAll('#table tbody .c-rank')].map(c => +c.innerText.match(/\\d+/)[0])"


def ranks(page: Any) -> list[int]:
    found: list[int] = page.evaluate(RANKS)
    return found


def sort_by(page: Any, key: str) -> list[int]:
    page.click(f"th[data-key={key}] button")
    return ranks(page)


def wait_ranks(page: Any, expected: list[int]) -> None:
    page.wait_for_function(f"wanted => JSON.stringify({RANKS}) === JSON.stringify(wanted)", arg=expected)


def test_sorting(page: Any) -> None:
    assert ranks(page) == [1, 2, 3]
    assert sort_by(page, "gap") == [3, 1, 2]  # what is unknown stays at the end
    assert page.get_attribute("th[data-key=gap]", "aria-sort") == "ascending"
    assert sort_by(page, "gap") == [1, 3, 2]
    assert sort_by(page, "formula") == [2, 3, 1]
    assert sort_by(page, "uncertainty") == [1, 2, 3]
    assert sort_by(page, "probability") == [1, 2, 3]
    assert page.get_attribute("th[data-key=probability]", "aria-sort") == "descending"
    assert "sort=probability.desc" in page.url


def test_search(page: Any) -> None:
    page.fill("#search", "216 hg")
    wait_ranks(page, [3])
    assert page.inner_text("#shown") == "1 of 3 candidates"
    page.fill("#search", "nothing at all")
    page.wait_for_selector("#nothing:not([hidden])")
    page.click("#clear")
    wait_ranks(page, [1, 2, 3])


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("f-spacegroup", "216", [1, 3]),
        ("f-spacegroup", "180–190", [2]),
        ("f-spacegroup", "f-43M", [1]),
        ("f-elements", "s", [1]),
        ("f-elements", "Te Hg", [3]),
        ("f-elements", "-Te, −O", [1]),
        ("f-gap-high", "0.1", [3]),
        ("f-gap-low", "0.1", [1]),
        ("f-probability-low", "0.75", [1, 2]),
        ("f-uncertainty-high", "0.15", [1, 2]),
    ],
)
def test_filters(page: Any, field: str, value: str, expected: list[int]) -> None:
    page.click("#filters > summary")
    page.fill(f"#{field}", value)
    wait_ranks(page, expected)
    assert page.inner_text("#filters > summary") == "Filters (1)"
    page.keyboard.press("Escape")
    page.click("#active button")
    wait_ranks(page, [1, 2, 3])


@pytest.mark.parametrize(
    ("tick", "expected"),
    [("f-new", [1]), ("f-safe", [2, 3]), ("f-undiagnosable", [1, 2]), ("f-noinversion", [1, 2])],
)
def test_ticks(page: Any, tick: str, expected: list[int]) -> None:
    page.click("#filters > summary")
    page.check(f"#{tick}")
    wait_ranks(page, expected)


def test_choices(page: Any) -> None:
    page.click("#filters > summary")
    page.select_option("#f-status", "accepted")
    wait_ranks(page, [2])
    page.select_option("#f-status", "none")
    wait_ranks(page, [1, 3])
    page.select_option("#f-status", "")
    page.select_option("#f-system", "cubic")
    wait_ranks(page, [1])


def test_an_element_that_is_none_is_pointed_out(page: Any) -> None:
    page.click("#filters > summary")
    page.fill("#f-elements", "Xx")
    page.wait_for_selector("#f-elements[aria-invalid=true]")


def test_the_periodic_table_filters_and_follows(page: Any) -> None:
    page.click("#periodic [data-element=Te]")
    wait_ranks(page, [3])
    page.wait_for_function("() => document.querySelector('[data-element=Zn] .count').textContent === ''")
    assert page.text_content("[data-element=Hg] .count") == "1"
    page.click("#periodic [data-element=Te]")
    wait_ranks(page, [1, 2])
    assert "el=" in page.url
    page.click("#periodic [data-element=Te]")
    wait_ranks(page, [1, 2, 3])


def test_columns_are_chosen_and_remembered(page: Any, visit: Go) -> None:
    page.click("#columns > summary")
    page.check("[data-column=atoms]")
    page.uncheck("[data-column=benchmark]")
    assert page.locator("th[data-key=atoms]").count() == 1
    assert page.locator("td.c-benchmark").count() == 0
    again = visit(page.url)
    assert again.locator("td.c-atoms").count() == 3
    assert again.locator("td.c-benchmark").count() == 0


def test_a_row_opens_to_what_the_model_saw(page: Any) -> None:
    button = page.locator("button.open").first
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    page.wait_for_selector(".inside")
    assert button.get_attribute("aria-expanded") == "true"
    assert page.locator(".tokens > li").count() == 8
    assert page.locator("svg.bits rect").count() == 14
    poscar = (page.text_content(".poscar pre") or "").splitlines()
    assert poscar[1:3] == ["1.0", "    8.420000    0.000000    0.000000"]
    assert poscar[5:8] == ["Zn S", "1 1", "Direct"]
    sort_by(page, "rank")
    assert page.locator(".inside").count() == 1
    button = page.locator(f"#c-{FOUND[0].id} button.open")
    button.click()
    assert page.locator(".inside").count() == 0


def test_an_address_brings_back_its_view(page: Any, visit: Go) -> None:
    at = page.url.partition("#")[0] + f"#sort=spacegroup.asc&q=trivial&gap=..1&open={FOUND[2].id}"
    again = visit(at)
    assert ranks(again) == [3]
    again.wait_for_selector(f"#d-{FOUND[2].id} .tokens")
    assert again.get_attribute("th[data-key=spacegroup]", "aria-sort") == "ascending"


def test_a_formula_leads_to_the_page_and_back(page: Any) -> None:
    page.click("a.formula >> nth=0")
    page.wait_for_selector("#structure")
    assert page.inner_text("h1") == "ZnS"
    page.click("text=next →")
    page.wait_for_function("() => document.querySelector('h1').innerText === 'CdO'")
    page.click("nav a >> nth=0")
    page.wait_for_selector(f"#d-{FOUND[1].id} .tokens")
    assert page.locator("a.formula").count() == 2  # the third has no page of its own


def test_many_rows_are_shown_by_the_page(visit: Go, web: Web) -> None:
    write_report(make_run(), [make_candidate(n) for n in range(1, 501)], web[0], pages=0)
    page = visit(f"{web[1]}/index.html")
    assert len(ranks(page)) == 50
    assert page.inner_text("#shown") == "500 candidates"
    page.click("#next")
    assert len(ranks(page)) == 100
    assert sort_by(page, "rank")[:3] == [500, 499, 498]
    page.click("#rest")
    assert len(ranks(page)) == 500
    assert page.is_hidden("#more")


def test_a_point_says_what_it_is_and_opens_its_row(page: Any) -> None:
    image = page.locator("[data-scatter=models] svg")
    box = image.bounding_box()
    x, y = re.findall(r"M([\d.]+) ([\d.]+)h0", image.locator(".dots.ti:not(.known)").get_attribute("d"))[0]
    page.evaluate("window.scrollTo(0, 0)")
    box = image.bounding_box()
    unit = box["width"] / 350
    image.hover(position={"x": float(x) * unit, "y": float(y) * unit})
    assert "ZnS" in page.inner_text("[data-scatter=models] .tip")
    image.click(position={"x": float(x) * unit, "y": float(y) * unit})
    page.wait_for_selector(f"#d-{FOUND[0].id} .tokens")


def test_scatters_follow_the_filters(page: Any) -> None:
    dots = (
        "[...document.querySelectorAll('[data-scatter=gap] .dots')]"
        ".flatMap(p => p.getAttribute('d').match(/M/g) || [])"
    )
    assert page.evaluate(f"{dots}.length") == 3
    page.fill("#search", "zns")
    page.wait_for_function(f"() => {dots}.length === 1")


@pytest.mark.parametrize("figure", ["funnel", "elements", "gap", "models"])
def test_every_figure_can_be_taken_away(page: Any, figure: str, tmp_path: Path) -> None:
    kinds = page.locator(f"[data-figure={figure}] button")
    assert [kinds.nth(n).get_attribute("data-kind") for n in range(3)] == ["png", "svg", "csv"]
    files = {}
    for kind in ("png", "svg", "csv"):
        with page.expect_download() as download:
            page.click(f"[data-figure={figure}] [data-kind={kind}]")
        files[kind] = tmp_path / download.value.suggested_filename
        download.value.save_as(files[kind])
        assert files[kind].name == f"run-{make_run().id}-{figure}.{kind}"
    with Image.open(files["png"]) as image:
        assert min(image.size) > 500
        assert len(image.convert("RGB").getcolors(1 << 24)) > 20
        assert image.convert("RGB").getpixel((2, 2)) == (255, 255, 255)
    text = files["svg"].read_text(encoding="utf-8")
    assert "var(" not in text
    assert "class=" not in text
    ElementTree.fromstring(text)
    rows = list(csv.reader(io.StringIO(files["csv"].read_text(encoding="utf-8-sig"))))
    expected = {"funnel": "read", "elements": "Zn", "gap": FOUND[0].id, "models": FOUND[0].id}[figure]
    assert expected in {row[0] for row in rows}


def test_the_rows_that_were_found_can_be_taken_away(page: Any, tmp_path: Path) -> None:
    page.fill("#search", "hgte")
    wait_ranks(page, [3])
    with page.expect_download() as download:
        page.click("[data-figure=table] button")
    download.value.save_as(tmp_path / "table.csv")
    (row,) = csv.DictReader(io.StringIO((tmp_path / "table.csv").read_text(encoding="utf-8-sig")))
    assert (row["formula"], row["probability"], row["gap (eV)"], row["symbol"]) == (
        "HgTe",
        "0.7",
        "0",
        "Pmn2_1",
    )
    assert row["labels"] == "arsenal=trivial; materiae=Triv_Ins; tqc=trivial"


def test_hostile_names_run_nothing(visit: Go, web: Web, tmp_path: Path) -> None:
    text = '</script><img src=x onerror="window.hit=1"><script>window.hit=1</script>\'"&; DROP TABLE runs;--'
    candidate = make_candidate(
        **dict.fromkeys(("formula", "crystal_id", "spacegroup_symbol", "crystal_system"), text),
        notes=[text],
        hazards=[text],
        labels={text: text},
        known=[{"topology": text, "source": text}],
        tokens={"spacegroup": text, text: text, f"element:{text}": 1.0},
    )
    formula = make_candidate(2, formula='=HYPERLINK("http://evil")', crystal_id="../../etc/passwd")
    write_report(make_run(database=text), [candidate, formula], web[0], reviews={candidate.id: text})
    page = visit(f"{web[1]}/index.html")
    page.locator("button.open").first.click()
    page.wait_for_selector(".remarks li")
    page.click("#filters > summary")
    page.fill("#f-elements", text)
    page.fill("#f-spacegroup", text)
    page.keyboard.press("Escape")
    page.hover("[data-scatter=gap] svg")
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    page.click("#clear")
    with page.expect_download() as download:
        page.click("[data-figure=table] button")
    download.value.save_as(tmp_path / "table.csv")
    assert "'=HYPERLINK" in (tmp_path / "table.csv").read_text(encoding="utf-8")
    own = visit(f"{web[1]}/candidates/{candidate.id}.html")
    assert own.evaluate("window.hit") is None
    assert own.locator("img").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(visit: Go, web: Web, scheme: str) -> None:
    write_report(make_run(), FOUND, web[0], pages=1, reviews={FOUND[1].id: "accepted"})
    page = visit(f"{web[1]}/index.html", color_scheme=scheme)
    page.locator("button.open").first.click()
    page.wait_for_selector(".tokens")
    page.click("#filters > summary")
    assert serious(page) == []


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_do_not_scroll_sideways(visit: Go, web: Web, width: int) -> None:
    write_report(make_run(), FOUND, web[0], pages=0)
    page = visit(f"{web[1]}/index.html", viewport={"width": width, "height": 800})
    page.locator("button.open").first.click()
    page.wait_for_selector(".tokens")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.click("#filters > summary")
    panel = page.locator("#filters .panel").bounding_box()
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= width


def test_dark_pages_are_dark(visit: Go, web: Web) -> None:
    write_report(make_run(), FOUND, web[0], pages=0)
    page = visit(f"{web[1]}/index.html", color_scheme="dark")
    shot = Image.open(io.BytesIO(page.screenshot())).convert("L")
    assert shot.getpixel((3, 3)) < 40


def test_paper_is_white_and_without_controls(page: Any) -> None:
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.is_hidden("#controls")
    assert page.is_hidden(".tools >> nth=0")
    assert page.is_visible("#table")
    assert page.pdf(prefer_css_page_size=True)[:5] == b"%PDF-"


def test_it_works_from_a_disk(visit: Go, web: Web) -> None:
    path = write_report(make_run(), FOUND, web[0], pages=1)
    page = visit(path.as_uri())
    page.locator("button.open").first.click()
    page.wait_for_selector(".tokens")
    page.click("a.formula >> nth=0")
    page.wait_for_selector("#structure")


def test_calls_are_shown_sorted_and_filtered(visit: Go, web: Web) -> None:
    at_five = {"error_rate": 0.05}
    called = [
        {"call": "trivial", "covered": True},
        {"call": "topological", "covered": False, "doubts": ["no training crystal holds Zn"]},
        {"call": "abstain", "covered": True, "predicted_gap": 0.314, "predicted_gap_uncertainty": 0.12},
        {"call": "topological", "covered": True},
    ]
    found = [make_candidate(n, **FACTS[0], **at_five, **facts) for n, facts in enumerate(called, 1)]
    write_report(make_run(), found, web[0], pages=0)
    page = visit(f"{web[1]}/index.html")
    chips = page.locator("td.c-call .chip").all_inner_texts()
    assert [text.split(":")[0].strip() for text in chips] == [
        "trivial",
        "topological?",
        "abstain",
        "topological",
    ]
    assert page.locator("td.c-call .chip").nth(1).get_attribute("title") == "no training crystal holds Zn"
    assert page.inner_text("tr:nth-child(3) td.c-predicted") == "0.31 ± 0.12"
    assert sort_by(page, "call") == [4, 2, 3, 1]
    page.click("#filters > summary")
    page.check("#f-called")
    wait_ranks(page, [4, 2])
    page.check("#f-covered")
    wait_ranks(page, [4])
    assert "called=1" in page.url
    assert "covered=1" in page.url
    page.uncheck("#f-covered")
    wait_ranks(page, [4, 2])
    page.keyboard.press("Escape")
    page.locator("button.open").nth(1).click()
    page.wait_for_selector(".remarks li")
    assert "no training crystal holds Zn" in page.inner_text(".inside")
