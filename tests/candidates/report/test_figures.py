import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib import rc_context
from matplotlib.figure import Figure
from PIL import Image

from candidates.report import figures, images
from tests.candidates.report import sample_plots


def test_a_page_needs_no_network_and_escapes_its_title() -> None:
    page = figures.page(figures.band_figure(sample_plots.bands(), "<i>x"), "</title><script>alert(1)")
    assert "<title>&lt;/title&gt;&lt;script&gt;alert(1)</title>" in page
    assert not re.search(r"<(script|link)[^>]+(src|href)=", page)
    assert "<i>x" not in page
    assert "plotly.js v" in page


def test_bands_are_drawn_from_the_record() -> None:
    plot = sample_plots.bands()
    figure = figures.band_figure(plot)
    filled, empty = figure.data
    assert [y for y in filled.y if y is not None] == [y for band in plot.energies[:2] for y in band]
    assert list(filled.x).count(None) == 4  # two bands, each cut where the path jumps
    assert {y for y in empty.y if y is not None} == {y for band in plot.energies[2:] for y in band}
    assert list(figure.layout.xaxis.ticktext) == ["Γ", "X|H<sub>2</sub>", "Γ"]
    gap = next(shape for shape in figure.layout.shapes if shape.type == "rect")
    assert (gap.y0, gap.y1) == pytest.approx((0.0, 1.0))
    assert "E<sub>v</sub>" in figure.layout.yaxis.title.text
    with_orbitals = figures.band_figure(sample_plots.bands(weights=True))
    assert {trace.name for trace in with_orbitals.data if trace.showlegend is None} == {"Bi p", "Se p"}


def test_spectra_share_one_scale_and_name_their_terminations() -> None:
    figure = figures.surface_figure(sample_plots.surfaces())
    assert len(figure.data) == 3
    assert len({(trace.zmin, trace.zmax) for trace in figure.data}) == 1
    assert [trace.showscale for trace in figure.data] == [False, False, True]
    np.testing.assert_allclose(figure.data[0].z, sample_plots.surfaces()[2].log_weight)
    heads = [note.text for note in figure.layout.annotations]
    assert heads == ["(11\u03050) surface", "(1\u030510) surface", "bulk, projected on (11\u03050)"]


def test_planes_carry_their_index() -> None:
    figure = figures.wilson_figure(sample_plots.planes())
    heads = [note.text for note in figure.layout.annotations]
    assert heads[0] == "k₁ = 0: Z₂ = 1"
    assert heads[5] == "k₃ = ½: undecided"
    assert list(figure.data[0].y[:2]) == [0.1, 0.9]


@pytest.mark.parametrize(
    "figure",
    [
        images.band_image(sample_plots.bands(), "a $title"),
        images.band_image(sample_plots.bands(weights=True)),
        images.wilson_image(sample_plots.planes()),
        images.surface_image(sample_plots.surfaces()),
        images.surface_image(sample_plots.surfaces()[:1]),
    ],
)
def test_images_are_written_without_a_display(figure: Figure, tmp_path: Path) -> None:
    images.save(figure, tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert min(image.size) > 500
        assert len(image.convert("RGB").getcolors(1 << 24)) > 50


def test_an_image_is_the_same_bytes_whoever_draws_it_and_however_often(tmp_path: Path) -> None:
    def bytes_of(figure: Figure) -> bytes:
        images.save(figure, tmp_path / "a.png")
        return (tmp_path / "a.png").read_bytes()

    spectra = images.surface_image(sample_plots.surfaces())
    bands = images.band_image(sample_plots.bands(weights=True), "a $title")
    first = bytes_of(spectra), bytes_of(bands)
    assert (bytes_of(spectra), bytes_of(bands)) == first
    assert first[0].startswith(b"\x89PNG")
    with rc_context({"font.size": 17, "axes.grid": True, "image.cmap": "jet", "savefig.bbox": "tight"}):
        again = images.surface_image(sample_plots.surfaces())
        assert bytes_of(again) == first[0]
        assert bytes_of(images.band_image(sample_plots.bands(weights=True), "a $title")) == first[1]
