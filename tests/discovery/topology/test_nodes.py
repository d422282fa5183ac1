import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from discovery.topology.flux import box_flux
from discovery.topology.gap import find_gap
from discovery.topology.nodes import NodesResult, find_nodes
from discovery.topology.tightbinding import TightBinding
from discovery.topology.zone import distance
from discovery.wannier.hr import read_hr, read_model
from tests.discovery.topology import models
from tests.discovery.topology.semimetals import (
    UNIMODULAR,
    dirac_semimetal,
    double_weyl,
    kramers_weyl,
    luttinger,
    moved,
    multiplied,
    nodal_plane,
    nodal_ring,
    other_cell,
    permuted,
    rotated,
    tangled,
    threefold,
    weyl_pair,
)

AWAY = (0.0313, -0.0711, 0.1234)


def charge_at(result: NodesResult, model: TightBinding, k: tuple[float, float, float]) -> int | None:
    """Return the charge of the one node at k, to 1e-6."""
    found = [node for node in result.nodes if distance(model, node.k_frac, np.array(k)) < 1e-6]
    assert len(found) == 1
    return found[0].chirality


@pytest.mark.parametrize("m", [-0.5, 0.0, 0.5, 0.9, 0.99, 0.999])
def test_a_pair_of_weyl_points_lies_where_it_must(m: float) -> None:
    model = moved(weyl_pair(m), AWAY)
    result = find_nodes(model, 1)
    assert result.kind == "Weyl"
    assert len(result.nodes) == 2
    assert result.complete
    assert result.net_chirality == 0
    k0 = np.arccos(m) / (2 * np.pi)
    assert charge_at(result, model, (AWAY[0], AWAY[1], AWAY[2] + k0)) == 1
    assert charge_at(result, model, (AWAY[0], AWAY[1], AWAY[2] - k0)) == -1
    for node in result.nodes:
        assert node.multiplicity == 2
        assert node.energy == pytest.approx(0.0, abs=1e-9)
        np.testing.assert_allclose(node.k_cart, node.k_frac @ model.reciprocal)
        assert node.surface_gap_ev is not None
        assert node.surface_gap_ev > 0


def test_the_pair_meets_without_charge_and_leaves_a_gap() -> None:
    merged = find_nodes(moved(weyl_pair(1.0), AWAY), 1)
    assert merged.kind == "Dirac"
    assert [node.chirality for node in merged.nodes] == [0]
    np.testing.assert_allclose(merged.nodes[0].k_frac, AWAY, atol=1e-4)
    for m in (1.0005, 1.01, 1.5):
        result = find_nodes(moved(weyl_pair(m), AWAY), 1)
        assert (result.kind, result.nodes) == ("gapped", ())
        assert result.gap.direct_min_ev == pytest.approx(2 * (m - 1), rel=1e-6)


def test_tilted_cones_are_weyl_points_in_a_metal() -> None:
    result = find_nodes(weyl_pair(0.5, tilt=1.5), 1)
    assert result.kind == "Weyl"
    assert result.gap.overlap
    assert sorted(node.chirality or 0 for node in result.nodes) == [-1, 1]


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), AWAY])
def test_fourfold_points_without_charge_are_dirac(shift: tuple[float, float, float]) -> None:
    model = moved(dirac_semimetal(0.17), shift)
    result = find_nodes(model, 2)
    assert result.kind == "Dirac"
    assert [node.multiplicity for node in result.nodes] == [4, 4]
    for sign in (1, -1):
        assert charge_at(result, model, (shift[0], shift[1], shift[2] + sign * 0.17)) == 0


@pytest.mark.parametrize(("m", "points"), [(-3, 1), (-1, 3), (1, 3), (3, 1)])
def test_every_transition_of_the_wilson_dirac_model_is_a_dirac_point(m: float, points: int) -> None:
    result = find_nodes(models.wilson_dirac(m), 2)
    assert (result.kind, len(result.nodes)) == ("Dirac", points)
    assert {node.copies for node in result.nodes} == {0}
    for near in (m - 5e-4, m + 5e-4):
        assert find_nodes(models.wilson_dirac(near), 2).kind == "gapped"


