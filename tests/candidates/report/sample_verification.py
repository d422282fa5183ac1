"""A verification with everything that a page shows: made up, and said so."""

import math
from typing import Any

from candidates.records import Gate, Verdict
from candidates.verification import BandPlot, Step, SurfacePlot, Verification, WilsonPlot
from tests.sample_records import make_candidate

N_K = 41


def lattice_constants() -> tuple[float, float, float]:
    """Return a, b and c of `make_candidate`."""
    lattice = make_candidate().lattice
    return lattice[0], lattice[4], lattice[8]


def band_plot(spin_orbit: bool, inverted: bool = False) -> BandPlot:
    """Return two filled and two empty bands from Γ to X and to S, in the cell of `make_candidate`."""
    a, b, _ = lattice_constants()
    k = [(0.5 * n / 20, 0.0, 0.0) for n in range(21)] + [(0.5, 0.5 * n / 20, 0.0) for n in range(1, 21)]
    turn, end = math.pi / a, math.pi / a + math.pi / b
    distance = [turn * n / 20 for n in range(21)] + [turn + (end - turn) * n / 20 for n in range(1, 21)]
    shape = [0.4 * (1 - math.cos(2 * math.pi * n / (N_K - 1))) for n in range(N_K)]
    energies = [
        [e - 0.9 for e in shape],
        [-e for e in shape],
        [0.2 + e for e in shape],
        [1.1 + e for e in shape],
    ]
    low, high = ([0.2] * N_K, [0.8] * N_K) if not inverted else ([0.8] * N_K, [0.2] * N_K)
    return BandPlot(
        spin_orbit=spin_orbit,
        distance=tuple(distance),
        k=tuple(k),
        ticks=((0.0, "GAMMA"), (turn, "X"), (end, "S_1")),
        energies=tuple(map(tuple, energies)),
        n_occupied=2,
        weights={
            "Sb p": tuple(map(tuple, (high, high, low, low))),
            "Se s": tuple(map(tuple, (low, low, high, high))),
        },
    )


def surface_plot(termination: str) -> SurfacePlot:
    """Return a faint parabola on three by four points."""
    return SurfacePlot.model_validate(
        {
            "miller": (0, 0, 1),
            "termination": termination,
            "distance": (0.0, 0.5, 1.0),
            "ticks": ((0.0, "K"), (1.0, "GAMMA")),
            "energies": (-0.3, -0.1, 0.1, 0.3),
            "log_weight": ((-2.0, 0.1, 1.0), (-2.0, 1.0, 0.1), (-1.0, 0.0, -2.0), (1.0, -1.0, -2.0)),
        }
    )


def make_verification(**changes: Any) -> Verification:
    """Return a finished verification of `make_candidate`, with ``changes``."""
    facts: dict[str, Any] = {
        "candidate_id": make_candidate().id,
        "created": "2025-06-02T08:00:00+00:00",
        "engine": "espresso",
        "preset": "standard",
        "functional": "PBE",
        "state": "verified",
        "steps": [
            Step(name="static_soc", state="done", seconds=42.0, memory_mb=136, programs={"pw.x": "6.7"}),
            Step(name="wannier", state="failed", reason="not converged", remedy="Raise num_iter."),
        ],
        "verdict": Verdict(
            topology="strong TI",
            reasons=("ν0 = 1 on three axes",),
            z2={"Wilson loops": (1, 0, 0, 1)},
            direct_gap=32.5,
            indirect_gap=-4.0,
            gates=(
                Gate(
                    name="direct gap", value=32.5, limit=1.0, unit="meV", passed=True, what="is there a gap"
                ),
                Gate(name="pairing", value=None, limit=None, passed=False, what="do centres pair"),
            ),
            provisional=True,
        ),
        "bands": [band_plot(False), band_plot(True, inverted=True)],
        "wilson": [
            WilsonPlot(
                plane=f"k{axis}={at}",
                z2=None if axis == 3 else int(at == "0"),
                k=(0.0, 0.25, 0.5),
                centres=((0.1, 0.1), (0.3, 0.9), (0.5, 0.5)),
            )
            for at in ("0", "1/2")
            for axis in (1, 2, 3)
        ],
        "surfaces": [surface_plot("top"), surface_plot("bottom")],
        "files": {"static_soc/pw.in": "&control\n calculation = 'scf'\n/\n"},
    }
    return Verification(**facts | changes)
