"""Small plots for the drawers."""

import numpy as np

from candidates.verification import BandPlot, SurfacePlot, WilsonPlot


def bands(weights: bool = False) -> BandPlot:
    """Two filled bands and two empty ones, 1 eV apart, over a path that jumps in the middle."""
    distance = (0.0, 0.5, 1.0, 1.0, 1.5, 2.0)
    shape = np.cos(np.pi * np.array(distance))
    energies = np.array([shape - 3.0, shape - 1.0, 2.0 - shape, 4.0 - shape])
    shares = np.linspace(0.0, 1.0, 24).reshape(4, 6)
    return BandPlot(
        spin_orbit=True,
        distance=distance,
        k=((0.0, 0.0, 0.0),) * 6,
        ticks=((0.0, "GAMMA"), (1.0, "X|H_2"), (2.0, "Γ")),
        energies=tuple(map(tuple, energies.tolist())),
        n_occupied=2,
        weights={"Bi p": tuple(map(tuple, shares.tolist())), "Se p": tuple(map(tuple, (1 - shares).tolist()))}
        if weights
        else {},
    )


def planes() -> tuple[WilsonPlot, ...]:
    """Six planes, the last of them undecided."""
    k = (0.0, 0.25, 0.5)
    centres = ((0.1, 0.9), (0.3, 0.7), (0.5, 0.5))
    return tuple(
        WilsonPlot(plane=f"k{axis}={at}", z2=None if (axis, at) == (3, "1/2") else 1, k=k, centres=centres)
        for axis in (1, 2, 3)
        for at in ("0", "1/2")
    )


def surfaces(miller: tuple[int, int, int] = (1, -1, 0)) -> tuple[SurfacePlot, ...]:
    """Bulk, bottom and top, in this order."""
    rows = np.random.default_rng(0).normal(size=(5, 4)).round(3)
    return tuple(
        SurfacePlot(
            miller=miller,
            termination=termination,
            distance=(0.0, 0.1, 0.2, 0.3),
            ticks=((0.0, "Γ"), (0.3, "M")),
            energies=(-0.2, -0.1, 0.0, 0.1, 0.2),
            log_weight=tuple(map(tuple, rows.tolist())),
        )
        for termination in ("bulk", "bottom", "top")
    )
