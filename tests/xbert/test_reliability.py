"""Bins of held-out crystals: what they say, whose they are, how they are drawn."""

import json
from pathlib import Path

import numpy as np
import pytest

from xbert.checkpoint import DESCRIPTION, WEIGHTS, model_sha256
from xbert.reliability import CALIBRATION, Reliability, draw_reliability, read_reliability

BINS = [[0.05, 0.0, 100], [0.5, 0.75, 40], [0.9, 1.0, 60]]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Files with the names of a model's, and a calibration of these very files."""
    (tmp_path / WEIGHTS).write_bytes(b"weights")
    (tmp_path / DESCRIPTION).write_text("{}")
    _write(tmp_path, BINS)
    return tmp_path


def _write(model: Path, bins: list, sha256: str = "") -> None:
    splits = {"Held-out formulas": {"against": "majority", "n": 200, "bins": bins}}
    content = {"model_sha256": sha256 or model_sha256(model), "splits": splits}
    (model / CALIBRATION).write_text(json.dumps(content))


def test_the_error_weighs_bins_by_their_crystals(model: Path) -> None:
    split = read_reliability(model)["Held-out formulas"]
    assert split.error == pytest.approx((100 * 0.05 + 40 * 0.25 + 60 * 0.1) / 200)
    low, high = split.interval()
    # Wilson's interval (J. Am. Stat. Assoc. 22, 209) of none in 100 and of 30 in 40, from its formula.
    z = 1.959964
    assert high[0] == pytest.approx(z**2 / (100 + z**2), abs=1e-5)
    middle = (30 + z**2 / 2) / (40 + z**2)
    half = z * np.sqrt(0.75 * 0.25 * 40 + z**2 / 4) / (40 + z**2)
    assert (low[1], high[1]) == pytest.approx((middle - half, middle + half), abs=1e-5)


def test_a_calibration_of_other_weights_counts_as_none(model: Path) -> None:
    assert read_reliability(model)
    (model / WEIGHTS).write_bytes(b"other weights")
    assert read_reliability(model) == {}
    (model / CALIBRATION).unlink()
    assert read_reliability(model) == {}


@pytest.mark.parametrize(
    "bins", [[[0.1, 0.2]], [[0.1, 1.2, 3]], [[-0.1, 0.2, 3]], [[0.1, 0.2, 0]], [["a", 0, 1]], 7]
)
def test_bins_that_cannot_be_are_refused(model: Path, bins: list) -> None:
    _write(model, bins)
    with pytest.raises(ValueError, match=CALIBRATION):
        read_reliability(model)


def test_the_picture_shows_every_bin_and_is_the_same_each_time(model: Path) -> None:
    split = read_reliability(model)["Held-out formulas"]
    for name in ("one.svg", "two.svg"):
        draw_reliability([split], model / name, "toy")
    text = (model / "one.svg").read_text()
    assert text == (model / "two.svg").read_text()
    assert "Held-out formulas" in text  # matplotlib writes every string as a comment beside its outlines
    assert "200 crystals, majority labels" in text
    assert "calibration error 0.105" in text
    one = Reliability("Once", "majority", np.array([0.5]), np.array([1.0]), np.array([1]))
    draw_reliability([split, one], model / "both.png", "toy")
    assert (model / "both.png").read_bytes().startswith(b"\x89PNG")
