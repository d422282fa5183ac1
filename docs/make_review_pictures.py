"""Take the pictures of the review app that docs show: a screen of starter, judged by nobody in earnest.

python docs/make_review_pictures.py
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from candidates.app.guard import Access
from candidates.app.serve import open_socket
from candidates.app.server import create_app
from candidates.review import Edit
from candidates.reviews import Reviews
from candidates.store import Store

PICTURES = Path(__file__).parent / "pictures"
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def main() -> None:
    """Write one PNG for each view."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        url = f"sqlite:///{place}/store.sqlite"
        screen = [
            Path(sys.executable).with_name("discover"),
            "screen",
            "--db",
            "starter",
            "--top",
            "200",
            "-o",
            "run",
        ]
        subprocess.run(
            screen, cwd=place, env=os.environ | {"DISCOVER_STORE_URL": url}, check=True, capture_output=True
        )
        store = Store(url)
        _judge(store)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        with _served(store) as address:
            page = _open(browser, address, width=1360, height=900)
            page.keyboard.press("5")
            _go(page, 4)
            _keep(page, "review.png")
            for key in ("x", "j", "x", "j", "j", "x", "c"):
                page.keyboard.press(key)
            page.wait_for_selector(".compare-table")
            _keep(page, "review-compare.png")
            page.keyboard.press("Escape")
            page.keyboard.press("c")
            dark = _open(browser, address, width=1760, height=1000, color_scheme="dark")
            dark.keyboard.press("5")
            _go(dark, 1)
            _keep(dark, "review-dark.png")
            phone = _open(
                browser, address, width=390, height=800, device_scale_factor=2, is_mobile=True, has_touch=True
            )
            listing = phone.screenshot()
            phone.locator(".row .open").nth(1).tap()
            phone.wait_for_selector("#structure")
            phone.wait_for_timeout(600)
            _beside([listing, phone.screenshot()], "review-phone.png")
        browser.close()


def _judge(store: Store) -> None:
    reviews, ids = Reviews(store), [row["id"] for row in store.table(["id"])]
    reviews.add(ids[:1], Edit(status="rejected", note="A semiconductor in 2H; the label is for 1T′."), "ben")
    reviews.add(ids[1:2], Edit(status="held", tags=("half-Heusler",), assignee="ana"), "ben")
    reviews.add(
        ids[1:2], Edit(note="The inversion at Γ hangs on the gap: wait for the hybrid functional."), "ana"
    )
    reviews.add(ids[2:4], Edit(status="accepted"), "ana")
    reviews.add(
        ids[4:5], Edit(status="held", note="Strong spin–orbit coupling, small cell. Is it stable?"), "ana"
    )
    reviews.add(
        ids[4:5], Edit(status="accepted", note="0.01 eV above the hull. Worth a run.", tags=("soon",)), "ben"
    )
    reviews.add(ids[8:30:3], Edit(status="rejected", note="Metal by every measure."), "ben")
    reviews.add(ids[9:24:5], Edit(status="accepted"), "ana")


@contextmanager
def _served(store: Store) -> Iterator[str]:
    import uvicorn

    listening = open_socket("127.0.0.1", 0)
    config = uvicorn.Config(create_app(store, Access(), "ana"), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    server.should_exit = True
    thread.join(10)


def _open(browser: Browser, address: str, width: int, height: int, **options: Any) -> Page:
    page = browser.new_context(viewport={"width": width, "height": height}, **options).new_page()
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    page.wait_for_selector(".candidate", state="attached")
    return page


def _go(page: Page, steps: int) -> None:
    page.locator(".row .open").first.click()
    for _ in range(steps):
        page.keyboard.press("j")
    page.wait_for_selector("#structure")
    page.wait_for_timeout(800)


def _keep(page: Page, name: str) -> None:
    page.wait_for_timeout(500)
    _save(Image.open(BytesIO(page.screenshot())), name)


def _beside(shots: list[bytes], name: str) -> None:
    images = [Image.open(BytesIO(shot)).convert("RGB") for shot in shots]
    gap = 40
    sheet = Image.new(
        "RGB", (sum(i.width for i in images) + gap * (len(images) - 1), images[0].height), "#ffffff"
    )
    left = 0
    for image in images:
        sheet.paste(image, (left, 0))
        left += image.width + gap
    _save(sheet.resize((sheet.width * 2 // 3, sheet.height * 2 // 3), Image.Resampling.LANCZOS), name)


def _save(image: Image.Image, name: str) -> None:
    image.convert("RGB").save(PICTURES / name, optimize=True)
    print(PICTURES / name)


if __name__ == "__main__":
    main()