def test_diamond_with_equal_bonds_has_dirac_points_at_x() -> None:
    result = find_nodes(models.fu_kane_mele((1, 1, 1, 1)), 2)
    assert result.kind == "Dirac"
    assert {tuple(np.abs(node.k_frac).round(6).tolist()) for node in result.nodes} == {
        *((0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0))
    }


@pytest.mark.parametrize("level", [0.6, 0.02, 0.001])
@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), AWAY])
def test_a_ring_is_one_closed_line(level: float, shift: tuple[float, float, float]) -> None:
    result = find_nodes(moved(nodal_ring(level), shift), 1)
    assert (result.kind, result.nodes) == ("nodal line", ())
    assert len(result.lines) == 1
    line = result.lines[0]
    assert line.closed
    k = 2 * np.pi * (line.k - np.array(shift))
    np.testing.assert_allclose(np.cos(k[:, 0]) + np.cos(k[:, 1]), 2 - level, atol=1e-6)
    np.testing.assert_allclose(np.sin(k[:, 2]), 0, atol=1e-6)
    # It goes all the way round.
    angles = np.sort(np.arctan2(np.sin(k[:, 1]), np.sin(k[:, 0])))
    assert np.diff(angles, append=angles[0] + 2 * np.pi).max() < 1.0


def test_a_line_that_is_gapped_by_a_millielectronvolt_is_none() -> None:
    assert find_nodes(moved(nodal_ring(0.6, 5e-4), AWAY), 1).kind == "gapped"


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), AWAY])
def test_double_weyl_points_have_charge_two(shift: tuple[float, float, float]) -> None:
    model = moved(double_weyl(0.2), shift)
    result = find_nodes(model, 1)
    assert result.kind == "Weyl"
    assert result.complete
    up = charge_at(result, model, (shift[0], shift[1], shift[2] + 0.2))
    assert up in (-2, 2)
    assert charge_at(result, model, (shift[0], shift[1], shift[2] - 0.2)) == -up
    assert all(node.slopes[1] < 1e-3 for node in result.nodes)


def test_kramers_weyl_points_sit_at_the_eight_momenta_and_alternate() -> None:
    model = kramers_weyl()
    result = find_nodes(model, 1)
    assert result.kind == "Weyl"
    assert len(result.nodes) == 8
    for n in np.ndindex(2, 2, 2):
        assert charge_at(result, model, (n[0] / 2, n[1] / 2, n[2] / 2)) == -((-1) ** sum(n))


def test_quadratic_touchings_planes_and_cut_pairs_are_called_so() -> None:
    touching = find_nodes(moved(luttinger(), AWAY), 2)
    assert touching.kind == "touching"
    assert [node.multiplicity for node in touching.nodes] == [4, 4]
    assert find_nodes(nodal_plane(), 1).kind == "nodal surface"
    cut = find_nodes(models.wilson_dirac(2), 1)
    assert cut.kind == "metal"
    assert "degenerate pair" in cut.reason


def test_a_gap_without_an_indirect_one_is_a_metal() -> None:
    result = find_nodes(weyl_pair(1.5, tilt=2.0), 1)
    assert result.kind == "metal"
    assert "overlap" in result.reason
    assert find_nodes(models.atomic_limit(), 2).kind == "gapped"


def test_layers_have_dirac_points_without_charge() -> None:
    result = find_nodes(models.haldane(t2=0.0), 1)
    assert result.kind == "Dirac"
    assert [node.chirality for node in result.nodes] == [None, None]
    assert {node.copies for node in result.nodes} == {0}
    np.testing.assert_allclose(np.abs(result.nodes[0].k_frac), [1 / 3, 1 / 3, 0], atol=1e-6)
    one = find_nodes(models.haldane(np.pi / 2, 3 * np.sqrt(3) * 0.1, 0.1), 1)
    assert len(one.nodes) == 1


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(UNIMODULAR))
def test_nodes_do_not_depend_on_the_description(seed: int, change: np.ndarray) -> None:
    rng = np.random.default_rng(seed)
    model = moved(weyl_pair(rng.uniform(-0.6, 0.98), tilt=0.3), tuple(rng.random(3)))
    expected = find_nodes(model, 1)
    for other, turn in (
        (rotated(model, seed), np.eye(3)),
        (permuted(model, seed), np.eye(3)),
        (other_cell(model, change), change),
    ):
        found = find_nodes(other, 1)
        assert found.kind == expected.kind == "Weyl"
        assert len(found.nodes) == len(expected.nodes) == 2
        for node in expected.nodes:
            assert charge_at(found, other, tuple(node.k_frac @ turn.T)) == node.chirality


