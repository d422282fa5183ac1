"""The zone is that of the lattice, and a path of another cell is not drawn in it."""

import numpy as np
import pytest

from candidates.report import zone
from tests.candidates.report.sample_verification import band_plot
from tests.sample_records import make_candidate

NAMES = ["Γ", "X", "S₁"]


def test_an_orthorhombic_zone_is_a_box_with_the_path_inside() -> None:
    scene = zone.scene(make_candidate(), band_plot(True), NAMES)
    assert scene
    edges = [line for line in scene["lines"] if line[6] == "zone"]
    path = np.array([line[:6] for line in scene["lines"] if line[6] == "path"])
    assert len(edges) == 12
    corner = np.abs(np.array([line[:3] for line in edges])).max(axis=0)
    assert np.abs(path).max() <= corner.max() + 1e-3
    assert {label[3]: label[:3] for label in scene["labels"]}["Γ"] == [0, 0, 0]
    x = {label[3]: label for label in scene["labels"]}["X"]
    assert x[0] == pytest.approx(corner[0], abs=1e-3)


def test_a_cubic_face_centred_zone_has_thirty_six_edges() -> None:
    scene = zone.scene(
        make_candidate(lattice=[0, 3, 3, 3, 0, 3, 3, 3, 0]),
        band_plot(True).model_copy(
            update={
                "k": ((0, 0, 0), (0.5, 0, 0.5)),
                "distance": (0.0, 2 * np.pi / 6),
                "ticks": ((0.0, "GAMMA"),),
            }
        ),
        ["Γ"],
    )
    assert scene
    assert sum(line[6] == "zone" for line in scene["lines"]) == 36


def test_a_path_of_another_cell_is_left_out() -> None:
    other = make_candidate(lattice=[4.1, 0, 0, 0, 7.3, 0, 0, 0, 6.9])
    assert zone.scene(other, band_plot(True), NAMES) is None


def test_lengths_without_two_pi_are_understood() -> None:
    plot = band_plot(True)
    small = plot.model_copy(
        update={
            "distance": tuple(d / (2 * np.pi) for d in plot.distance),
            "ticks": tuple((at / (2 * np.pi), name) for at, name in plot.ticks),
        }
    )
    assert zone.scene(make_candidate(), small, NAMES) is not None
