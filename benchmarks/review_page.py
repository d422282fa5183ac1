"""How quick the review app is on a large run: first paint, and what a key costs until the next frame.

    python benchmarks/review_page.py                       # 10,000 candidates, JSON to standard output
    python benchmarks/review_page.py --candidates 20000

The app serves a SQLite store on loopback and Chromium is driven through Playwright; times are the medians
of several loads. "Interaction" is from just before the event to the frame after the page's own answer:
judgements show at once and are sent behind. The time of the page's own thread is what remains of it on a
machine that does nothing else.
"""

import argparse
import json
import os
import platform
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from report_page import make, measure

from candidates.app.guard import Access
from candidates.app.serve import open_socket
from candidates.app.server import create_app
from candidates.store import Store


def key(name: str) -> str:
    """Return the script that presses a key."""
    return f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: '{name}', bubbles: true }}))"


def search(text: str) -> str:
    """Return the script that types into the search box."""
    return (
        f"(() => {{ const box = document.getElementById('search'); box.value = '{text}'; "
        "box.dispatchEvent(new Event('input', { bubbles: true })); })()"
    )


INTERACTIONS = {
    "next": key("j"),
    "accept": key("a"),
    "reject": key("r"),
    "undo": key("u"),
    "select": key("x"),
    "accepted only": key("2"),
    "open only": key("1"),
    "search": search("216"),
    "clear the search": search(""),
    "scroll to the end": "(() => { const box = document.getElementById('scroller'); "
    "box.scrollTop = box.scrollHeight; })()",
}

WATCH = """addEventListener("DOMContentLoaded", () => new MutationObserver((_, watch) => {
  if (document.body.dataset.ready) { performance.mark("ready"); watch.disconnect(); }
}).observe(document.body, { attributes: true }));
localStorage.setItem("reviewer", "ana");"""


@contextmanager
def served(store: Store) -> Iterator[str]:
    """Serve the app from a thread; yields its address."""
    listening = open_socket("127.0.0.1", 0)
    config = uvicorn.Config(create_app(store, Access(), "ana"), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{Path(folder) / 'store.sqlite'}")
        start = time.perf_counter()
        store.add_run(*make(options.candidates))
        seconds = time.perf_counter() - start
        with served(store) as address:
            result = {
                "candidates": options.candidates,
                "store_seconds": round(seconds, 2),
                **measure(address, options.repeats, INTERACTIONS, 600, WATCH),
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
            }
    worst, busiest = (max(result[name].values()) for name in ("interaction_ms", "interaction_cpu_ms"))
    result["within"] = {
        "first paint / 2 s": round(result["first_paint_ms"] / 2000, 3),
        "list and candidate / 2 s": round(result["ready_ms"] / 2000, 3),
        "slowest interaction / 100 ms": round(worst / 100, 3),
        "slowest interaction, own thread / 100 ms": round(busiest / 100, 3),
    }
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
