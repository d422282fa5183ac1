"""Symmetry lowering on prototypes that anyone can check by hand."""

import numpy as np
import pytest
import spglib
from ase.build import bulk
from ase.spacegroup import crystal as spacegroup_crystal
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sample_crystals import from_atoms, sample_atoms
from xbert.crystals import Crystal, CrystalTable
from xbert.graphs import build_graphs
from xbert.spacegroups import group_flags, space_group
from xbert.symmetry import standardise
from xbert.training.augment import Distortion, features_of_lowered, lowered, lowered_table
from xbert.training.subgroups import (
    inversionless_classes,
    multiplication_table,
    operations_of,
    subgroup_number,
)


def _prototypes() -> dict[str, Crystal]:
    atoms = {
        "rocksalt": bulk("PbTe", "rocksalt", a=6.46),
        "fluorite": bulk("CaF2", "fluorite", a=5.46),
        "diamond": bulk("Si", "diamond", a=5.431),
        "tetradymite": sample_atoms()["Bi2Se3"],
        "rutile": sample_atoms()["TiO2"],
        "perovskite": spacegroup_crystal(
            ["Sr", "Ti", "O"],
            [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)],
            spacegroup=221,
            cellpar=[3.905, 3.905, 3.905, 90, 90, 90],
        ),
        "corundum": spacegroup_crystal(
            ["Al", "O"],
            [(0, 0, 0.3522), (0.3063, 0, 0.25)],
            spacegroup=167,
            cellpar=[4.759, 4.759, 12.991, 90, 90, 120],
        ),
    }
    table = CrystalTable.from_crystals([from_atoms(one, name) for name, one in atoms.items()])
    cells = standardise(table)
    assert not cells.failures
    return {crystal.id: crystal for crystal in cells.crystals}


PROTOTYPES = _prototypes()
POLAR = sorted(set(PROTOTYPES) - {"diamond"})


@pytest.mark.parametrize(
    ("name", "classes"),
    # m-3m has 33 classes of subgroups (International Tables A, table 10.1.3.2), eleven with inversion.
    [("fluorite", 22), ("tetradymite", 6), ("perovskite", 22)],
)
def test_all_classes_of_point_groups(name: str, classes: int) -> None:
    assert len(inversionless_classes(operations_of(PROTOTYPES[name], 1e-3).rotations)) == classes


@pytest.mark.parametrize("name", PROTOTYPES)
def test_classes_are_groups_without_inversion(name: str) -> None:
    operations = operations_of(PROTOTYPES[name], 1e-3)
    product = multiplication_table(operations.rotations)
    for rows in inversionless_classes(operations.rotations):
        assert set(np.unique(product[np.ix_(rows, rows)])) == set(rows)
        assert len(operations.rotations) % len(rows) == 0
        number = subgroup_number(operations, rows, PROTOTYPES[name].lattice)
        assert not space_group(number).inversion


def test_maximal_subgroups_of_the_tables() -> None:
    # International Tables A1: the maximal t-subgroups without inversion of these groups.
    for name, expected in (("fluorite", {209, 216}), ("diamond", {210, 216}), ("corundum", {155, 161})):
        operations = operations_of(PROTOTYPES[name], 1e-3)
        half = [
            r for r in inversionless_classes(operations.rotations) if 2 * len(r) == len(operations.rotations)
        ]
        assert {subgroup_number(operations, r, PROTOTYPES[name].lattice) for r in half} == expected


@pytest.mark.parametrize("name", POLAR)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=12)
def test_inversion_is_gone_and_little_else_has_changed(name: str, seed: int) -> None:
    parent = PROTOTYPES[name]
    made = lowered(parent, np.random.default_rng(seed))
    assert made is not None
    cell = (made.crystal.lattice, made.crystal.frac_coords, made.crystal.numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=2e-3)
    assert found.number == made.spacegroup
    assert not group_flags(np.array([made.spacegroup]))[0][0]
    assert (
        made.parent_spacegroup
        == spglib.get_symmetry_dataset(
            (parent.lattice, parent.frac_coords, parent.numbers), symprec=1e-3
        ).number
    )
    # What is found in the child is among the operations of the parent: a subgroup, all translations kept.
    had = {rotation.tobytes() for rotation in operations_of(parent, 1e-3).rotations}
    assert {rotation.tobytes() for rotation in operations_of(made.crystal, 2e-3).rotations} <= had
    assert made.crystal.numbers.tolist() == parent.numbers.tolist()
    moved = made.crystal.frac_coords - parent.frac_coords
    moved = (moved - np.round(moved)) @ parent.lattice
    assert np.linalg.norm(moved, axis=1).max() <= 2 * 0.08 + 1e-6
    assert made.displacement <= 0.08 + 1e-9
    assert np.abs(made.crystal.lattice - parent.lattice).max() <= 0.005 * np.abs(parent.lattice).sum(1).max()


