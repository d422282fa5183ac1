"""Weights of atomic orbitals on bands, from projwfc.x."""

import re
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from discovery.verification.eigenvalues import Array
from discovery.verification.engines import StepError
from discovery.verification.engines.espresso.parse import AGAIN

_STATE = re.compile(r"state #\s*(\d+): atom\s+\d+\s+\((\w+)\s*\), wfc\s+\d+ \((?:j=[\d.]+ )?l=(\d)")


def orbital_weights(xml: Path, text: Path, n_k: int, n_bands: int) -> dict[str, Array]:
    """Return `Sb p` → (n_k, n_bands) weights in 0…1, which sum to what atomic orbitals hold of a state.

    Args:
        xml: ``atomic_proj.xml``.
        text: what projwfc.x printed; only it says which atom and l a projection is of.
        n_k: k-points of the bands.
        n_bands: bands.

    Raises:
        StepError: files that are missing, cut off, or of other bands.
    """
    try:
        root = ElementTree.parse(xml).getroot()
        states = _STATE.findall(text.read_text(encoding="utf-8", errors="replace"))
    except OSError as error:
        raise StepError(f"{error.filename} cannot be read: {error.strerror}", AGAIN) from None
    except ElementTree.ParseError as error:
        raise StepError(f"{xml} is cut off or damaged: {error}", AGAIN) from None
    names = {
        int(index): f"{re.sub(r'[0-9]', '', element)} {'spdf'[int(momentum)]}"
        for index, element, momentum in states
    }
    blocks = root.findall("EIGENSTATES/PROJS")
    if len(blocks) not in (n_k, 2 * n_k) or not names:
        raise StepError(f"{xml} holds {len(blocks)} k-points, the bands {n_k}", AGAIN)
    weights: dict[str, Array] = defaultdict(lambda: np.zeros((n_k, n_bands)))
    for place, block in enumerate(blocks[:n_k]):
        for wave in block.findall("ATOMIC_WFC"):
            numbers = np.array((wave.text or "").split(), dtype=float).reshape(-1, 2)
            if len(numbers) != n_bands:
                raise StepError(f"{xml} holds {len(numbers)} bands, not {n_bands}", AGAIN)
            weights[names[int(wave.get("index", "0"))]][place] += (numbers**2).sum(axis=1)
    return {name: np.clip(values, 0.0, 1.0) for name, values in weights.items()}
