"""How fast crystals go through symmetry, graphs and prediction, and how much memory that takes.

    python benchmarks/throughput.py DATA_DIR/mp_structures.parquet [--crystals 10000]

Runs `discover predict` as a user would, in a process of its own, and prints crystals per second, the peak
memory of all its processes, and the hardware.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil

from xbert.crystals import CrystalTable


def peak_memory(pid: int, done: threading.Event) -> float:
    """Sum of the resident memory of a process and its children at its highest, in GB."""
    peak = 0
    while not done.is_set():
        try:
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            peak = max(peak, sum(p.memory_info().rss for p in family if p.is_running()))
        except psutil.NoSuchProcess:
            pass
        time.sleep(0.05)
    return peak / 1e9


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("structures", type=Path)
    parser.add_argument("--crystals", type=int, default=10_000, help="random sample; 0 for all")
    parser.add_argument("--model", default="discovery")
    arguments = parser.parse_args()
    table = CrystalTable.read_parquet(arguments.structures, [])
    if arguments.crystals:
        rows = np.random.default_rng(0).choice(len(table), arguments.crystals, replace=False)
        table = table.take(np.sort(rows))
    with tempfile.TemporaryDirectory() as scratch:
        table.write_parquet(Path(scratch) / "crystals.parquet")
        command = [sys.executable, "-c", "from discovery.cli.main import main; main()", "predict"]
        command += [
            f"{scratch}/crystals.parquet",
            "-o",
            f"{scratch}/scores.parquet",
            "--model",
            arguments.model,
        ]
        started = time.perf_counter()
        run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        done, peak = threading.Event(), []
        watch = threading.Thread(target=lambda: peak.append(peak_memory(run.pid, done)))
        watch.start()
        said, _ = run.communicate()
        seconds = time.perf_counter() - started
        done.set()
        watch.join()
    print(
        json.dumps(
            {
                "crystals": len(table),
                "atoms_per_cell": round(float(table.n_atoms.mean()), 1),
                "seconds": round(seconds, 1),
                "crystals_per_second": round(len(table) / seconds),
                "peak_memory_gb": round(peak[0], 2),
                "cores": os.cpu_count(),
                "machine": platform.processor() or platform.machine(),
                "said": said.strip().splitlines()[-1] if said.strip() else "",
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
