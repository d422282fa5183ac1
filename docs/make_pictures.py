"""Take the pictures that README and docs show of a run's pages, with Debian's Chromium.

discover screen --db topoB --no-inversion -o run
python docs/make_pictures.py run

A second argument, the page of a verified candidate, adds ``verified.png``.
"""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
OFFLINE = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@dataclass(frozen=True)
class Shot:
    """One picture: what is opened and pressed, and the part that is kept.

    Attributes:
        page: ``index.html``, ``first`` for the page of the best candidate, ``verified`` for the one given.
        size: of the window, pixels.
        press: selectors that are clicked in turn.
        start: selector of the first element in the picture; the page's top without it.
        scheme: light or dark.
    """

    page: str
    size: tuple[int, int]
    press: tuple[str, ...] = ()
    start: str = ""
    scheme: str = "light"


SHOTS = {
    "report.png": Shot("index.html", (1280, 1580)),
    "ranking.png": Shot("index.html", (1280, 900), ("#filters > summary",), "#ranking"),
    "candidate.png": Shot("first", (1280, 1000)),
    "candidate-dark.png": Shot("first", (1280, 1000), scheme="dark"),
    "verified.png": Shot("verified", (1280, 2300), start="#verification-title"),
}


def main() -> None:
    """Write one PNG for each of ``SHOTS`` whose page is there."""
    from playwright.sync_api import sync_playwright

    run = Path(sys.argv[1])
    first = pq.read_table(run / "candidates.parquet", columns=["candidate_id"])[0][0].as_py()
    pages = {
        "index.html": run / "report" / "index.html",
        "first": run / "report" / "candidates" / f"{first}.html",
    }
    if len(sys.argv) > 2:
        pages["verified"] = Path(sys.argv[2])
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=OFFLINE)
        for name, shot in SHOTS.items():
            if shot.page in pages:
                take(browser, pages[shot.page].resolve().as_uri(), shot, PICTURES / name)
                print(PICTURES / name)
        browser.close()


def take(browser: Any, address: str, shot: Shot, path: Path) -> None:
    """Open a page, press what is to be pressed, and keep what the window would show."""
    width, height = shot.size
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=shot.scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(address)
    page.wait_for_function("() => performance.getEntriesByName('ready').length > 0")
    for selector in shot.press:
        page.click(selector)
    page.wait_for_timeout(600)
    top = (
        page.locator(shot.start).bounding_box()["y"] + page.evaluate("window.scrollY") - 24
        if shot.start
        else 0
    )
    clip = {"x": 0, "y": max(top, 0), "width": width, "height": height}
    page.screenshot(path=path, full_page=True, clip=clip)
    with Image.open(path) as image:
        plain = image.convert("RGB")
    plain.save(path, optimize=True)
    context.close()


if __name__ == "__main__":
    main()
