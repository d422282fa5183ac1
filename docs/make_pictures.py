"""Take the pictures that README and docs show, from a run and with Debian's Chromium.

discover screen --db topoB --no-inversion -o run
python docs/make_pictures.py run
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
from PIL import Image

PICTURES = Path(__file__).parent / "pictures"
OFFLINE = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
# Picture → size of the window, part of the page that is kept (left, top, right, bottom), in pixels.
SHOTS = {
    "report.png": ((1200, 1000), (0, 0, 1200, 1000)),
    "ranking.png": ((1200, 2900), (0, 1580, 1200, 2540)),
}


def main() -> None:
    """Write one PNG for each of ``SHOTS``; the first candidate's row is open."""
    run = Path(sys.argv[1])
    first = pq.read_table(run / "candidates.parquet", columns=["candidate_id"])[0][0].as_py()
    page = (run / "report" / "index.html").resolve().as_uri()
    PICTURES.mkdir(exist_ok=True)
    for name, ((width, height), box) in SHOTS.items():
        with tempfile.TemporaryDirectory() as profile:
            shot = Path(profile) / "shot.png"
            command = ["chromium", *OFFLINE, f"--user-data-dir={profile}", f"--window-size={width},{height}"]
            command += [f"--screenshot={shot}", "--virtual-time-budget=4000"]
            command.append(page + (f"#open={first}" if box[1] else ""))
            subprocess.run(command, check=True, capture_output=True)
            with Image.open(shot) as image:
                image.crop(box).convert("P", palette=Image.Palette.ADAPTIVE).save(
                    PICTURES / name, optimize=True
                )
        print(PICTURES / name)


if __name__ == "__main__":
    main()
