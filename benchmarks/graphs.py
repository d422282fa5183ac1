"""Two choices behind the speed of XBERT on a CPU, each against its peer in the same run.

    python benchmarks/graphs.py

1. The neighbour search: vesin as used here against pymatgen's `Structure.get_all_neighbors`.
2. The convolution: the dense k-neighbour layout against scatter over an edge list (torch-geometric's CGConv),
   forward and backward, the same widths, edges and activations.
"""

import json
import time
from collections.abc import Callable

import numpy as np
import torch
from torch_geometric.nn import CGConv

from discovery.databases.starter import load
from xbert.features import collate, features_of
from xbert.gnn.cgcnn import CrystalConvolution, GaussianBasis
from xbert.graphs import build_graphs
from xbert.symmetry import standardise

WIDTH = 64
REPEATS = 7


def best_time(run: Callable[[], object]) -> float:
    """Shortest of several runs, in seconds, after one to warm up."""
    run()
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


def main() -> None:
    """Print times and ratios as JSON."""
    torch.manual_seed(0)
    table = standardise(load().keep([]).take(np.arange(0, 600, 3))).crystals
    structures = [crystal.to_structure() for crystal in table]
    graphs = build_graphs(table)
    reach = [
        float(graphs.distances[graphs.offsets[i] : graphs.offsets[i + 1]].max()) for i in range(len(table))
    ]
    ours = best_time(lambda: build_graphs(table))
    theirs = best_time(
        lambda: [s.get_all_neighbors(r + 0.01) for s, r in zip(structures, reach, strict=True)]
    )

    standardised = standardise(table)
    batch = collate(
        features_of(standardised.crystals, standardised.spacegroup, standardised.n_electrons), np.arange(200)
    )
    atoms = torch.randn(len(batch.numbers), WIDTH, requires_grad=True)
    bonds = GaussianBasis()(batch.distances)
    k = batch.neighbours.shape[1]
    edges = torch.stack([batch.neighbours.reshape(-1), torch.arange(len(atoms)).repeat_interleave(k)])
    dense = CrystalConvolution(WIDTH, bonds.shape[-1])
    scatter = CGConv(WIDTH, dim=bonds.shape[-1], batch_norm=True)
    flat = bonds.reshape(-1, bonds.shape[-1])
    dense_time = best_time(lambda: dense(atoms, batch.neighbours, bonds).sum().backward())
    scatter_time = best_time(lambda: scatter(atoms, edges, flat).sum().backward())
    print(
        json.dumps(
            {
                "neighbours": {
                    "crystals": len(table),
                    "xbert_s": ours,
                    "pymatgen_s": theirs,
                    "ratio": round(theirs / ours, 1),
                },
                "convolution": {
                    "atoms": len(atoms),
                    "dense_s": dense_time,
                    "scatter_s": scatter_time,
                    "ratio": round(scatter_time / dense_time, 1),
                },
                "threads": torch.get_num_threads(),
            },
            indent=1,
        )
    )


if __name__ == "__main__":
    main()