@pytest.mark.parametrize(
    ("model", "n", "kind"), [(dirac_semimetal(0.17), 2, "Dirac"), (nodal_ring(0.6), 1, "nodal line")]
)
def test_six_printed_decimals_do_not_open_a_crossing(model: TightBinding, n: int, kind: str) -> None:
    mixed = rotated(moved(model, AWAY), 3)
    printed = TightBinding(mixed.lattice, mixed.cells, mixed.hoppings.round(6), mixed.centres)
    result = find_nodes(printed, n)
    assert result.kind == kind
    assert 1e-9 < result.gap.direct_min_ev < 1e-5 or kind == "nodal line"


def test_flux_is_that_of_what_is_inside_and_nothing_else() -> None:
    model = weyl_pair(0.5)
    node = np.array([0, 0, 1 / 6])
    right, left = 0.05 * np.eye(3), 0.05 * np.diag([1.0, 1.0, -1.0])
    assert box_flux(model, node, right, 0, 1, 6).charge == 1
    assert box_flux(model, node, left, 0, 1, 6).charge == 1
    assert box_flux(model, np.array([0, 0, 0.4]), right, 0, 1, 6).charge == 0
    both = box_flux(model, np.zeros(3), np.diag([0.1, 0.1, 0.6]), 0, 1, 16)
    assert (both.charge, both.converged) == (0, True)


@pytest.mark.shared
def test_weyl_points_of_wannier_tools(shared: Path) -> None:
    """``Nodes.dat`` has the positions and ``WT.out-chirality`` the charges, sign included."""
    model = read_hr(shared / "cases/Weyl-model/Weyl3D_hr.dat", np.eye(3))
    result = find_nodes(model, 1)
    assert (result.kind, len(result.nodes), result.complete) == ("Weyl", 2, True)
    assert charge_at(result, model, (0, 0, 1 / 6)) == 1
    assert charge_at(result, model, (0, 0, -1 / 6)) == -1


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "n", "kind"),
    [("GaAs-trivial", 8, "gapped"), ("Sb-strong-TI", 10, "metal"), ("Bi2Se3-wanniertools", 18, "gapped")],
)
def test_real_crystals(shared: Path, case: str, n: int, kind: str) -> None:
    folder = shared / "cases" / case
    lattice = None if case != "Bi2Se3-wanniertools" else _lattice(folder / "z2/wt.in")
    path = folder / "wannier90_hr.dat.gz"
    model = read_model(folder) if lattice is None else read_hr(path, lattice)
    started = time.process_time()
    gap = find_gap(model, n)
    result = find_nodes(model, n, gap)
    assert time.process_time() - started < 20
    assert result.kind == kind
    expected = {"GaAs-trivial": 0.760, "Sb-strong-TI": 0.00815, "Bi2Se3-wanniertools": 0.4165}[case]
    assert gap.direct_min_ev == pytest.approx(expected, rel=1e-3)


def _lattice(path: Path) -> np.ndarray:
    lines = path.read_text(encoding="utf-8").split("LATTICE")[1].split("\n")[2:5]
    return np.array([[float(x) for x in line.split()[:3]] for line in lines])


