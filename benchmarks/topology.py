"""How fast the Z2 indices of a Wannier Hamiltonian are, here and with z2pack, at equal convergence.

    python benchmarks/topology.py FOLDER_OR_HR --occupied 18
    python benchmarks/topology.py FOLDER_OR_HR --occupied 18 --z2pack ENVIRONMENT/bin/python

z2pack and tbmodels pin old versions of NumPy, so they live in an environment of their own
(`ENVIRONMENT/bin/pip install z2pack tbmodels`). Both programs get the same hr.dat and centres and the same
six planes; moves and distances to the gap are held within 0.3 of the largest gap (z2pack's defaults). z2pack
stops adding points when two lengths of a line, two points apart, give centres within `pos_tol`, which leaves
a larger error; so the centres of both are compared with those of the same lines at a tolerance of 1e-5, and
`pos_tol` is lowered until z2pack's median error is not above the one here: that run is the one at equal
convergence. Prints one JSON object; seconds exclude reading the files. z2pack takes its Hamiltonian from
tbmodels, or with `--fast-hamiltonian` from a function that sums over R in NumPy.
"""

import argparse
import gzip
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from discovery.topology.tightbinding import TightBinding

TOLERANCES = (0.01, 0.003, 0.001, 0.0003, 0.0001)

WITH_Z2PACK = """
import json, logging, sys, time
import numpy as np
import tbmodels, z2pack
logging.disable(logging.CRITICAL)
arrays = np.load(sys.argv[2])
cells, hoppings, centres, n = arrays["cells"], arrays["hoppings"], arrays["centres"], int(sys.argv[3])
flat = hoppings.reshape(len(cells), -1)
def h(k):
    return (np.exp(2j * np.pi * (cells @ k)) @ flat).reshape(hoppings.shape[1:])
if sys.argv[4] == "tbmodels":
    model = tbmodels.Model.from_wannier_files(hr_file=sys.argv[1])
    assert np.abs(model.hamilton([0.1, 0.2, 0.3]) - h(np.array([0.1, 0.2, 0.3]))).max() < 1e-5
    h = model.hamilton
system = z2pack.hm.System(h, bands=n, pos=centres, convention=2, hermitian_tol=None)
indices, lines, converged, started = {}, [], True, time.perf_counter()
for axis in range(3):
    for name, value in (("0", 0.0), ("1/2", 0.5)):
        def surface(t1, t2, axis=axis, value=value):
            k = [0.0, 0.0, 0.0]
            k[axis], k[(axis + 1) % 3], k[(axis + 2) % 3] = value, t1 / 2, t2
            return k
        result = z2pack.surface.run(
            system=system, surface=surface, pos_tol=float(sys.argv[5]), gap_tol=0.3, move_tol=0.3,
            iterator=range(8, 401, 2),
        )
        indices[f"k{axis + 1}={name}"] = int(z2pack.invariant.z2(result, check_kramers_pairs=False))
        lines += [[axis, value, t / 2, sorted(wcc)] for t, wcc in zip(result.t, result.wcc)]
        report = result.convergence_report
        parts = (*report["line"].values(), *report["surface"].values())
        converged &= all(len(part["FAILED"]) == 0 for part in parts)
seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "planes": indices, "converged": converged, "lines": lines,
                  "version": z2pack.__version__, "numpy": np.__version__}))
"""

Line = tuple[int, float, float, Any]
"""Axis and value of the plane, position of the line across it, and its centres."""


def run_here(model: "TightBinding", occupied: int, workers: int, repeats: int) -> dict[str, Any]:
    """Time the six planes, the best of several runs."""
    from discovery.topology.invariants import z2_indices

    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = z2_indices(model, occupied, workers=workers)
        seconds.append(time.perf_counter() - started)
    lines: list[Line] = [
        (int(name[1]) - 1, 0.5 if "/" in name else 0.0, float(t), centres)
        for name, plane in result.planes.items()
        for t, centres in zip(plane.k, plane.centres, strict=True)
    ]
    return {
        "orbitals": model.n_orbitals,
        "lattice_vectors": len(model.cells),
        "nu": result.nu,
        "planes": {name: plane.z2 for name, plane in result.planes.items()},
        "lines": len(lines),
        "points": sum(plane.n_points for plane in result.planes.values()),
        **errors(model, occupied, lines),
        "seconds": round(min(seconds), 3),
        "seconds_each": [round(x, 3) for x in seconds],
    }


