from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.mirror import mirror_change, mirror_chern, mirror_chern_numbers
from discovery.topology.reflections import find_mirrors, mirror_operator
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.hr import read_hr, read_model
from discovery.wannier.sites import read_wt_sites
from tests.discovery.topology.models import (
    fu_kane_mele,
    fu_kane_mele_indices,
    sn_te_like,
    wilson_dirac,
    wilson_dirac_indices,
)


class Atom(NamedTuple):
    element: str
    position: tuple[float, float, float]
    orbitals: tuple[str, ...]


P = ("px", "py", "pz")
SN_TE = (Atom("Sn", (0, 0, 0), P), Atom("Te", (0.5, 0.5, 0.5), P))
DIRAC = (Atom("X", (0, 0, 0), ("s", "fxyz")),)  # one orbital even, one odd under x, y and z → −
DIAMOND = (Atom("C", (0, 0, 0), ("s",)), Atom("C", (0.25, 0.25, 0.25), ("s",)))
SB = tuple(Atom("Sb", (x, x, x), ("s", "pz", "px", "py")) for x in (0.2335, -0.2335))
SB_LATTICE = np.array(
    [
        [2.154212263061131, -1.2437350299699368, 3.758036400954989],
        [0, 2.4874700599398736, 3.758036400954989],
        [-2.154212263061131, -1.2437350299699368, 3.758036400954989],
    ]
)


def diagonal_and_cubic(model: TightBinding) -> tuple[set, set]:
    """Numbers on the six {110} mirrors and on the three {100} ones, by the length of the normal."""
    found: tuple[set, set] = (set(), set())
    for mirror in find_mirrors(model, SN_TE):
        cubic = int(np.isclose(np.abs(mirror.normal).max(), 1))
        found[cubic].add(mirror_chern(model, 6, mirror, "k·n = 0").number)
    return found


def test_rock_salt_has_nine_mirrors_with_one_plane_each() -> None:
    mirrors = find_mirrors(sn_te_like(), SN_TE)
    assert len(mirrors) == 9
    assert {tuple(mirror.planes) for mirror in mirrors} == {("k·n = 0",)}
    for mirror in mirrors:
        origin, e1, e2 = mirror.planes["k·n = 0"]
        k = origin + np.random.default_rng(0).random((5, 2)) @ np.array([e1, e2])
        m = mirror.operator(k)
        np.testing.assert_allclose(m @ m, -np.broadcast_to(np.eye(12), (5, 12, 12)), atol=1e-12)
        assert np.abs(mirror_change(sn_te_like(), mirror, k)).max() < 1e-12


def test_sn_te_is_a_crystalline_insulator_by_its_diagonal_mirrors() -> None:
    diagonal, cubic = diagonal_and_cubic(sn_te_like(1.65))
    assert diagonal == {2}  # Hsieh et al.: |n_M| = 2
    assert cubic == {0}
    assert diagonal_and_cubic(sn_te_like(3.0)) == ({0}, {0})


def test_never_a_wrong_number_beside_the_transition() -> None:
    mirror = find_mirrors(sn_te_like(), SN_TE)[0]
    above = [mirror_chern(sn_te_like(m), 6, mirror, "k·n = 0") for m in (2.06, 2.4)]
    below = [mirror_chern(sn_te_like(m), 6, mirror, "k·n = 0") for m in (1.7, 1.96)]
    assert {result.number for result in above} == {0}
    assert {result.number for result in below} == {2}
    scanned = [mirror_chern(sn_te_like(m), 6, mirror, "k·n = 0") for m in np.linspace(1.98, 2.06, 5)]
    numbers = [result.number for result in scanned]
    steps = [a for a, b in zip(numbers, [*numbers[1:], 0], strict=True) if a != b and a is not None]
    assert len(steps) == 1  # one step, from the number below to zero


@pytest.mark.parametrize("m", [-3.2, -2.8, -2.0, -1.1, -0.9, 0.0, 0.9, 1.1, 2.0, 2.8, 3.2])
def test_wilson_dirac_has_the_numbers_of_its_planes(m: float) -> None:
    """Each plane is a Chern insulator of mass M = m ± 1 with |C| = 1 for 0 < |M| < 2, and opposite signs."""
    model = wilson_dirac(m)
    found = {
        (mirror.name, plane): mirror_chern(model, 2, mirror, plane).number
        for mirror in find_mirrors(model, DIRAC)[:3]
        for plane in mirror.planes
    }
    nu = wilson_dirac_indices(m)
    names = {name for name, _ in found}
    assert names == {"m [1 0 0]", "m [0 1 0]", "m [0 0 1]"}
    for name in names:
        zero, half = found[name, "k·n = 0"], found[name, "k·n = ½"]
        assert zero is not None
        assert half is not None
        assert half % 2 == nu[1]
        assert (zero + half) % 2 == nu[0]
        assert zero == (0 if not 0 < abs(m + 1) < 2 else np.sign(m + 1))
        assert half == (0 if not 0 < abs(m - 1) < 2 else np.sign(m - 1))


