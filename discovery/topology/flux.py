"""Berry flux out of a small closed surface: the charge of what lies inside."""

from dataclasses import dataclass
from functools import cache
from itertools import product

import numpy as np

from discovery.topology.tightbinding import TightBinding
from discovery.topology.zone import chunks

LARGEST_PLAQUETTE = 1.0
"""Flux in rad of one plaquette, well inside (−π, π), up to which the sum is trusted to be converged."""


@dataclass(frozen=True)
class BoxFlux:
    """Berry flux of the lower bands out of a parallelepiped.

    Attributes:
        charge: flux over 2π, an integer. The sign is the one WannierTools prints: H = q·σ, right-handed,
            has −1, which is the flux of ∇ × i⟨u|∇u⟩ of the bands above the crossing.
        gap_ev: smallest gap on the surface.
        converged: whether every plaquette holds little flux.
    """

    charge: int
    gap_ev: float
    converged: bool


@cache
def _surface(divisions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (p, 3) points on the surface of [−1, 1]³ and (q, 4) plaquettes, anticlockwise from outside."""
    ticks = range(divisions + 1)
    place: dict[tuple[int, int, int], int] = {}
    plaquettes = []
    for axis, side in product(range(3), (0, divisions)):
        u, v = (axis + 1) % 3, (axis + 2) % 3
        if side == 0:
            u, v = v, u
        for i, j in product(ticks[:-1], repeat=2):
            corners = []
            for a, b in ((i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)):
                point = [side, side, side]
                point[u], point[v] = a, b
                corners.append(place.setdefault((point[0], point[1], point[2]), len(place)))
            plaquettes.append(corners)
    return 2.0 * np.array(list(place)) / divisions - 1.0, np.array(plaquettes)


def box_flux(
    model: TightBinding, k: np.ndarray, edges: np.ndarray, first: int, n_occupied: int, divisions: int
) -> BoxFlux:
    """Return the flux by links (Fukui, Hatsugai & Suzuki, J. Phys. Soc. Jpn. 74, 1674 (2005)).

    Args:
        model: the Hamiltonian.
        k: (3,) fractional centre.
        edges: (3, 3) Cartesian rows from the centre to three faces, in 1/Å.
        first: lowest band counted, from zero; bands below must be separate from it inside.
        n_occupied: N; bands ``first`` to N − 1 are counted.
        divisions: plaquettes along an edge.
    """
    points, plaquettes = _surface(divisions)
    surface = k + points @ edges @ np.linalg.inv(model.reciprocal)
    parts = [model.states(part) for part in chunks(surface)]
    energies = np.concatenate([part[0] for part in parts])
    states = np.concatenate([part[1][:, :, first:n_occupied] for part in parts])
    product_of_links = np.ones(len(plaquettes), dtype=complex)
    for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)):
        here, there = states[plaquettes[:, a]], states[plaquettes[:, b]]
        product_of_links *= np.linalg.det(here.conj().transpose(0, 2, 1) @ there)
    flux = np.angle(product_of_links)
    handedness = np.sign(np.linalg.det(edges))
    return BoxFlux(
        charge=int(handedness * np.rint(flux.sum() / (2 * np.pi))),
        gap_ev=float((energies[:, n_occupied] - energies[:, n_occupied - 1]).min()),
        converged=bool(np.abs(flux).max() < LARGEST_PLAQUETTE),
    )
