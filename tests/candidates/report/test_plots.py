"""Bands, charge centres and spectra are drawn as recorded."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from candidates.report import axes, inversions, plots
from tests.candidates.report.sample_verification import band_plot, make_verification, surface_plot


def test_an_inversion_is_found_where_orbitals_change_places() -> None:
    found = inversions.inversions([band_plot(False), band_plot(True, inverted=True)])
    assert [(i.point, i.below, i.above) for i in found] == [
        ("Γ", "Se s", "Sb p"), ("X", "Se s", "Sb p"), ("S₁", "Se s", "Sb p"),
    ]  # fmt: skip
    assert inversions.inversions([band_plot(False), band_plot(True)]) == []
    assert inversions.inversions([band_plot(True, inverted=True)]) == []


def test_filled_and_empty_bands_lie_apart() -> None:
    image = ElementTree.fromstring(plots.bands(band_plot(True), ["Sb p"]))
    filled, empty = (
        [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.]+)", path.get("d") or "")]
        for wanted in ("band filled plain", "band plain")
        for path in image.iter("path")
        if path.get("class") == wanted
    )
    assert min(filled) > max(empty)  # y grows downwards
    assert [t.text for t in image.iter("text") if t.get("class") == "point"] == ["Γ", "X", "S₁"]


def test_gap_and_rings() -> None:
    plot = band_plot(True, inverted=True)
    image = ElementTree.fromstring(plots.bands(plot, [], inversions.inversions([band_plot(False), plot])))
    shade = next(r for r in image.iter("rect") if r.get("class") == "gap")
    low, high = axes.energy_window(plot)
    assert float(shade.get("height", 0)) == pytest.approx(330 * 0.2 / (high - low), abs=0.02)
    assert sum(c.get("class") == "inverted" for c in image.iter("circle")) == 6


def test_every_centre_is_drawn_in_its_plane() -> None:
    image = ElementTree.fromstring(plots.wilson(make_verification().wilson))
    dots = [p.get("d", "").count("h0") for p in image.iter("path") if p.get("class") == "centres"]
    assert dots == [6] * 6
    heads = [t.text for t in image.iter("text") if (t.get("class") or "").startswith("index")]
    assert heads == ["Z₂ = 1", "Z₂ = 1", "undecided", "Z₂ = 0", "Z₂ = 0", "undecided"]


def test_a_spectrum_has_a_pixel_for_each_number_lowest_energy_below() -> None:
    image = plots.surface([surface_plot("top"), surface_plot("bottom")])
    found = re.findall(r"data:image/png;base64,([A-Za-z0-9+/=]+)", image)
    assert len(found) == 2
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(found[0]))).convert("L"))
    assert pixels.shape == (4, 3)
    assert pixels[-1].argmax() == 2  # strongest at the lowest energy: the last point
    assert pixels[0].argmax() == 0


def test_orbitals_with_most_weight_come_first() -> None:
    plot = band_plot(True)
    heavy = plot.model_copy(
        update={"weights": {"A s": plot.weights["Se s"], "B p": tuple([(1.0,) * 41] * 4)}}
    )
    assert inversions.orbitals([heavy]) == ["B p", "A s"]