def test_at_the_transition_there_is_no_number() -> None:
    mirror = find_mirrors(wilson_dirac(-3.0), DIRAC)[0]
    result = mirror_chern(wilson_dirac(-3.0), 2, mirror, "k·n = 0")
    assert result.number is None
    assert "meV" in result.reason or "cross" in result.reason


def test_a_mirror_that_the_hamiltonian_lacks_is_refused_with_the_violation() -> None:
    """The crystal of an s and an fxyz orbital has diagonal mirrors; the Wilson–Dirac model does not."""
    model = wilson_dirac(-2.0)
    diagonal = find_mirrors(model, DIRAC)[3:]
    assert len(diagonal) == 6
    with pytest.raises(HamiltonianError, match=r"m \[1 1 0\] is violated by 2\.83 eV on k·n = 0"):
        mirror_chern(model, 2, diagonal[0], "k·n = 0")
    listed = {(r.mirror, r.plane): r for r in mirror_chern_numbers(model, 2, DIRAC)}
    assert {name for name, _ in listed} == {"m [1 0 0]", "m [1 1 0]"}  # one for all that are alike
    assert listed["m [1 0 0]", "k·n = 0"].number == -1
    assert listed["m [1 1 0]", "k·n = 0"].number is None
    assert "violated" in listed["m [1 1 0]", "k·n = 0"].reason


@pytest.mark.parametrize("bonds", [(1.4, 1.0, 1.0, 1.0), (1.0, 1.0, 1.0, 1.4), (0.6, 1.0, 1.0, 1.0)])
def test_one_strong_bond_leaves_the_mirrors_that_contain_it(bonds: tuple[float, ...]) -> None:
    """On the planes of the others H is symmetric as well, for exchanged bonds add up there."""
    model = fu_kane_mele(bonds)
    (result,) = mirror_chern_numbers(model, 2, DIAMOND)
    assert result.number is not None
    assert result.number % 2 == fu_kane_mele_indices(bonds)[0]
    by_name = {mirror.name: mirror for mirror in find_mirrors(model, DIAMOND)}
    place = next(i for i, bond in enumerate(bonds) if bond != 1.0)
    lost = by_name["m [1 0 0]" if place == 0 else "m [1 0 -1]"]
    found = mirror_chern(model, 2, lost, "k·n = 0")
    assert (found.number, found.violation < 1e-9) == (None, True)
    assert "in the rest of the zone" in found.reason


def test_noise_as_large_as_the_gap_leaves_no_number() -> None:
    model = sn_te_like(2.05)
    rng = np.random.default_rng(0)
    onsite = 0.02 * rng.normal(size=(12, 12))
    hoppings = model.hoppings.copy()
    hoppings[(model.cells == 0).all(axis=1).argmax()] += onsite + onsite.T
    mirror = find_mirrors(model, SN_TE)[0]
    result = mirror_chern(replace(model, hoppings=hoppings), 6, mirror, "k·n = 0")
    assert result.number is None
    assert "no less than the gap" in result.reason


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 10_000))
def test_the_number_is_that_of_the_crystal_not_of_its_description(seed: int) -> None:
    """Another cell of the same lattice, another home cell of an atom, another order of orbitals and spins."""
    rng = np.random.default_rng(seed)
    model = sn_te_like()
    matrix = np.eye(3, dtype=int)
    for _ in range(3):
        i, j = rng.choice(3, 2, replace=False)
        matrix[i] += rng.choice([-1, 1]) * matrix[j]
    inverse = np.round(np.linalg.inv(matrix)).astype(int)
    turn = rng.permutation(3)
    order = np.concatenate([6 * atom + 2 * turn + spin for spin in (0, 1) for atom in (1, 0)])
    other = TightBinding(
        matrix @ model.lattice,
        model.cells @ inverse,
        model.hoppings[:, order][:, :, order],
        model.centres[order] @ inverse,
        "blocks",
    )
    orbitals = tuple(np.array(P)[turn])
    sites = [
        Atom("Te", tuple(np.full(3, 0.5) @ inverse), orbitals),
        Atom("Sn", (0.0, 0.0, 0.0), orbitals),
    ]
    mirrors = find_mirrors(other, sites)
    cubic = [mirror for mirror in mirrors if np.isclose(np.abs(mirror.normal).max(), 1)]
    diagonal = [mirror for mirror in mirrors if not np.isclose(np.abs(mirror.normal).max(), 1)]
    assert (len(diagonal), len(cubic)) == (6, 3)
    numbers = [mirror_chern(other, 6, m, "k·n = 0").number for m in (diagonal[seed % 6], cubic[seed % 3])]
    assert numbers == [2, 0]


