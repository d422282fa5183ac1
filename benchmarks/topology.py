"""How fast the Z2 indices of a Wannier Hamiltonian are, here and with z2pack.

    python benchmarks/topology.py FOLDER_OR_HR --occupied 18
    python benchmarks/topology.py FOLDER_OR_HR --occupied 18 --z2pack ENVIRONMENT/bin/python

z2pack and tbmodels pin old versions of NumPy, so they live in an environment of their own
(`ENVIRONMENT/bin/pip install z2pack tbmodels`). Both programs get the same hr.dat and centres, the same six
planes, and the same tolerances: centres to 0.01 of a cell, moves and distances to the gap within 0.3 of the
largest gap (z2pack's defaults). Prints one JSON object; seconds exclude reading the files. `z2pack` takes its
Hamiltonian from tbmodels; `z2pack_fast_h` is given a function that sums over R in NumPy, so that it times the
Wilson loops rather than tbmodels.
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

import numpy as np

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
if sys.argv[4] == "z2pack":
    model = tbmodels.Model.from_wannier_files(hr_file=sys.argv[1])
    assert np.abs(model.hamilton([0.1, 0.2, 0.3]) - h(np.array([0.1, 0.2, 0.3]))).max() < 1e-5
    h = model.hamilton
system = z2pack.hm.System(h, bands=n, pos=centres, convention=2, hermitian_tol=None)
planes, converged, started = {}, True, time.perf_counter()
for axis in range(3):
    for name, value in (("0", 0.0), ("1/2", 0.5)):
        def surface(t1, t2, axis=axis, value=value):
            k = [0.0, 0.0, 0.0]
            k[axis], k[(axis + 1) % 3], k[(axis + 2) % 3] = value, t1 / 2, t2
            return k
        result = z2pack.surface.run(system=system, surface=surface, pos_tol=0.01, gap_tol=0.3, move_tol=0.3)
        planes[f"k{axis + 1}={name}"] = int(z2pack.invariant.z2(result, check_kramers_pairs=False))
        report = result.convergence_report
        parts = (*report["line"].values(), *report["surface"].values())
        converged &= all(len(part["FAILED"]) == 0 for part in parts)
print(json.dumps({"seconds": time.perf_counter() - started, "planes": planes, "converged": converged,
                  "version": z2pack.__version__, "numpy": np.__version__}))
"""


def run_here(path: Path, occupied: int, workers: int, repeats: int) -> dict:
    """Time the six planes, the best of several runs, and reading the file."""
    from discovery.topology.invariants import z2_indices
    from discovery.wannier.hr import read_model

    started = time.perf_counter()
    model = read_model(path)
    reading = time.perf_counter() - started
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        result = z2_indices(model, occupied, workers=workers)
        seconds.append(time.perf_counter() - started)
    return {
        "orbitals": model.n_orbitals,
        "lattice_vectors": len(model.cells),
        "nu": result.nu,
        "planes": {name: plane.z2 for name, plane in result.planes.items()},
        "points": sum(plane.n_points for plane in result.planes.values()),
        "position_error": max(plane.position_error for plane in result.planes.values()),
        "seconds_reading": round(reading, 2),
        "seconds": round(min(seconds), 2),
        "seconds_each": [round(x, 2) for x in seconds],
    }


def run_z2pack(python: Path, path: Path, occupied: int, kind: str, limit: float) -> dict:
    """Time the same planes with z2pack in its own environment."""
    from discovery.wannier.hr import find_hamiltonian, read_model

    model, file = read_model(path), find_hamiltonian(path)
    raw = file.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        plain, arrays = Path(scratch) / "wannier90_hr.dat", Path(scratch) / "arrays.npz"
        plain.write_bytes(gzip.decompress(raw) if file.suffix == ".gz" else raw)
        np.savez(arrays, cells=model.cells, hoppings=model.hoppings, centres=model.centres)
        command = [str(python), "-c", WITH_Z2PACK, str(plain), str(arrays), str(occupied), kind]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return {"seconds": None, "reason": f"stopped after {limit:g} s"}
    if run.returncode:
        return {"seconds": None, "reason": run.stderr.strip().splitlines()[-1]}
    return json.loads(run.stdout.strip().splitlines()[-1])


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hamiltonian", type=Path)
    parser.add_argument("--occupied", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1, help="planes computed at once here")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--z2pack", type=Path, help="Python of an environment with z2pack and tbmodels")
    parser.add_argument("--kinds", nargs="+", default=["z2pack", "z2pack_fast_h"])
    parser.add_argument("--limit", type=float, default=900.0, help="seconds after which z2pack is stopped")
    arguments = parser.parse_args()
    here = run_here(arguments.hamiltonian, arguments.occupied, arguments.workers, arguments.repeats)
    report = {
        "here": here,
        "workers": arguments.workers,
        "threads": os.environ.get("OMP_NUM_THREADS", "as many as cores"),
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": sys.version.split()[0],
        "numpy": np.__version__,
    }
    for kind in arguments.kinds if arguments.z2pack else ():
        other = run_z2pack(arguments.z2pack, arguments.hamiltonian, arguments.occupied, kind, arguments.limit)
        report[kind] = other
        if other["seconds"]:
            report[f"ratio_{kind}"] = round(other["seconds"] / here["seconds"], 1)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
