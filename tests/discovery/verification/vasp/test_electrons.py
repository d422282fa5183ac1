"""Bands, moments and layouts that a crystal's electrons ask for."""

import math

import pytest
from pymatgen.core import Lattice, Structure
from pymatgen.electronic_structure.core import Magmom

from discovery.verification.engines import StepError
from discovery.verification.engines.vasp.electrons import lmaxmix, magmom, number_of_bands, starting_moments
from discovery.verification.engines.vasp.inputs import groups_of


def bands(n_electrons: float, spin_orbit: bool = True, **changes: float) -> int:
    settings = {"empty_fraction": 0.2, "empty_at_least": 16, "groups": 1} | changes
    return number_of_bands(n_electrons, spin_orbit, **settings)  # type: ignore[arg-type]


def test_one_electron_to_a_spinor_band() -> None:
    assert bands(72) == 72 + 16
    assert bands(200) == 200 + 40  # a fifth
    assert bands(72, spin_orbit=False) == 36 + 8
    assert bands(28, empty_at_least=1, empty_fraction=0) == 30  # the last Kramers pair is whole


def test_what_wannier90_needs_and_the_layout() -> None:
    needed = math.ceil(1.1 * 92)
    assert bands(72, needed=needed) == 102
    assert bands(72, needed=needed, groups=8) == 104
    assert bands(72, needed=needed, groups=5) == 110  # even as well
    assert bands(73, spin_orbit=False, groups=8) == 48


def test_moments_fill_one_spin_further() -> None:
    assert bands(20, spin_orbit=False, moment=8) == 14 + 8


@pytest.mark.parametrize(
    ("tags", "ranks", "groups"),
    [
        ({}, 1, 1),
        ({}, 48, 48),
        ({"NCORE": 12}, 48, 4),
        ({"NCORE": 6, "KPAR": 4}, 48, 2),
        ({"NCORE": 8}, 4, 1),
    ],
)
def test_groups_of_ranks(tags: dict[str, int], ranks: int, groups: int) -> None:
    assert groups_of(tags, ranks) == groups


@pytest.mark.parametrize(
    ("elements", "wanted"), [(["Si"], 4), (["Zn", "Se"], 4), (["Bi", "Se"], 6), (["Sm"], 6)]
)
def test_lmaxmix(elements: list[str], wanted: int) -> None:
    assert lmaxmix(elements) == wanted


def iron(moments: list[object] | None = None) -> Structure:
    sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    given = {"magmom": moments} if moments else None
    return Structure(Lattice.cubic(2.87), ["Fe", "Fe"], sites, site_properties=given)


def test_moments_of_sites() -> None:
    assert starting_moments(iron([2.5, -2.5])) == [(0, 0, 2.5), (0, 0, -2.5)]
    assert starting_moments(iron([[0, 0, 1], [1, 0, 0]])) == [(0, 0, 1), (1, 0, 0)]
    assert starting_moments(iron([Magmom(3.0), Magmom([0, 1, 0])])) == [(0, 0, 3), (0, 1, 0)]
    assert starting_moments(iron()) == [(0, 0, 5.0)] * 2  # atomate2's for iron


@pytest.mark.parametrize("wrong", ["up", [1.0, 2.0]])
def test_a_moment_that_is_none(wrong: object) -> None:
    with pytest.raises(StepError, match="neither a number nor three"):
        starting_moments(iron([wrong, wrong]))


def test_magmom_has_three_numbers_for_each_site_under_coupling() -> None:
    assert magmom(iron(), magnetic=False, spin_orbit=True) == {"MAGMOM": [[0.0, 0.0, 0.0]] * 2}
    assert magmom(iron([1.0, -1.0]), magnetic=True, spin_orbit=True) == {"MAGMOM": [[0, 0, 1], [0, 0, -1]]}
    assert magmom(iron([1.0, -1.0]), magnetic=True, spin_orbit=False) == {"ISPIN": 2, "MAGMOM": [1, -1]}
    assert magmom(iron(), magnetic=False, spin_orbit=False) == {"ISPIN": 1}
    with pytest.raises(StepError, match="not along z"):
        magmom(iron([[1, 0, 0], [0, 0, 1]]), magnetic=True, spin_orbit=False)
