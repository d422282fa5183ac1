import numpy as np
import pytest

from discovery.topology.gap import find_gap
from discovery.topology.monopoles import charged_cells, close_in, doubtful_cells, inside
from discovery.topology.zone import band_symmetries, distance
from tests.discovery.topology import models
from tests.discovery.topology.semimetals import moved, weyl_pair

NONE = np.eye(3, dtype=int)[None]


def test_the_cells_of_two_points_hold_their_charge_and_lead_to_them() -> None:
    model = moved(weyl_pair(0.5), (0.0313, -0.0711, 0.1234))
    gap = find_gap(model, 1, 12)
    size = np.array(gap.mesh)
    cells = charged_cells(model, 1, gap.on_mesh, NONE)
    assert len(cells) == 2
    for sign in (1, -1):
        node = np.array([0.0313, -0.0711, 0.1234 + sign / 6])
        own = [cell for cell in cells if inside(cell, size, node[None]).all()]
        assert len(own) == 1
        middle = close_in(model, 1, own[0], size)
        assert middle is not None
        assert distance(model, middle, node) < 0.02


@pytest.mark.parametrize("model", [models.atomic_limit(), models.wilson_dirac(-2.0)])
def test_no_cell_of_an_insulator_holds_charge_and_hardly_one_is_looked_at(model) -> None:
    gap = find_gap(model, 2)
    symmetries = band_symmetries(model)
    assert len(doubtful_cells(model, gap.on_mesh, symmetries)) < 0.01 * gap.on_mesh.size
    assert len(charged_cells(model, 2, gap.on_mesh, symmetries)) == 0


def test_a_cell_without_charge_is_dismissed() -> None:
    model = weyl_pair(0.5)
    assert close_in(model, 1, np.array([6, 6, 6]), np.array([12, 12, 12])) is None


def test_of_images_one_cell_at_least_is_looked_at() -> None:
    model = weyl_pair(0.5)
    gap = find_gap(model, 1, 12)
    symmetries = band_symmetries(model)
    assert len(symmetries) > 8
    everywhere = doubtful_cells(model, gap.on_mesh, NONE)
    few = doubtful_cells(model, gap.on_mesh, symmetries)
    assert 0 < len(few) <= len(everywhere)
    middles = (few + 0.5) / 12
    for node in ([0, 0, 1 / 6], [0, 0, -1 / 6]):
        images = np.array(node) @ symmetries
        assert any(inside(cell, np.array(gap.mesh), images).any() for cell in few), middles
