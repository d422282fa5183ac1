from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.invariants import Z2Result, z2_2d, z2_indices
from discovery.topology.loops import CLOSED
from discovery.topology.tightbinding import HamiltonianError, TightBinding
from discovery.wannier.hr import read_model
from tests.discovery.topology import models
from tests.discovery.topology.transformations import (
    blocks_from_interleaved,
    change_basis,
    change_cell,
    change_indices,
    random_cell,
    reorder,
)

NEAR = [s * g for g in (0.3, 0.03, 3e-3, 6e-4) for s in (-1, 1)]
"""Distances from a transition; the direct gap there is at least this in these models."""


def never_wrong(result: Z2Result, expected: tuple[int, ...]) -> None:
    """The indices are right, or undecided because the gap is within the stated limit."""
    if result.nu is None:
        assert min(plane.direct_gap for plane in result.planes.values()) < CLOSED, result.reasons
    else:
        assert result.nu == expected
        assert result.nu0 == (expected[0],) * 3
        assert result.consistent
        assert result.decided
        assert not result.reasons
        assert result.kramers_error < 1e-6


@pytest.mark.parametrize("transition", [-3, -1, 1, 3])
def test_wilson_dirac_through_every_transition(transition: int) -> None:
    for distance in (*NEAR, 1e-5, -1e-5, 0.0):
        m = transition + distance
        result = z2_indices(models.wilson_dirac(m), 2)
        never_wrong(result, models.wilson_dirac_indices(m))
        assert (result.nu is not None) == (abs(distance) > 0.5 * CLOSED)


@pytest.mark.parametrize("bond", range(4))
def test_fu_kane_mele_through_every_transition(bond: int) -> None:
    for start in (1.0, 3.0):
        for distance in NEAR:
            bonds = [1.0] * 4
            bonds[bond] = start + distance
            result = z2_indices(models.fu_kane_mele(bonds), 2)
            never_wrong(result, models.fu_kane_mele_indices(bonds))
            assert result.nu is not None


def test_nine_kinds_of_phase_of_fu_kane_mele() -> None:
    seen = set()
    for bonds in ([1.4, 1, 1, 1], [1, 1.4, 1, 1], [1, 1, 1.4, 1], [1, 1, 1, 1.4], [0.6, 1, 1, 1],
                  [1, 0.6, 1, 1], [1, 1, 0.6, 1], [1, 1, 1, 0.6], [4, 1, 1, 1], [1, 4, 1, 1]):  # fmt: skip
        result = z2_indices(models.fu_kane_mele(bonds), 2)
        never_wrong(result, models.fu_kane_mele_indices(bonds))
        seen.add(result.nu)
    assert len(seen) == 9
    assert {(1, 1, 1, 1), (0, 1, 1, 1), (0, 0, 0, 0)} < seen


def test_a_closed_gap_is_no_index_and_says_where() -> None:
    result = z2_indices(models.wilson_dirac(-3.0), 2)
    assert result.nu is None
    assert not result.decided
    assert "bands N and N + 1 come within 0 meV at k = (0.00000, 0.00000, 0.00000)" in result.reasons[0]


@pytest.mark.parametrize("m", [-2.3, -2.001, -1.999, -1.0, -0.001, 0.001, 1.0, 1.999, 2.001, 2.3])
def test_bhz(m: float) -> None:
    assert z2_2d(models.bhz(m), 2).z2 == (1 if 0 < abs(m) < 2 else 0)


@pytest.mark.parametrize("factor", [0.0, 0.5, 0.999, 1.001, 1.5])
def test_kane_mele_without_rashba(factor: float) -> None:
    result = z2_2d(models.kane_mele(0.06, 0.0, factor * 3 * np.sqrt(3) * 0.06), 2)
    assert result.z2 == (factor < 1)


def test_kane_mele_with_rashba_changes_once_where_the_gap_closes() -> None:
    levels = np.linspace(0.0, 0.4, 21)
    planes = [z2_2d(models.kane_mele(0.06, 0.05, level), 2) for level in levels]
    indices = [plane.z2 for plane in planes]
    change = indices.index(0)
    assert indices == [1] * change + [0] * (21 - change)
    gaps = [plane.direct_gap for plane in planes]
    assert int(np.argmin(gaps)) in (change - 1, change)


@pytest.mark.parametrize("seed", range(40))
def test_an_inverted_pocket_away_from_every_symmetry_is_not_overlooked(seed: int) -> None:
    rng = np.random.default_rng(seed)
    radius, coupling = 10 ** rng.uniform(-2, 0, 2)
    plane = z2_2d(models.small_pocket(radius, coupling, tuple(rng.random(2))), 2)
    assert plane.z2 == 1 or (plane.z2 is None and plane.direct_gap < CLOSED)


