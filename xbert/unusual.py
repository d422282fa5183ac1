"""What a model never saw in training: elements, volumes, distances, sizes beyond its labelled crystals.

A network answers about any crystal, also about one unlike all that it learnt from, and there neither its
probability nor the spread of its ensemble says how wrong it may be. Nothing here judges the answer; it says
in plain words what about the crystal was never, or hardly ever, among those with a label.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xbert.elements import MAX_Z, element_facts, symbols
from xbert.features import Features

RARE = 20
"""An element is rare that fewer labelled crystals hold."""

BEYOND = 0.001
"""Share of the training crystals that lies outside a range on either side."""

VOLUME, CONTACT, LONELY, ATOMS, ELECTRONS = "volume", "contact", "lonely", "atoms", "electrons"
_ITERATIONS = 3
_USUAL_SPREAD = 0.15  # of the logarithm of a volume about the sum over its elements


@dataclass(frozen=True)
class Seen:
    """What the labelled crystals of a training were like.

    Attributes:
        n: their number.
        elements: symbol → how many hold it.
        volumes: symbol → Å³ that an atom takes: least squares over the training crystals.
        ranges: quantity → least and greatest, but for ``BEYOND`` of the crystals on either side: volume per
            atom over that of ``volumes``; shortest distance between neighbours over the sum of their covalent
            radii; the same for the loneliest atom; atoms and electrons in the primitive cell.
    """

    n: int
    elements: dict[str, int]
    volumes: dict[str, float]
    ranges: dict[str, tuple[float, float]]

    def remarks(self, features: Features) -> list[list[str]]:
        """Return for each crystal what is unusual about it, in plain words; an empty list for nothing."""
        volumes = _by_number(self.volumes)
        numbers = measures(features, volumes)
        held = _by_number(self.elements)
        rare = held[1:] < RARE
        found = []
        for row, fractions in enumerate(features.composition):
            odd = np.flatnonzero((fractions[1:] > 0) & rare) + 1
            said = [_element(symbols()[z], int(held[z])) for z in odd]
            for name, (low, high) in self.ranges.items():
                value = float(numbers[name][row])
                if name == VOLUME and not (volumes[fractions > 0] > 0).all():
                    continue  # said already: an element without a volume was never seen
                far = name == LONELY and numbers[CONTACT][row] > self.ranges[CONTACT][1]  # said already
                if not low <= value <= high and not far:
                    said.append(_SAY[name](value, low, high))
            found.append(said)
        return found


def look_at(features: Features) -> Seen:
    """Return what training crystals are like, see `Seen`."""
    held = (features.composition > 0).sum(0)
    volumes = _atomic_volumes(features).round(3)  # as they are kept
    numbers = measures(features, volumes)
    ranges = {}
    for name, values in numbers.items():
        low, high = np.quantile(values, [BEYOND, 1.0 - BEYOND])
        # Nothing is unusual about small cells, and what is too dense shows in the volume.
        low = 0.0 if name in (LONELY, ATOMS, ELECTRONS) else low
        ranges[name] = (float(np.floor(low * 1000.0) / 1000.0), float(np.ceil(high * 1000.0) / 1000.0))
    there = np.flatnonzero(held)
    return Seen(
        len(features),
        {symbols()[z]: int(held[z]) for z in there},
        {symbols()[z]: float(volumes[z]) for z in there},
        ranges,
    )


def measures(features: Features, volumes: np.ndarray) -> dict[str, np.ndarray]:
    """Return (n,) of each quantity of `Seen.ranges`.

    Args:
        features: of n crystals.
        volumes: (104,) Å³ by atomic number.
    """
    radii = _radii()
    sizes = np.diff(features.offsets)
    first = features.offsets[:-1]
    neighbours = features.neighbours.astype(np.int64) + np.repeat(first, sizes)[:, None]
    numbers = features.numbers.astype(np.int64)
    touching = radii[numbers][:, None] + radii[numbers[neighbours]]
    contact = (features.distances / touching).min(1)
    usual = np.maximum(features.composition @ volumes, 1e-6)
    return {
        VOLUME: features.volume_per_atom / usual,
        CONTACT: np.minimum.reduceat(contact, first) if len(first) else np.empty(0),
        LONELY: np.maximum.reduceat(contact, first) if len(first) else np.empty(0),
        ATOMS: sizes.astype(float),
        ELECTRONS: features.n_electrons.astype(float),
    }


def _radii() -> np.ndarray:
    """Return (104,) covalent radii in Å by atomic number."""
    return np.array([0.0, *(float(row["covalent_radius"]) / 100.0 for row in element_facts()[:MAX_Z])])


def _atomic_volumes(features: Features) -> np.ndarray:
    """Fit (104,) volumes whose sum over a crystal's atoms is nearly its own; outliers count little."""
    from scipy.optimize import nnls

    shares, volume = features.composition.astype(float), features.volume_per_atom.astype(float)
    weight = 1.0 / volume  # the error that counts is relative
    for _ in range(_ITERATIONS):
        fitted, _norm = nnls(shares * weight[:, None], volume * weight)
        off = np.abs(np.log(volume / np.maximum(shares @ fitted, 1e-6)))
        weight = 1.0 / (volume * np.sqrt(np.maximum(1.0, off / _USUAL_SPREAD)))
    return np.asarray(fitted)


def _by_number(values: Mapping[str, float]) -> np.ndarray:
    return np.array([0.0, *(values.get(name, 0.0) for name in symbols()[1 : MAX_Z + 1])])


def _element(symbol: str, n: int) -> str:
    if n == 0:
        return f"no training crystal holds {symbol}"
    return f"only {n} training crystal{'s hold' if n > 1 else ' holds'} {symbol}"


def _volume(value: float, low: float, high: float) -> str:
    return (
        f"{value:.2f} times the volume that its elements take on average "
        f"(training crystals: {low:.2f} to {high:.2f})"
    )


def _contact(value: float, low: float, high: float) -> str:
    word = "closest" if value < low else "even the closest"
    return (
        f"{word} atoms at {value:.3f} times the sum of their covalent radii "
        f"(training crystals: {low:.3f} to {high:.3f})"
    )


def _lonely(value: float, _low: float, high: float) -> str:
    return (
        f"an atom whose nearest is {value:.2f} times the sum of their covalent radii away "
        f"(training crystals: up to {high:.2f})"
    )


def _atoms(value: float, _low: float, high: float) -> str:
    return f"{value:,.0f} atoms in the primitive cell (training crystals: up to {high:,.0f})"


def _electrons(value: float, _low: float, high: float) -> str:
    return f"{value:,.0f} electrons in the primitive cell (training crystals: up to {high:,.0f})"


_SAY = {VOLUME: _volume, CONTACT: _contact, LONELY: _lonely, ATOMS: _atoms, ELECTRONS: _electrons}
