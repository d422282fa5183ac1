"""Speed of the graph encoders beside each other, on the same crystals in the same run.

    python benchmarks/encoders.py

Forward alone, and forward with backward, in crystals a second; ``--device cuda`` on a GPU.
"""

import argparse
import json
import time
from collections.abc import Callable

import numpy as np
import torch

from discovery.databases.starter import load
from xbert.features import collate, features_of
from xbert.gnn import ENCODERS, make_encoder
from xbert.symmetry import standardise

STEP = 3
REPEATS = 5


def best_time(run: Callable[[], object], device: str) -> float:
    """Shortest of several runs, in seconds, after one to warm up."""
    times = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        run()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return min(times[1:])


def main() -> None:
    """Print crystals a second as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=3)
    options = parser.parse_args()
    cells = standardise(load().keep([]).take(np.arange(0, 192, STEP)))
    features = features_of(cells.crystals, cells.spacegroup, cells.n_electrons, vectors=True)
    batch = collate(features, np.arange(len(features))).to(options.device)
    result: dict[str, object] = {
        "crystals": batch.size,
        "atoms": len(batch.numbers),
        "device": options.device,
    }
    for name in ENCODERS:
        torch.manual_seed(0)
        encoder = make_encoder(name, options.width, options.layers).to(options.device)

        def score(encoder: torch.nn.Module = encoder) -> None:
            with torch.inference_mode():
                encoder(batch)

        def learn(encoder: torch.nn.Module = encoder) -> None:
            encoder(batch).square().sum().backward()

        result[name] = {
            "parameters": sum(p.numel() for p in encoder.parameters()),
            "forward_per_s": round(batch.size / best_time(score, options.device), 1),
            "training_per_s": round(batch.size / best_time(learn, options.device), 1),
        }
    print(json.dumps({**result, "threads": torch.get_num_threads()}, indent=1))


if __name__ == "__main__":
    main()
