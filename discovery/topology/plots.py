"""Bands, Wilson loops and surface spectra as the records that pages and pictures are drawn from."""

from collections.abc import Sequence

import numpy as np

from candidates.verification import BandPlot, SurfacePlot, WilsonPlot, Zero
from discovery.topology.bandpath import BandPath
from discovery.topology.green import SurfaceSpectrum
from discovery.topology.invariants import Z2Result
from discovery.topology.orbitals import Site, shell_of
from discovery.topology.tightbinding import TightBinding

FAINTEST = 1e-12
"""States per eV below which a spectrum is cut off before its logarithm."""


def band_plot(
    model: TightBinding,
    n_occupied: int,
    path: BandPath,
    *,
    zero_ev: float,
    zero: Zero,
    sites: Sequence[Site] | None = None,
) -> BandPlot:
    """Return the bands along a path, with the share of each element's shells where the sites are known.

    Args:
        model: the Hamiltonian.
        n_occupied: bands below the gap.
        path: where; its k in the reciprocal vectors of the model.
        zero_ev: energy that becomes zero, eV on the scale of the Hamiltonian.
        zero: what that energy is.
        sites: atoms with orbitals in the order of the basis.
    """
    energies, states = model.states(path.k)
    shells = _shells(sites, model) if sites else {}
    shares = np.abs(states) ** 2
    return BandPlot(
        spin_orbit=model.spin is not None,
        distance=rounded(path.distance, 6),
        k=tuple((float(a), float(b), float(c)) for a, b, c in np.round(path.k, 8)),
        ticks=tuple((round(at, 6), name) for at, name in path.ticks),
        energies=rows((energies - zero_ev).T, 5),
        zero=zero,
        n_occupied=n_occupied,
        weights={name: rows(shares[:, own].sum(axis=1).T.clip(0.0, 1.0), 3) for name, own in shells.items()},
    )


def wilson_plots(z2: Z2Result) -> tuple[WilsonPlot, ...]:
    """Return the charge centres of the six planes."""
    return tuple(
        WilsonPlot(plane=name, z2=plane.z2, k=rounded(plane.k, 7), centres=rows(plane.centres, 6))
        for name, plane in z2.planes.items()
    )


def surface_plots(
    spectrum: SurfaceSpectrum, *, zero_ev: float, zero: Zero
) -> tuple[SurfacePlot, SurfacePlot, SurfacePlot]:
    """Return the spectra of both terminations and of the bulk.

    Args:
        spectrum: along a path.
        zero_ev: energy that becomes zero, eV on the scale of the Hamiltonian.
        zero: what that energy is.
    """

    def plot(name: str, density: np.ndarray) -> SurfacePlot:
        return SurfacePlot.model_validate(
            {
                "miller": spectrum.surface.miller,
                "termination": name,
                "distance": rounded(spectrum.distance, 6),
                "ticks": tuple((round(at, 6), label) for at, label in spectrum.labels),
                "energies": rounded(spectrum.energies - zero_ev, 6),
                "zero": zero,
                "log_weight": rows(np.log10(np.maximum(density, FAINTEST)).T, 4),
            }
        )

    return plot("top", spectrum.top), plot("bottom", spectrum.bottom), plot("bulk", spectrum.bulk)


def _shells(sites: Sequence[Site], model: TightBinding) -> dict[str, list[int]]:
    """Element and shell → its places in the basis; nothing where the sites do not make up the basis."""
    names = [f"{site.element} {shell_of(orbital)}" for site in sites for orbital in site.orbitals]
    if model.spin is not None:
        names = (
            [name for name in names for _ in range(2)] if model.spin == "interleaved" else [*names, *names]
        )
    if len(names) != model.n_orbitals:
        return {}
    return {
        name: [i for i, other in enumerate(names) if other == name] for name in dict.fromkeys(sorted(names))
    }


def rounded(values: np.ndarray, digits: int) -> tuple[float, ...]:
    """Return an array (n,) as the numbers of a record."""
    return tuple(np.round(values, digits).tolist())


def rows(values: np.ndarray, digits: int) -> tuple[tuple[float, ...], ...]:
    """Return an array (n, m) as the rows of a record."""
    return tuple(tuple(row) for row in np.round(values, digits).tolist())
