"""How fast crystals go through a command, and how much memory all its processes take together.

    python benchmarks/throughput.py predict DATA_DIR/mp_structures.parquet [--crystals 15000]
    python benchmarks/throughput.py screen --db mp --undiagnosable --top 500 -o run

`predict` scores a random sample of a crystal table, `screen` passes its arguments on to `discover screen`.
Either runs as a user would run it, in a process of its own. Prints time, crystals per second, the
memory of all processes at its highest (PSS: a page that several share counts once), and hardware.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from xbert.crystals import CrystalTable

DISCOVER = [sys.executable, "-c", "from discovery.cli.main import main; main()"]


def measure(arguments: list[str]) -> dict[str, Any]:
    """Run `discover` with ``arguments``; return seconds, peak memory in GB and what it printed."""
    started = time.perf_counter()
    run = subprocess.Popen(
        [*DISCOVER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    done, peak = threading.Event(), [0]

    def watch() -> None:
        while not done.wait(0.1):
            try:
                process = psutil.Process(run.pid)
                family = [process, *process.children(recursive=True)]
                peak[0] = max(peak[0], sum(p.memory_full_info().pss for p in family))
            except psutil.NoSuchProcess:
                continue

    thread = threading.Thread(target=watch)
    thread.start()
    said, _ = run.communicate()
    seconds = time.perf_counter() - started
    done.set()
    thread.join()
    if run.returncode:
        sys.exit(f"discover {' '.join(arguments)} ended with {run.returncode}")
    return {"seconds": round(seconds, 1), "peak_memory_gb": round(peak[0] / 1e9, 2), "said": said}


def main() -> None:
    """Print one JSON object."""
    if sys.argv[1:2] == ["screen"]:
        result = measure(sys.argv[1:])
        found = re.search(r": ([\d,]+) crystals", result.pop("said"))
        count = int(found[1].replace(",", "")) if found else 0
    else:
        parser = argparse.ArgumentParser(
            description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        parser.add_argument("command", choices=["predict", "screen"])
        parser.add_argument("structures", type=Path)
        parser.add_argument("--crystals", type=int, default=15_000, help="random sample; 0 for all")
        parser.add_argument("--model", default="discovery")
        given = parser.parse_args()
        table = CrystalTable.read_parquet(given.structures, [])
        if given.crystals:
            rows = np.random.default_rng(0).choice(len(table), given.crystals, replace=False)
            table = table.take(np.sort(rows))
        count = len(table)
        with tempfile.TemporaryDirectory() as scratch:
            table.write_parquet(Path(scratch) / "crystals.parquet")
            files = [f"{scratch}/crystals.parquet", "-o", f"{scratch}/scores.parquet"]
            result = measure(["predict", *files, "--model", given.model])
        result["said"] = result["said"].strip().splitlines()[-1].partition(": ")[0]
    result |= {
        "crystals": count,
        "crystals_per_second": round(count / result["seconds"]),
        "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
