"""Take the pictures that README and docs show, from a run and with Debian's Chromium.

discover screen --db topoB --no-inversion -o run
python docs/make_pictures.py run
"""

import subprocess
import sys
import tempfile
from pathlib import Path

PICTURES = Path(__file__).parent / "pictures"
OFFLINE = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
SHOTS = {
    "report.png": ("1200,900", ""),
    "ranking.png": ("1200,900", "#ranking"),
}


def main() -> None:
    """Write one PNG for each of ``SHOTS``."""
    page = Path(sys.argv[1], "report", "index.html").resolve().as_uri()
    PICTURES.mkdir(exist_ok=True)
    for name, (size, fragment) in SHOTS.items():
        with tempfile.TemporaryDirectory() as profile:
            command = ["chromium", *OFFLINE, f"--user-data-dir={profile}", f"--window-size={size}"]
            command += [f"--screenshot={PICTURES / name}", page + fragment]
            subprocess.run(command, check=True, capture_output=True)
        print(PICTURES / name)


if __name__ == "__main__":
    main()
