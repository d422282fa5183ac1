"""Atoms, bonds and cells of the scene are those of the crystal."""

import numpy as np
import pytest

from candidates.report import structure
from tests.sample_records import make_candidate

A = 5.43


def silicon(**changes: object):  # type: ignore[no-untyped-def]
    facts: dict[str, object] = {
        "formula": "Si",
        "lattice": [0, A / 2, A / 2, A / 2, 0, A / 2, A / 2, A / 2, 0],
        "atomic_numbers": [14, 14],
        "frac_coords": [0, 0, 0, 0.25, 0.25, 0.25],
    }
    return make_candidate(**facts | changes)


def test_diamond_has_eight_atoms_in_its_cube_and_four_bonds_each() -> None:
    cube = structure.scenes(silicon())["conventional"]
    assert len(cube["atoms"]) == 17  # 12 on edges, 5 inside: spglib puts the origin between atoms
    inside = [n for n, atom in enumerate(cube["atoms"]) if all(0.1 < x < 0.9 for x in atom[4:])]
    assert len(inside) == 5
    for n in inside:
        assert sum(n in bond for bond in cube["bonds"]) == 4
    lengths = [
        np.linalg.norm(np.subtract(cube["atoms"][i][:3], cube["atoms"][j][:3])) for i, j in cube["bonds"]
    ]
    assert lengths == pytest.approx([A * 3**0.5 / 4] * len(lengths), abs=1e-3)


def test_the_cell_has_twelve_edges_around_the_middle() -> None:
    scene = structure.scenes(silicon())["primitive"]
    edges = np.array([line[:6] for line in scene["lines"]])
    assert len(edges) == 12
    assert edges[:, :3].sum() + edges[:, 3:].sum() == pytest.approx(0, abs=1e-3)


def test_a_cell_that_is_conventional_is_shown_once() -> None:
    assert set(structure.scenes(make_candidate())) == {"primitive"}


def test_metals_are_not_joined_beside_non_metals() -> None:
    copper_nitride = make_candidate(
        lattice=[3.82, 0, 0, 0, 3.82, 0, 0, 0, 3.82],
        atomic_numbers=[7, 29, 29, 29],
        frac_coords=[0, 0, 0, 0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5],
    )
    scene = structure.scenes(copper_nitride)["primitive"]
    symbols = [scene["elements"][atom[3]]["symbol"] for atom in scene["atoms"]]
    assert {frozenset((symbols[i], symbols[j])) for i, j in scene["bonds"]} == {frozenset(("N", "Cu"))}


def test_shells_are_completed_across_faces() -> None:
    rock_salt = make_candidate(
        lattice=[5.64, 0, 0, 0, 5.64, 0, 0, 0, 5.64],
        atomic_numbers=[22, 6],
        frac_coords=[0.5, 0.5, 0.5, 0.5, 0.5, 0.12],
    )
    lone = structure.scenes(rock_salt)["primitive"]
    assert len(lone["atoms"]) == 2


def test_cif_and_cell_agree() -> None:
    text = structure.cif(make_candidate())
    assert "_cell_length_a       8.42" in text
    assert text.count("1.0000\n") == 4


def test_a_large_cell_is_drawn_once_and_without_shells() -> None:
    rng = np.random.default_rng(0)
    many = make_candidate(
        lattice=[40, 0, 0, 0, 40, 0, 0, 0, 40],
        atomic_numbers=[14] * 450,
        frac_coords=(0.05 + 0.9 * rng.random(1350)).tolist(),
    )
    scene = structure.scenes(many)
    assert set(scene) == {"primitive"}
    assert len(scene["primitive"]["atoms"]) == 450