def test_glides_are_left_out() -> None:
    """A zigzag chain: the mirror through its atoms stays, the glide between them does not count."""
    model = TightBinding(
        np.diag([4.0, 7.0, 9.0]), np.zeros((1, 3), int), np.zeros((1, 4, 4)), np.zeros((4, 3)), "interleaved"
    )
    zigzag = (Atom("C", (0.0, 0.4, 0.0), ("s",)), Atom("C", (0.5, 0.6, 0.0), ("s",)))
    assert {mirror.name for mirror in find_mirrors(model, zigzag)} == {"m [1 0 0]", "m [0 0 1]"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spin": None}, "order of spins"),
        ({"sites": SN_TE[:1]}, "do not make up 12"),
        ({"sites": (Atom("Sn", (0, 0, 0), ("px", "py", "s")), Atom("Te", (0.5,) * 3, P))}, "mixes"),
        ({"rotation": -np.eye(3, dtype=int)}, "no mirror"),
        ({"translation": np.array([0.1, 0.2, 0.3])}, "no like atom"),
    ],
)
def test_what_is_no_mirror_of_the_basis_is_refused(changes: dict, message: str) -> None:
    mirror = find_mirrors(sn_te_like(), SN_TE)[0]  # takes y to z
    given = {"rotation": mirror.rotation, "translation": mirror.translation, "sites": SN_TE} | changes
    model = replace(sn_te_like(), spin=given.pop("spin", "interleaved"))
    with pytest.raises(HamiltonianError, match=message):
        mirror_operator(model, given["sites"], given["rotation"], given["translation"])


def test_antimony_keeps_one_of_its_three_mirrors(shared: Path) -> None:
    """Its Wannier functions keep x → −x to 1e-5 eV; the other two are off by more than the gap there."""
    model = read_hr(shared / "cases/Sb-strong-TI/s_hr.dat.gz", SB_LATTICE, spin="interleaved")
    (kept,) = mirror_chern_numbers(model, 10, SB)
    assert kept.mirror == "m [1 0 -1]"
    assert abs(kept.number or 0) == 1  # odd, as ν₀ = 1 demands
    assert kept.violation < 1e-4
    assert kept.direct_gap == pytest.approx(0.0144, abs=1e-3)
    others = [mirror for mirror in find_mirrors(model, SB) if mirror.name != kept.mirror]
    assert len(others) == 2
    for mirror in others:
        result = mirror_chern(model, 10, mirror, "k·n = 0")
        assert result.number is None
        assert "no less than the gap" in result.reason


def test_bismuth_selenide_has_minus_one(shared: Path) -> None:
    """n_M = −1: odd, as ν₀ = 1 demands."""
    model = read_model(shared / "cases/Bi2Se3-wanniertools")
    sites = read_wt_sites(shared / "cases/Bi2Se3-wanniertools/z2/wt.in").atoms
    (result,) = mirror_chern_numbers(model, 18, sites)
    assert (result.mirror, result.number, result.occupied) == ("m [1 -1 0]", -1, (9, 9))
    assert result.violation < 1e-3


def test_gallium_arsenide_has_none(shared: Path) -> None:
    lattice = 2.82665 * (1 - np.eye(3))
    model = read_hr(shared / "cases/GaAs-trivial/s_hr.dat.gz", lattice, spin="interleaved")
    orbitals = ("s", "pz", "px", "py")
    sites = (Atom("Ga", (0, 0, 0), orbitals), Atom("As", (0.25, 0.25, 0.25), orbitals))
    (result,) = mirror_chern_numbers(model, 8, sites)
    assert result.number == 0
    numbers = [
        mirror_chern(model, 8, mirror, "k·n = 0", tolerance=1.0).number
        for mirror in find_mirrors(model, sites)
    ]
    assert len(numbers) == 6
    assert numbers.count(0) >= 3
    assert set(numbers) <= {0, None}
