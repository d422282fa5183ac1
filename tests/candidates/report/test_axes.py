import numpy as np
import pytest

from candidates.report import axes
from tests.candidates.report import sample_plots


@pytest.mark.parametrize(
    ("label", "html", "tex"),
    [
        ("GAMMA", "Γ", r"$\mathrm{Γ}$"),
        ("Γ", "Γ", r"$\mathrm{Γ}$"),
        ("H_2", "H<sub>2</sub>", r"$\mathrm{H}_{2}$"),
        ("H₁", "H<sub>1</sub>", r"$\mathrm{H}_{1}$"),
        ("SIGMA_0", "Σ<sub>0</sub>", r"$\mathrm{Σ}_{0}$"),
        ("X|K", "X|K", r"$\mathrm{X}$|$\mathrm{K}$"),
        ("<b>$x$", "&lt;b&gt;$x$", r"<b>\$x\$"),
    ],
)
def test_labels_are_typeset_and_nothing_else_gets_through(label: str, html: str, tex: str) -> None:
    assert axes.html_label(label) == html
    assert axes.tex_label(label) == tex


def test_points_of_a_surface_are_barred() -> None:
    assert axes.html_label("M", surface=True) == "M\u0305"
    assert axes.tex_label("K", surface=True) == r"$\overline{\mathrm{K}}$"


def test_negative_indices_stand_under_a_bar() -> None:
    assert axes.miller((1, -1, 0)) == "(11\u03050)"
    assert axes.miller((12, -1, 0)) == "(12 1\u0305 0)"
    assert axes.tex_miller((1, -1, 0)) == r"$(1\,\overline{1}\,0)$"


def test_a_termination_is_named_by_where_it_looks() -> None:
    top, bottom, bulk = axes.in_order(sample_plots.surfaces())
    assert [plot.termination for plot in (top, bottom, bulk)] == ["top", "bottom", "bulk"]
    assert axes.outer(top) == axes.outer(bulk) == (1, -1, 0)
    assert axes.outer(bottom) == (-1, 1, 0)


def test_the_gap_lies_between_filled_and_empty_bands() -> None:
    plot = sample_plots.bands()
    assert axes.band_edges(plot) == pytest.approx((0.0, 1.0))
    assert axes.energy_window(plot) == pytest.approx((-2.5, 3.5))
    metal = plot.model_copy(update={"n_occupied": 3})
    assert axes.band_edges(metal) == pytest.approx((3.0, 3.0)) or axes.band_edges(metal) is None


def test_a_path_is_cut_where_it_jumps() -> None:
    assert axes.pieces((0.0, 1.0, 1.0, 2.0)) == [slice(0, 2), slice(2, 4)]
    assert axes.pieces((0.0, 1.0)) == [slice(0, 2)]


def test_orbitals_mix_their_colours() -> None:
    colours = axes.orbital_colours(sample_plots.bands(weights=True))
    first, second = (np.array([int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for c in axes.PALETTE[:2])
    np.testing.assert_allclose(colours[0, 0], second)
    np.testing.assert_allclose(colours[-1, -1], first)


def test_planes_stand_in_two_rows() -> None:
    order = [plot.plane for plot in axes.plane_order(sample_plots.planes())]
    assert order == ["k1=0", "k2=0", "k3=0", "k1=1/2", "k2=1/2", "k3=1/2"]
    heads = [axes.plane_head(plot) for plot in axes.plane_order(sample_plots.planes())]
    assert heads[0] == ("k₁ = 0", "Z₂ = 1")
    assert heads[-1] == ("k₃ = ½", "undecided")
