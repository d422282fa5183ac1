"""How quick the page of a large run is: first paint, and what a click costs until the next frame.

    python benchmarks/report_page.py                       # 10,000 candidates, JSON to standard output
    python benchmarks/report_page.py --candidates 50000

Chromium is driven through Playwright; times are the medians of several loads from a disk. "Interaction" is
from just before the event to the frame after the page's answer; the time of the page's own thread is what
remains of it on a machine that does nothing else.
"""

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from candidates.records import Candidate, FunnelStep, RunRecord, candidate_id, tokens_seen
from candidates.report import write_report

SWITCHES = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
ELEMENTS = [3, 11, 12, 13, 14, 15, 16, 20, 29, 30, 31, 32, 33, 34, 47, 48, 49, 50, 51, 52, 56, 80, 81, 82, 83]

INTERACTIONS = {
    "sort by formula": "document.querySelector('th[data-key=formula] button').click()",
    "sort by gap": "document.querySelector('th[data-key=gap] button').click()",
    "ask for an element": "document.querySelector('[data-element=Bi] rect')"
    ".dispatchEvent(new MouseEvent('click', { bubbles: true }))",
    "tick a filter": "document.getElementById('f-undiagnosable').click()",
    "clear": "document.querySelector('#active button').click()",
    "choose a column": "document.querySelector('[data-column=atoms]').click()",
    "open a row": "document.querySelector('button.open').click()",
}

LOADED = """() => ({
  first: performance.getEntriesByName('first-contentful-paint')[0].startTime,
  ready: performance.getEntriesByName('ready')[0].startTime,
})"""

MEASURE = """act => new Promise((done) => {
  const start = performance.now();
  ACT;
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
})"""


def make(n: int) -> tuple[RunRecord, list[Candidate]]:
    """Return a made-up run of n candidates, the same every time."""
    rng = random.Random(0)
    groups = [
        (216, "F-43m", "-43m", "cubic"),
        (31, "Pmn2_1", "mm2", "orthorhombic"),
        (166, "R-3m", "-3m", "trigonal"),
    ]
    found = []
    ps = sorted((rng.betavariate(0.8, 2.0) for _ in range(n)), reverse=True)
    for rank, p in enumerate(ps, 1):
        number, symbol, point, system = rng.choice(groups)
        numbers = rng.sample(ELEMENTS, 3)
        crystal = f"mp-{rng.randrange(10**6)}-{rank}"
        found.append(
            Candidate(
                id=candidate_id("benchmark", crystal),
                run_id="benchmark",
                rank=rank,
                database="mp",
                crystal_id=crystal,
                formula=f"Bi{rank % 7 + 2}Te{rank % 11 + 2}",
                spacegroup=number,
                spacegroup_symbol=symbol,
                spacegroup_tight=number,
                point_group=point,
                crystal_system=system,
                inversion=number == 166,
                undiagnosable=number == 216,
                indicator_group="trivial" if number == 216 else "Z2×Z4",
                n_atoms=3,
                n_electrons=sum(numbers),
                p_topological=p,
                p_ti=p * 0.6,
                p_tsm=p * 0.4,
                p_trivial=1 - p,
                uncertainty=rng.random() * 0.1,
                model="discovery",
                p_benchmark=rng.random(),
                band_gap=rng.choice([None, 0.0, rng.random() * 4]),
                e_above_hull=rng.random() * 0.1,
                labels={"tqc": rng.choice(["trivial", "SM", "TI"])},
                hazards=("magnetic-prone: Fe",) if rank % 5 == 0 else (),
                tokens=tokens_seen(("a", "b", "c", "d", "e"), 100, "0" * 14, {"Bi": 0.4, "Te": 0.6}, {}),
                lattice=(4.0, 0.0, 0.0, 0.0, 4.0, 0.0, 0.0, 0.0, 4.0 + rng.random()),
                atomic_numbers=tuple(numbers),
                frac_coords=tuple(round(rng.random(), 4) for _ in range(9)),
            )
        )
    step = FunnelStep(name="metallic", description="metals", removed=4 * n, left=n, enabled=True)
    run = RunRecord(
        id="benchmark", created="2026-01-01T00:00:00+00:00", database="mp", database_sha256="0" * 64,
        model="discovery", model_sha256="0" * 64, command=("discover",), funnel=(step,), n_input=5 * n,
        directory=".",
    )  # fmt: skip
    return run, found


def measure(
    address: str, repeats: int, interactions: dict[str, str], pause_ms: int, prepare: str = ""
) -> dict[str, Any]:
    """Return medians in milliseconds, of the wall clock and of the page's own thread.

    Args:
        address: of a page that marks when it is ``ready``.
        repeats: fresh pages.
        interactions: name → JavaScript that acts.
        pause_ms: after each interaction.
        prepare: JavaScript that runs before the page's own.
    """
    from playwright.sync_api import sync_playwright

    loads: list[dict[str, float]] = []
    wall: dict[str, list[float]] = {name: [] for name in interactions}
    own: dict[str, list[float]] = {name: [] for name in interactions}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        version = browser.version
        for _ in range(repeats):
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.add_init_script(prepare)
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable", {"timeDomain": "threadTicks"})
            page.goto(address)
            page.wait_for_function("() => performance.getEntriesByName('ready').length > 0")
            page.wait_for_timeout(1500)
            loads.append(page.evaluate(LOADED))
            for name, act in interactions.items():
                before = busy(session)
                wall[name].append(page.evaluate(MEASURE.replace("ACT", act)))
                own[name].append(1000 * (busy(session) - before))
                page.wait_for_timeout(pause_ms)
            page.close()
        browser.close()
    return {
        "chromium": version,
        "first_paint_ms": round(statistics.median(load["first"] for load in loads), 1),
        "ready_ms": round(statistics.median(load["ready"] for load in loads), 1),
        "interaction_ms": {name: round(statistics.median(times), 1) for name, times in wall.items()},
        "interaction_cpu_ms": {name: round(statistics.median(times), 1) for name, times in own.items()},
    }


def busy(session: Any) -> float:
    """Return how long the page's own thread has worked, in seconds."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "TaskDuration"))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    run, found = make(options.candidates)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = write_report(run, found, Path(folder), pages=0)
        seconds = time.perf_counter() - start
        result = {
            "candidates": options.candidates,
            "megabytes": round(path.stat().st_size / 1e6, 2),
            "write_seconds": round(seconds, 2),
            **measure(path.as_uri(), options.repeats, INTERACTIONS, 400),
            "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        }
    worst, busiest = (max(result[name].values()) for name in ("interaction_ms", "interaction_cpu_ms"))
    result["within"] = {
        "first paint / 2 s": round(result["first_paint_ms"] / 2000, 3),
        "slowest interaction / 100 ms": round(worst / 100, 3),
        "slowest interaction, own thread / 100 ms": round(busiest / 100, 3),
    }
    print(json.dumps(result, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