def errors(model: "TightBinding", occupied: int, lines: list[Line]) -> dict[str, float]:
    """Return how far the centres of lines lie from those at a tolerance of 1e-5, fraction of the cell."""
    from discovery.topology.links import circular_distance
    from discovery.topology.loops import Lines, transport
    from discovery.topology.wilson import require_kramers_pairs

    model = require_kramers_pairs(model, occupied)
    distances = []
    for axis, value, t, centres in lines:
        start = np.zeros((1, 3))
        start[0, axis], start[0, (axis + 1) % 3] = value, t
        exact = transport([Lines(model, start, np.eye(3)[(axis + 2) % 3])], occupied, 1e-5)[0][0].centres
        # The two programs count along the line in opposite directions.
        signs = (np.sort(sign * np.asarray(centres) % 1.0) for sign in (1, -1))
        distances.append(min(circular_distance(signed, exact) for signed in signs))
    return {
        "largest_error": round(max(distances), 5),
        "median_error": round(float(np.median(distances)), 5),
    }


def run_z2pack(
    python: Path, path: Path, model: "TightBinding", occupied: int, kind: str, tolerance: float, limit: float
) -> dict[str, Any]:
    """Time the same planes with z2pack in its own environment."""
    from discovery.wannier.hr import find_hamiltonian

    file = find_hamiltonian(path)
    raw = file.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        plain, arrays = Path(scratch) / "wannier90_hr.dat", Path(scratch) / "arrays.npz"
        plain.write_bytes(gzip.decompress(raw) if file.suffix == ".gz" else raw)
        np.savez(arrays, cells=model.cells, hoppings=model.hoppings, centres=model.centres)
        command = [
            str(python),
            "-c",
            WITH_Z2PACK,
            str(plain),
            str(arrays),
            str(occupied),
            kind,
            str(tolerance),
        ]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return {"seconds": None, "reason": f"stopped after {limit:g} s"}
    if run.returncode:
        return {"seconds": None, "reason": run.stderr.strip().splitlines()[-1]}
    report: dict[str, Any] = json.loads(run.stdout.strip().splitlines()[-1])
    lines = report.pop("lines")
    return report | {"pos_tol": tolerance, "lines": len(lines), **errors(model, occupied, lines)}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hamiltonian", type=Path)
    parser.add_argument("--occupied", type=int, required=True)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="threads that diagonalise here")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--z2pack", type=Path, help="Python of an environment with z2pack and tbmodels")
    parser.add_argument("--fast-hamiltonian", action="store_true", help="z2pack without tbmodels")
    parser.add_argument("--limit", type=float, default=900.0, help="seconds after which z2pack is stopped")
    arguments = parser.parse_args()
    from discovery.wannier.hr import read_model

    model = read_model(arguments.hamiltonian)
    here = run_here(model, arguments.occupied, arguments.workers, arguments.repeats)
    report: dict[str, Any] = {
        "here": here,
        "workers": arguments.workers,
        "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
        "z2pack": [],
    }
    kind = "numpy" if arguments.fast_hamiltonian else "tbmodels"
    for tolerance in TOLERANCES if arguments.z2pack else ():
        other = run_z2pack(
            arguments.z2pack,
            arguments.hamiltonian,
            model,
            arguments.occupied,
            kind,
            tolerance,
            arguments.limit,
        )
        report["z2pack"].append(other)
        if other["seconds"]:
            other["ratio"] = round(other["seconds"] / here["seconds"], 1)
        if not other["seconds"] or other["median_error"] <= here["median_error"]:
            report["ratio_at_equal_convergence"] = other.get("ratio")
            break
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
