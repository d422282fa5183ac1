"""How far a model's probabilities can be believed: held-out crystals in bins of probability."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xbert.checkpoint import model_sha256

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CALIBRATION = "calibration.json"
"""Beside the weights: ``model_sha256`` that it belongs to, and ``splits``: title → ``against``, ``n`` and
``bins`` of (mean probability, observed share, number)."""

PLOT = "calibration.svg"
_DOT, _INK, _PALE = "#4477AA", "#444444", "#DDDDDD"


@dataclass(frozen=True)
class Reliability:
    """Held-out crystals of one split in b bins of topological probability, lowest first; empty bins left out.

    Attributes:
        title: of the split.
        against: the labels that were counted.
        predicted: (b,) mean probability.
        observed: (b,) share with a topological label.
        n: (b,) crystals, at least one each.
    """

    title: str
    against: str
    predicted: np.ndarray
    observed: np.ndarray
    n: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of prediction and share, weighted by crystals."""
        return float((self.n * np.abs(self.predicted - self.observed)).sum() / self.n.sum())

    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """(b,) lower and (b,) upper end of Wilson's 95 % interval of the share."""
        from scipy.stats import binomtest

        found = [
            binomtest(round(share * n), n).proportion_ci(method="wilson")
            for share, n in zip(self.observed.tolist(), self.n.tolist(), strict=True)
        ]
        return np.array([ci.low for ci in found]), np.array([ci.high for ci in found])


def read_reliability(directory: Path) -> dict[str, Reliability]:
    """Return the calibration of the model in ``directory`` by split; nothing where it is of other weights.

    Raises:
        ValueError: ``calibration.json`` is not in order.
    """
    path = directory / CALIBRATION
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["model_sha256"] != model_sha256(directory):
            return {}
        return {title: _split(title, values) for title, values in content["splits"].items() if values["bins"]}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is not in order: {error!r}") from error


def _split(title: str, values: dict[str, Any]) -> Reliability:
    predicted, observed, n = np.array(values["bins"], dtype=np.float64).T
    if (
        (n < 1).any()
        or (np.minimum(predicted, observed) < 0).any()
        or (np.maximum(predicted, observed) > 1).any()
    ):
        raise ValueError(f"bins of {title!r}")
    return Reliability(title, str(values["against"]), predicted, observed, n.astype(np.int64))


def keep_reliability(directory: Path, before: str) -> None:
    """Let the calibration of a model belong to it still, after its description was written anew.

    Args:
        directory: of the model.
        before: what ``model_sha256`` was.
    """
    path = directory / CALIBRATION
    if not path.is_file():
        return
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["model_sha256"] == before:
        content["model_sha256"] = model_sha256(directory)
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def draw_reliability(splits: Sequence[Reliability], path: Path, name: str) -> None:
    """Draw observed share against predicted probability with 95 % intervals, and the crystals in each bin.

    The same numbers give the same bytes.

    Args:
        splits: side by side.
        path: SVG, PNG or PDF.
        name: of the model.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.hashsalt": name, "font.size": 10.5, "axes.edgecolor": _INK, "axes.linewidth": 0.8}):
        figure = Figure(figsize=(4.4 * len(splits), 5.6), layout="constrained", facecolor="white")
        axes = figure.subplots(
            2, len(splits), sharex=True, sharey="row", height_ratios=(4.0, 1.0), squeeze=False
        )
        for split, (above, below) in zip(splits, axes.T, strict=True):
            _shares(above, split)
            _crystals(below, split)
        axes[0, 0].set_ylabel("share with a topological label")
        axes[1, 0].set_ylabel("crystals")
        figure.suptitle(name, fontsize=12, fontweight="bold")
        figure.savefig(path, dpi=160, metadata={"Date": None} if path.suffix == ".svg" else None)


def _shares(axes: "Axes", split: Reliability) -> None:
    low, high = split.interval()
    axes.plot([0, 1], [0, 1], color=_INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
    axes.vlines(split.predicted, low, high, color=_DOT, lw=1.4, alpha=0.55, zorder=2)
    axes.plot(split.predicted, split.observed, color=_DOT, lw=0.8, alpha=0.6, zorder=2)
    area = 14 + 110 * split.n / split.n.max()
    axes.scatter(
        split.predicted, split.observed, s=area, color=_DOT, edgecolors="white", linewidths=0.8, zorder=3
    )
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    axes.grid(color=_PALE, lw=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(split.title, fontsize=10.5)
    told = f"{split.n.sum():,} crystals, {split.against} labels\ncalibration error {split.error:.3f}"
    axes.text(0.02, 0.98, told, va="top", color=_INK, fontsize=9.5, linespacing=1.4)


def _crystals(axes: "Axes", split: Reliability) -> None:
    axes.bar(split.predicted, split.n, width=0.035, color=_DOT, alpha=0.75, linewidth=0)
    axes.set(xlabel="predicted P(topological)", yscale="log")
    axes.set_ylim(bottom=0.7)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
