"""The Hamiltonian of a plane of the Brillouin zone."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from discovery.topology.tightbinding import Gauge, TightBinding

Plane = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Origin (3,) and two integer reciprocal vectors (3,): k = origin + t e1 + s e2."""


def axis_plane(axis: int, value: float) -> Plane:
    """Return origin, e1, e2 of the plane k_axis = value; e1, e2 and the axis are right-handed."""
    basis = np.eye(3, dtype=int)
    return value * basis[axis], basis[(axis + 1) % 3], basis[(axis + 2) % 3]


@dataclass(frozen=True)
class PlaneView(TightBinding):
    """The plane of a model that does more than sum over its hoppings, such as a mirror sector."""

    whole: TightBinding | None = None
    origin: np.ndarray | None = None
    axes: np.ndarray | None = None

    def hamiltonian(self, k: np.ndarray, gauge: Gauge = "periodic") -> np.ndarray:
        """Return the whole model's H at origin + axes · k: (..., 3) → (..., n, n), in eV."""
        assert self.whole is not None
        assert self.axes is not None
        k = np.asarray(k, dtype=float)
        h = self.whole.hamiltonian(self.origin + k @ self.axes.T)
        if gauge == "atomic":
            orbital = np.exp(2j * np.pi * (k @ self.centres.T))
            h = orbital.conj()[..., :, None] * h * orbital[..., None, :]
        return np.asarray(h)


def restrict(model: TightBinding, plane: Plane) -> TightBinding:
    """Return the model of a plane: its H(t, s, 0) is H(origin + t e1 + s e2), from far fewer lattice vectors.

    Args:
        model: Hamiltonian.
        plane: origin (3,) and two integer reciprocal vectors (3,).
    """
    origin, e1, e2 = plane
    axes = np.round(np.stack([e1, e2, np.zeros(3)], axis=1)).astype(int)
    cells, place = np.unique(model.cells @ axes, axis=0, return_inverse=True)
    # A sparse matrix of which R falls on which place, with its phase.
    phases = np.exp(2j * np.pi * (model.cells @ origin))
    onto = csr_array((phases, (place.reshape(-1), np.arange(len(model.cells)))))
    hoppings = (onto @ model.hoppings.reshape(len(model.cells), -1)).reshape(-1, *model.hoppings.shape[1:])
    # Sorted by np.unique, so −R stands at the mirrored place; sums must not pile up rounding.
    hoppings = 0.5 * (hoppings + hoppings[::-1].conj().transpose(0, 2, 1))
    parts = (np.eye(3), cells, hoppings, model.centres @ axes, model.spin)
    if type(model).hamiltonian is not TightBinding.hamiltonian:
        return PlaneView(*parts, whole=model, origin=np.asarray(origin, dtype=float), axes=axes)
    return TightBinding(*parts)