@pytest.mark.parametrize("name", POLAR)
def test_lengths_change_less_than_the_atoms_moved(name: str) -> None:
    parent = PROTOTYPES[name]
    still = Distortion(amplitude=(0.03, 0.03), strain=0.0)
    before = parent.to_atoms().get_all_distances(mic=True)
    for seed in range(5):
        made = lowered(parent, np.random.default_rng(seed), still)
        np.testing.assert_allclose(made.crystal.lattice, parent.lattice)
        change = np.abs(made.crystal.to_atoms().get_all_distances(mic=True) - before)
        assert 0 < change.max() <= 2 * made.farthest + 1e-6
        assert made.farthest <= 0.06 + 1e-9


def test_a_seed_gives_one_crystal() -> None:
    first, again, other = (
        lowered(PROTOTYPES["corundum"], np.random.default_rng(seed)).crystal.frac_coords for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.allclose(first, other)


def test_what_cannot_be_lowered_is_none() -> None:
    # The optical mode of diamond is even, and every strain is: no distortion of two atoms removes inversion.
    assert lowered(PROTOTYPES["diamond"], np.random.default_rng(0)) is None
    without = standardise(
        CrystalTable.from_crystals([from_atoms(bulk("GaAs", "zincblende", a=5.65), "GaAs")])
    )
    assert lowered(without.crystals[0], np.random.default_rng(0)) is None


def test_weights_choose_the_group() -> None:
    # In the tetragonal groups with the S4 indicator, where the transfer test lies.
    wanted = np.zeros(231)
    wanted[113] = 1.0
    for seed in range(3):
        assert lowered(PROTOTYPES["rutile"], np.random.default_rng(seed), weights=wanted).spacegroup == 113
    assert lowered(PROTOTYPES["rutile"], np.random.default_rng(0), weights=np.zeros(231)) is None


def test_a_cell_that_is_not_primitive_is_refused() -> None:
    conventional = from_atoms(bulk("PbTe", "rocksalt", a=6.46, cubic=True), "PbTe")
    with pytest.raises(ValueError, match="not in a primitive cell"):
        lowered(conventional, np.random.default_rng(0))


@pytest.mark.parametrize(
    "wrong",
    [{"amplitude": (0.0, 0.1)}, {"amplitude": (0.1, 0.05)}, {"symprec": 0.01}, {"strain": 0.1}],
)
def test_distortions_that_make_no_sense_are_refused(wrong: dict) -> None:
    with pytest.raises(ValueError):
        Distortion(**wrong)


def test_a_table_does_not_depend_on_its_order_and_features_follow() -> None:
    names = ["perovskite", "diamond", "tetradymite"]
    made, rows = lowered_table(CrystalTable.from_crystals([PROTOTYPES[n] for n in names]), seed=3, copies=2)
    assert rows.tolist() == [0, 0, 2, 2]
    alone, _ = lowered_table(CrystalTable.from_crystals([PROTOTYPES["tetradymite"]]), seed=3, copies=2)
    assert [one.spacegroup for one in alone] == [one.spacegroup for one in made[2:]]
    np.testing.assert_array_equal(alone[1].crystal.frac_coords, made[3].crystal.frac_coords)
    features = features_of_lowered(made)
    assert features.spacegroup.tolist() == [one.spacegroup for one in made]
    assert features.n_electrons.tolist() == [84, 84, 268, 268]
    # The distortion must reach the graph, though a transverse field leaves six Ti-O bonds alike.
    parents = CrystalTable.from_crystals([PROTOTYPES["perovskite"], PROTOTYPES["tetradymite"]])
    before = build_graphs(parents).distances
    after = np.concatenate([features.take(np.array([row])).distances for row in (0, 2)])
    assert np.abs(after - before)[:5].max() > 1e-2
    assert np.abs(after - before)[5:].max() > 1e-2
