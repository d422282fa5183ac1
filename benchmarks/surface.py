"""How long a surface spectrum takes: 101 k × 201 energies of 30 orbitals in two principal layers.

    python benchmarks/surface.py [SHARED/cases/Bi2Se3-wanniertools/wannier90_hr.dat.gz] [--workers 2]

Without a file the model is random, with dense hoppings between first and second layers.
"""

import argparse
import json
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np

from discovery.topology.green import surface_spectrum
from discovery.topology.tightbinding import TightBinding

BI2SE3 = np.array([[-2.069, -3.583614, 0.0], [2.069, -3.583614, 0.0], [0.0, 2.389075, 9.546667]])


def random_model(orbitals: int = 30, seed: int = 0) -> TightBinding:
    """Levels over a few eV, hoppings of some tenths in the plane and to two layers above."""
    rng = np.random.default_rng(seed)
    table = {(0, 0, 0): np.diag(rng.uniform(-3, 3, orbitals)).astype(complex)}
    for cell, size in {
        (1, 0, 0): 0.2,
        (0, 1, 0): 0.2,
        (0, 0, 1): 0.1,
        (1, 0, 1): 0.05,
        (0, 0, 2): 0.02,
    }.items():
        block = size * (rng.normal(size=(orbitals,) * 2) + 1j * rng.normal(size=(orbitals,) * 2))
        table[cell] = block / np.sqrt(orbitals) * 3
        table[tuple(-x for x in cell)] = table[cell].conj().T
    return TightBinding(
        BI2SE3, np.array(list(table)), np.array(list(table.values())), np.zeros((orbitals, 3))
    )


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("hr", type=Path, nargs="?")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fermi", type=float, default=4.4195, help="of the file, eV")
    parser.add_argument("--eta", type=float, default=0.01, help="broadening, eV")
    arguments = parser.parse_args()
    if arguments.hr is None:
        model, fermi = random_model(), 0.0
    else:
        from discovery.wannier.hr import read_hr

        model, fermi = read_hr(arguments.hr, BI2SE3), arguments.fermi
    energies = fermi + np.linspace(-1.0, 1.0, 201)
    started = time.perf_counter()
    found = surface_spectrum(
        model, (0, 0, 1), energies, points=101, eta=arguments.eta, workers=arguments.workers
    )
    seconds = time.perf_counter() - started
    worked = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(
        json.dumps(
            {
                "orbitals": model.n_orbitals,
                "principal_layers": found.principal_layers,
                "neglected_ev": round(found.neglected, 4),
                "points": found.top.size,
                "seconds": round(seconds, 1),
                "processor_seconds": round(sum(w.ru_utime + w.ru_stime for w in worked), 1),
                "workers": arguments.workers,
                "cores": os.cpu_count(),
                "load": round(os.getloadavg()[0], 1),
                "processor": platform.processor() or platform.machine(),
            }
        )
    )


if __name__ == "__main__":
    main()
