"""The page of a candidate in Chromium: the structure is really drawn, turns, and can be taken away."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from candidates.explanation import Explanation, Neighbour
from candidates.report import write_candidate_page
from tests.candidates.report.conftest import serious
from tests.candidates.report.sample_verification import make_verification
from tests.candidates.report.test_structure import silicon
from tests.sample_records import make_candidate, make_run

pytestmark = pytest.mark.browser

Go = Callable[..., Any]
Web = tuple[Path, str]

EXPLANATION = Explanation(
    attributions={"elements": 0.3, "crystal graph": -0.1},
    method="Blotted out.",
    neighbours=[
        Neighbour(
            crystal_id="mp-1", formula="Bi2Se3", spacegroup=166, spacegroup_symbol="R-3m",
            classes={"tqc": "TI", "literature": "strong TI"}, p_topological=0.97, distance=0.2,
        )
    ],
    meaning="Near is alike.",
)  # fmt: skip

# How many pixels of a canvas are not bare, and a number that changes with the picture.
PIXELS = """id => {
  const canvas = document.getElementById(id), { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const data = copy.getImageData(0, 0, width, height).data;
  let drawn = 0, sum = 0;
  for (let i = 3; i < data.length; i += 4)
    if (data[i]) { drawn += 1; sum = (sum * 31 + i + data[i - 1]) % 1000003; }
  return [drawn, sum, width * height];
}"""


@pytest.fixture
def page(visit: Go, web: Web) -> Any:
    candidate = make_candidate()
    write_candidate_page(
        make_run(),
        candidate,
        web[0] / "candidates",
        [candidate, make_candidate(2)],
        explanation=EXPLANATION,
        verification=make_verification(files={"../../.ssh/<b>key": "a\nb"}),
    )
    return visit(f"{web[1]}/candidates/{candidate.id}.html", reduced_motion="reduce")


def pixels(page: Any, name: str = "structure") -> list[int]:
    page.wait_for_timeout(80)
    found: list[int] = page.evaluate(PIXELS, name)
    return found


def test_the_structure_is_drawn_and_turns(page: Any) -> None:
    drawn, first, whole = pixels(page)
    assert 0.01 * whole < drawn < 0.9 * whole
    box = page.locator("#structure").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 30, steps=4)
    page.mouse.up()
    _, dragged, _ = pixels(page)
    assert dragged != first
    page.focus("#structure")
    page.keyboard.press("ArrowLeft")
    _, turned, _ = pixels(page)
    assert turned != dragged
    page.keyboard.press("+")
    larger, _, _ = pixels(page)
    assert larger > drawn
    page.keyboard.press("0")
    assert pixels(page)[:2] == [drawn, first]


def test_it_looks_along_an_axis(page: Any) -> None:
    seen = set()
    for axis in "012":
        page.click(f"[data-along='{axis}']")
        seen.add(pixels(page)[1])
    assert len(seen) == 3


def test_it_rests_where_motion_is_unwanted_and_spins_when_asked(page: Any) -> None:
    assert pixels(page)[1] == pixels(page)[1]
    page.click("[data-kind=spin]")
    assert page.get_attribute("[data-kind=spin]", "aria-pressed") == "true"
    first = pixels(page)[1]
    page.wait_for_timeout(300)
    assert pixels(page)[1] != first
    page.click("[data-kind=spin]")
    page.wait_for_timeout(100)
    assert pixels(page)[1] == pixels(page)[1]


def test_cells_are_exchanged(visit: Go, web: Web) -> None:
    path = write_candidate_page(make_run(), silicon(), web[0])
    page = visit(f"{web[1]}/{path.name}", reduced_motion="reduce")
    assert page.inner_text("#cells [aria-pressed=true]") == "Conventional cell"
    first = pixels(page)[1]
    page.click("text=Primitive cell")
    assert page.inner_text("#cells [aria-pressed=true]") == "Primitive cell"
    assert pixels(page)[1] != first


def test_an_atom_says_what_it_is(visit: Go, web: Web) -> None:
    lone = make_candidate(atomic_numbers=[83], frac_coords=[0.5, 0.5, 0.5])
    path = write_candidate_page(make_run(), lone, web[0])
    page = visit(f"{web[1]}/{path.name}", reduced_motion="reduce")
    page.wait_for_timeout(100)
    page.hover("#structure")
    assert page.inner_text("#atom-tip") == "Bi (0.500, 0.500, 0.500)"


def test_the_zone_is_drawn_and_turns(page: Any) -> None:
    page.locator("#zone").scroll_into_view_if_needed()
    drawn, first, whole = pixels(page, "zone")
    assert 0.005 * whole < drawn < 0.5 * whole
    page.focus("#zone")
    page.keyboard.press("ArrowRight")
    assert pixels(page, "zone")[1] != first


@pytest.mark.parametrize(
    ("figure", "kind", "start"),
    [
        ("structure", "png", b"\x89PNG"),
        ("structure", "cif", b"data_"),
        ("structure", "poscar", b"Ag2HgSnSe4"),
        ("zone", "png", b"\x89PNG"),
        ("bands-0", "svg", b"<svg"),
        ("bands-1", "png", b"\x89PNG"),
        ("bands-1", "csv", "\ufeffdistance (1/Å),k1".encode()),
        ("wilson", "svg", b"<svg"),
        ("wilson", "csv", "\ufeffplane,k,centre".encode()),
        ("surface-0", "png", b"\x89PNG"),
        ("attributions", "csv", "\ufefftoken,adds".encode()),
        ("bibtex", "bib", b"@software{xbertdiscovery"),
    ],
)
def test_everything_can_be_taken_away(
    page: Any, figure: str, kind: str, start: bytes, tmp_path: Path
) -> None:
    with page.expect_download() as download:
        page.click(f"[data-figure='{figure}'] [data-kind={kind}]")
    download.value.save_as(tmp_path / "file")
    content = (tmp_path / "file").read_bytes()
    assert content.startswith(start)
    assert "/" not in download.value.suggested_filename
    if kind == "png":
        with Image.open(io.BytesIO(content)) as image:
            assert len(image.convert("RGB").getcolors(1 << 24)) > 40


def test_an_input_file_is_taken_away_under_a_harmless_name(page: Any, tmp_path: Path) -> None:
    page.click("#files summary")
    with page.expect_download() as download:
        page.click("[data-figure=file] button")
    assert download.value.suggested_filename == "__.._.ssh__b_key"
    download.value.save_as(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "a\nb"


def test_references_are_copied(page: Any) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.click("[data-figure=bibtex] [data-kind=copy]")
    page.wait_for_selector("text=Copied")
    assert page.evaluate("() => navigator.clipboard.readText()").startswith("@software{xbertdiscovery")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessibility(page: Any, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)
    page.click("#files summary")
    assert serious(page) == []


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_do_not_scroll_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert pixels(page)[0] > 1000


def test_the_canvas_follows_light_and_dark(page: Any) -> None:
    first = pixels(page)[1]
    page.emulate_media(color_scheme="dark")
    assert pixels(page)[1] != first


def test_it_prints_with_its_picture(page: Any) -> None:
    page.emulate_media(media="print")
    assert page.is_hidden(".tools >> nth=0")
    assert page.is_visible("#structure")
    assert page.pdf()[:5] == b"%PDF-"
