"""Follow docs/tutorial.md on a SLURM of one node, and take its pictures on the way.

python docs/make_tutorial_pictures.py DIR

DIR is a new folder for everything that the tutorial leaves behind. It needs root, Debian's slurm-wlm and
munge, Quantum ESPRESSO, Wannier90, Chromium and the pseudopotential of antimony (`discover pseudos fetch Sb`,
or DISCOVER_PSEUDO_DIR), and takes about twenty minutes.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from make_pictures import OFFLINE, PICTURES, Shot, take
from make_review_pictures import _go, _keep, _open, _served
from rich.console import Console
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parents[1]))
from candidates.store import Store
from tests.slurm import running_slurm

PAGE = Path(__file__).with_name("tutorial.md")
COLUMNS = 100


def main() -> None:
    """Run the tutorial's commands and write its pictures."""
    from playwright.sync_api import sync_playwright

    place = Path(sys.argv[1]).resolve()
    place.mkdir(parents=True)
    with running_slurm() as slurm, sync_playwright() as playwright:
        url = f"sqlite:///{place}/candidates.sqlite"
        os.environ |= slurm.env | {"DISCOVER_STORE_URL": url, "COLUMNS": str(COLUMNS)}
        os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=OFFLINE)
        blocks = iter(_blocks())
        for block in blocks:
            _run(block, place)
            if "review set" in block:
                break
        take(browser, _uri(place / "run/report/index.html"), RANKING, PICTURES / "tutorial-ranking.png")
        with _served(Store(url)) as address:
            page = _open(browser, address, width=1360, height=900)
            page.keyboard.press("5")
            _go(page, 2)
            _keep(page, "tutorial-review.png")
        for block in blocks:
            if "structures/" in block:  # section 7 is about the reader's own
                break
            if "--watch" in block:
                slurm.wait(lambda: "RUNNING" in str(slurm.queue()), 60, "for the job")
                time.sleep(60)
                _terminal(browser, ["discover", "status"], place, "tutorial-status.png")
                slurm.wait_empty(3600)
                continue
            _run(block, place)
        (verified,) = (path.name for path in (place / "verifications").iterdir() if path.is_dir())
        _terminal(browser, ["discover", "verdict", verified], place, "tutorial-verdict.png")
        report = place / "run/report/candidates" / f"{verified}.html"
        take(browser, _uri(report), VERIFIED, PICTURES / "tutorial-candidate.png")
        browser.close()


RANKING = Shot("", (1280, 800), start="#ranking")
VERIFIED = Shot("", (1280, 1950), start="#verification-title")


def _blocks() -> list[str]:
    """Return the commands of each console block, also of those that tests leave out, and the cluster file."""
    found = re.findall(r"```(console|yaml)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    blocks = []
    for kind, body in found:
        if kind == "yaml":
            blocks.append(f"cat > cluster.yaml <<'END'\n{body}END")
            continue
        lines = body.replace("\\\n", " ").splitlines()
        commands = [line[2:] for line in lines if line.startswith("$ ")]
        if not any(word in body for word in ("discover doctor", "pseudos fetch")):  # the machine is ready
            blocks.append("\n".join(commands))
    return blocks


def _run(block: str, place: Path) -> None:
    """Run a block as in one long session: variables of earlier blocks are there."""
    print(block, flush=True)
    kept = f"[ ! -f .session ] || . ./.session\n{block}\ndeclare -p SB BEST > .session 2>/dev/null || true"
    subprocess.run(["bash", "-euo", "pipefail", "-c", kept], cwd=place, check=True)


def _uri(path: Path) -> str:
    return path.resolve().as_uri()


def _terminal(browser: Any, command: list[str], place: Path, name: str) -> None:
    """Draw what a command prints, in its colours."""
    colours = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    said = subprocess.run(command, cwd=place, env=colours, capture_output=True, text=True).stdout
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print(Text("$ " + " ".join(command)))
    console.print(Text.from_ansi(said))
    page = browser.new_context(viewport={"width": 1100, "height": 900}).new_page()
    page.set_content(f"<body style='margin:0'>{console.export_svg(title='')}</body>")
    page.locator("svg").first.screenshot(path=PICTURES / name)
    print(PICTURES / name)


if __name__ == "__main__":
    main()