@pytest.mark.parametrize(
    ("radius", "coupling", "k0"),
    [(0.04452, 0.01133, (0.05472, 0.99049)), (0.07119, 0.05043, (0.04842, 0.02077))],
)
def test_a_pocket_that_a_line_only_brushes_is_not_overlooked(radius, coupling, k0) -> None:
    # Two of a thousand random pockets that gave a wrong index once.
    assert z2_2d(models.small_pocket(radius, coupling, k0), 2).z2 == 1


@pytest.mark.parametrize("model", [models.atomic_limit(), models.atomic_limit(0.3, 0.5, 6.0)])
def test_atomic_limits_are_trivial(model: TightBinding) -> None:
    assert z2_indices(model, 2).nu == (0, 0, 0, 0)


@pytest.mark.parametrize("m", [1.65, 2.6])
def test_a_mirror_chern_insulator_has_no_z2(m: float) -> None:
    assert z2_indices(models.sn_te_like(m), 6).nu == (0, 0, 0, 0)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_indices_do_not_depend_on_how_the_crystal_is_described(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bonds = np.ones(4)
    bonds[rng.integers(4)] += rng.choice([-0.3, -0.05, 0.05, 0.3])
    model = models.fu_kane_mele(bonds)
    expected = models.fu_kane_mele_indices(bonds)
    # Orbitals elsewhere, another basis, another order of orbitals and of R, another cell.
    model = replace(model, centres=np.repeat(rng.random((2, 3)), 2, axis=0))
    model = change_basis(model, rng)
    if rng.random() < 0.5:
        model = reorder(model, blocks_from_interleaved(4, rng), None)
    order = rng.permutation(len(model.cells))
    model = replace(model, cells=model.cells[order], hoppings=model.hoppings[order])
    matrix = random_cell(rng, int(rng.integers(4)))
    model = change_cell(model, matrix)
    assert z2_indices(model, 2).nu == change_indices(expected, matrix)


def test_without_time_reversal_there_is_no_index() -> None:
    model = models.wilson_dirac(-2.0)
    field = (~model.cells.any(axis=1))[:, None, None] * np.diag([0.2, -0.2, 0.2, -0.2])
    with pytest.raises(HamiltonianError, match="time reversal"):
        z2_indices(replace(model, hoppings=model.hoppings + field), 2)
    # Two equal copies of Haldane's model: Chern number 2, no Z2.
    haldane = models.haldane()
    twice = replace(
        haldane,
        hoppings=np.kron(haldane.hoppings, np.eye(2)),
        centres=np.repeat(haldane.centres, 2, axis=0),
    )
    with pytest.raises(HamiltonianError, match="time reversal"):
        z2_2d(twice, 2)


@pytest.mark.parametrize(("occupied", "message"), [(1, "even"), (3, "even"), (0, "0"), (4, "4"), (-2, "-2")])
def test_a_wrong_number_of_bands_is_refused(occupied: int, message: str) -> None:
    with pytest.raises(HamiltonianError, match=message):
        z2_indices(models.wilson_dirac(-2.0), occupied)


@pytest.mark.parametrize(
    ("case", "occupied", "nu"),
    [
        ("GaAs-trivial", 8, (0, 0, 0, 0)),
        ("Sb-strong-TI", 10, (1, 1, 1, 1)),
        ("Bi2Se3-wanniertools", 18, (1, 0, 0, 0)),
    ],
)
def test_cases(shared, case: str, occupied: int, nu: tuple[int, ...]) -> None:
    result = z2_indices(read_model(shared / "cases" / case), occupied)
    assert result.nu == nu
    assert result.nu0 == (nu[0],) * 3
    assert result.kramers_error < 1e-3


def test_a_number_of_bands_that_cuts_a_degenerate_level_is_undecided() -> None:
    model = models.sn_te_like()
    levels = model.bands(np.zeros(3))
    cuts = [n for n in range(2, 12, 2) if levels[n] - levels[n - 1] < 1e-9]
    assert cuts, "the j = 3/2 quartets at the zone's centre"
    for occupied in cuts:
        result = z2_indices(model, occupied)
        assert result.nu is None
        assert any("come within" in reason for reason in result.reasons)


def test_bad_wannier_functions_give_no_index_and_the_reason(shared) -> None:
    model = read_model(shared / "cases" / "Bi2Se3-bad-wannierisation")
    with pytest.raises(HamiltonianError, match=r"time reversal is broken by 0\.976 eV.*Wannier functions"):
        z2_indices(model, 18)
    # Even who insists gets none: Kramers partners do not pair.
    result = z2_indices(model, 18, time_reversal_tolerance=10.0)
    assert result.nu is None
    assert all("Kramers partners lie" in reason for reason in result.reasons)
    assert result.kramers_error > 0.1
