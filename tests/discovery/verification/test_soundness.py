"""What is no crystal is refused where it enters, with the reason."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pymatgen.core import DummySpecies, Lattice, Structure

from discovery.verification.engines import StepError
from discovery.verification.results import Request

CUBE = Lattice.cubic(4.0)


@pytest.mark.parametrize(
    ("species", "places", "lattice", "words"),
    [
        ([], [], CUBE, "no atoms"),
        ([{"Si": 0.5, "Ge": 0.5}], [[0, 0, 0]], CUBE, "partly occupied"),
        ([DummySpecies("X")], [[0, 0, 0]], CUBE, "X0\\+ is no element"),
        (["Si"], [[0, 0, np.nan]], CUBE, "not finite"),
        (["Si"], [[0, 0, 0]], Lattice([[4, 0, 0], [0, np.inf, 0], [0, 0, 4]]), "not finite"),
        (["Si"], [[0, 0, 0]], Lattice([[4, 0, 0], [0, 4, 0], [4, 4, 0]]), "span no cell"),
        (["Si"], [[0, 0, 0]], Lattice([[4, 0, 0], [0, 4, 0], [0, 0, 0]]), "span no cell"),
        (["Si", "Ge"], [[0, 0, 0], [0, 0, 0.01]], CUBE, r"atoms 1 \(Si\) and 2 \(Ge\) are 0.04 Å apart"),
        (["Si", "Ge"], [[0, 0, 0.995], [0, 0, 0.005]], CUBE, "0.04 Å apart"),
    ],
    ids=["empty", "disordered", "dummy", "nan", "infinite", "flat", "zero", "close", "close by period"],
)
def test_what_is_no_crystal(
    ask: Callable[..., Request], species: Any, places: Any, lattice: Lattice, words: str
) -> None:
    with pytest.raises(StepError, match=words) as caught:
        ask(Structure(lattice, species, places))
    assert caught.value.remedy


def test_oxidation_states_isotopes_and_handedness_do_not_matter(ask: Callable[..., Request]) -> None:
    assert ask(Structure(CUBE, ["Po4+"], [[0, 0, 0]])).crystal == ask().crystal
    assert ask(Structure(CUBE, ["D"], [[0, 0, 0]])).crystal.elements == ("H",)
    mirrored = Structure(Lattice(np.diag([4.0, 4.0, -4.0])), ["Po"], [[0, 0, 0]])
    assert ask(mirrored).spacegroup == 221