def charges_on_a_mesh(model: TightBinding, n: int, divisions: int) -> int:
    """Count the charges of a mesh's cells from links alone, with another mesh than any search."""
    offset = np.array([0.0123, 0.0071, 0.0047])
    k = np.stack(np.meshgrid(*[np.arange(divisions) / divisions] * 3, indexing="ij"), axis=-1) + offset
    states = model.states(k)[1][..., :n]
    links = []
    for axis in range(3):
        overlap = states.conj().swapaxes(-1, -2) @ np.roll(states, -1, axis=axis)
        links.append(np.linalg.det(overlap))
    outward = np.zeros(k.shape[:3])
    for axis in range(3):
        u, v = links[(axis + 1) % 3], links[(axis + 2) % 3]
        along_u, along_v = (axis + 1) % 3, (axis + 2) % 3
        flux = np.angle(u * np.roll(v, -1, axis=along_u) * np.roll(u, -1, axis=along_v).conj() * v.conj())
        outward += np.roll(flux, -1, axis=axis) - flux
    return int(np.abs(np.rint(outward / (2 * np.pi))).sum())


@pytest.mark.parametrize(
    ("model", "n", "count"),
    [
        (multiplied(weyl_pair(0.5), (3, 2, 4)), 1, 48),
        (multiplied(weyl_pair(0.5, tilt=1.5), (2, 2, 3)), 1, 24),
        (multiplied(weyl_pair(0.995), (2, 2, 2)), 1, 16),
        # Two of these have a neighbour so near that no point of the mesh is a minimum for them.
        (tangled(0, 4), 2, 20),
        (tangled(2, 4), 2, 14),
        (tangled(0, 4, time_reversal=True), 2, 20),
    ],
)
def test_none_of_many_points_is_missed(model: TightBinding, n: int, count: int) -> None:
    result = find_nodes(model, n)
    assert (result.kind, result.complete, result.net_chirality) == ("Weyl", True, 0)
    assert len(result.nodes) == count
    assert {abs(node.chirality or 0) for node in result.nodes} == {1}
    assert charges_on_a_mesh(model, n, 36) == count


def test_time_reversal_repeats_every_point_with_its_charge() -> None:
    nodes = find_nodes(tangled(0, 4, time_reversal=True), 2).nodes
    places = np.array([node.k_frac for node in nodes])
    for node in nodes:
        away = np.abs(places + node.k_frac - np.rint(places + node.k_frac)).max(axis=1)
        assert [nodes[i].chirality for i in np.flatnonzero(away < 1e-5)] == [node.chirality]


def test_points_of_charge_two_split_into_four_of_one() -> None:
    many = find_nodes(multiplied(double_weyl(), (2, 2, 2)), 1)
    assert sorted(node.chirality or 0 for node in many.nodes) == [-2] * 8 + [2] * 8
    assert many.complete
    model = double_weyl()
    shifted = model.hoppings.copy()
    shifted[(~model.cells.any(axis=1)).argmax()] += 0.01 * np.array([[0, 1], [1, 0]])
    split = find_nodes(TightBinding(model.lattice, model.cells, shifted, model.centres), 1)
    assert sorted(node.chirality or 0 for node in split.nodes) == [-1, -1, 1, 1]
    assert split.complete


def test_three_bands_meet_with_charge_two() -> None:
    result = find_nodes(threefold(), 1)
    assert (result.kind, result.complete) == ("Weyl", True)
    # The flat band is the middle one: the points are those of bands 1 and 2 and of bands 2 and 3 alike.
    assert {node.multiplicity for node in result.nodes} == {3}
    assert sorted(node.chirality or 0 for node in result.nodes) == [-2] * 4 + [2] * 4


@pytest.mark.parametrize(("m", "count"), [(-1.5, 0), (0.3, 2), (1.5, 4), (2.5, 4), (3.5, 2), (5.5, 0)])
def test_the_weyl_model_has_the_points_its_docstring_gives(m: float, count: int) -> None:
    result = find_nodes(models.weyl(m=m), 1)
    assert len(result.nodes) == count
    for node in result.nodes:
        number_of_halves = int(np.rint(2 * np.abs(node.k_frac[:2])).sum())
        np.testing.assert_allclose(2 * node.k_frac[:2], np.rint(2 * node.k_frac[:2]), atol=1e-5)
        assert np.cos(2 * np.pi * node.k_frac[2]) == pytest.approx(m - 2 * number_of_halves, abs=1e-5)
