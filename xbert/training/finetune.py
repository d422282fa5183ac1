"""Train a topology model by its recipe: members, calibration, scores, checkpoint."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xbert.checkpoint import Description
from xbert.features import Features
from xbert.model import XBERT, XBERTConfig
from xbert.predict import Prediction, predict
from xbert.training.calibration import fit_temperatures
from xbert.training.data import LabelledCrystals
from xbert.training.labels import CLASSES, OUTPUTS, TopologyLabels, hide_blind_trivials
from xbert.training.loop import Schedule, fit
from xbert.training.recipes import Recipe
from xbert.training.splits import formula_fold

Progress = Callable[[str, int, int, float], None]
"""(what, step, steps in all, loss)."""


@dataclass(frozen=True)
class Trained:
    """An ensemble with its description, and how it did on the rows it was not shown.

    Attributes:
        members: networks in evaluation mode.
        description: for ``save_model``.
        prediction: for the held-out rows, each half with the temperatures of the other.
        n_train: crystals with a label that it learned from.
    """

    members: list[XBERT]
    description: Description
    prediction: Prediction
    n_train: int


def train(
    recipe: Recipe,
    data: LabelledCrystals,
    rows: np.ndarray,
    held_out: np.ndarray,
    directory: Path,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> Trained:
    """Train the members of ``recipe`` on ``rows`` and calibrate them on ``held_out``.

    Every member keeps its own resumable checkpoint under ``directory``.

    Args:
        recipe: what to make.
        data: labelled crystals.
        rows: to learn from.
        held_out: never trained on; they set one temperature per source.
        directory: for checkpoints and logs.
        device: torch device.
        on_progress: called after every step.
    """
    labels = hide_blind_trivials(data.labels, data.undiagnosable) if recipe.hide_blind else data.labels
    rows = rows[labels.known[rows].any(1)]
    config = XBERTConfig(outputs={"topology": len(OUTPUTS) * len(CLASSES)}, **recipe.architecture)
    loss = topology_loss(labels, recipe.label_smoothing, device)
    members: list[XBERT] = []
    for seed in range(recipe.members):
        torch.manual_seed(seed)
        member = XBERT(config)

        def on_step(step: int, total: int, value: float, seed: int = seed) -> None:
            if on_progress:
                on_progress(f"{recipe.name} {seed + 1}/{recipe.members}", step, total, value)

        schedule = Schedule(**(recipe.schedule | {"seed": seed}))
        where = directory / f"member-{seed}"
        members.append(fit(member, data.features, rows, loss, schedule, where, device, on_step).eval())  # type: ignore[arg-type]
    # Half precision now, so that what is scored is what is shipped.
    members = [_rounded(member) for member in members]

    def calibrated(chosen: np.ndarray) -> Description:
        plain = _description(recipe, config, [1.0] * len(OUTPUTS))
        features, own = data.features.take(chosen), labels.take(chosen)
        return _description(recipe, config, fit_temperatures(members, plain, features, own, device))

    # Each half is scored with temperatures that the other half set, so that calibration is measured fairly.
    half = formula_fold([data.keys[row] for row in held_out], 2, seed=1)
    shape = (len(held_out), len(OUTPUTS), len(CLASSES))
    prediction = Prediction(np.empty(shape, np.float32), np.empty(len(held_out), np.float32))
    for one in (0, 1):
        mine, others = np.flatnonzero(half == one), held_out[half != one]
        part = predict(members, calibrated(others), data.features.take(held_out[mine]), device)
        prediction.by_source[mine], prediction.uncertainty[mine] = part.by_source, part.uncertainty
    return Trained(members, calibrated(held_out), prediction, len(rows))


def predict_rows(trained: Trained, features: Features, rows: np.ndarray, device: str = "cpu") -> Prediction:
    """Predict the crystals at ``rows`` of ``features``."""
    return predict(trained.members, trained.description, features.take(rows), device)


def topology_loss(
    labels: TopologyLabels, smoothing: float, device: str
) -> Callable[[dict[str, Tensor], np.ndarray], Tensor]:
    """Return the cross-entropy averaged over all labels that the crystals of a batch have.

    Each source has its own three outputs, so that sources may disagree; a silent source counts nothing.
    A fourth triple learns their consensus.
    """
    targets = torch.from_numpy(labels.with_consensus).to(device)

    def loss(outputs: dict[str, Tensor], rows: np.ndarray) -> Tensor:
        target = targets[torch.from_numpy(rows).to(targets.device)]
        known = target.sum(-1)
        target = target * (1.0 - smoothing) + smoothing / len(CLASSES) * known[..., None]
        logits = outputs["topology"].view(-1, len(OUTPUTS), len(CLASSES))
        return -(target * torch.log_softmax(logits, -1)).sum() / known.sum().clamp_min(1.0)

    return loss


def _rounded(member: XBERT) -> XBERT:
    state: dict[str, Any] = {
        name: value.half().float() if value.is_floating_point() and "running" not in name else value
        for name, value in member.state_dict().items()
    }
    member.load_state_dict(state)
    return member.eval()


def _description(recipe: Recipe, config: XBERTConfig, temperature: list[float]) -> Description:
    return Description(
        name=recipe.name,
        purpose=recipe.purpose,
        config=config.to_json(),
        members=recipe.members,
        sources=list(OUTPUTS),
        temperature=temperature,
        training={"recipe": asdict(recipe)},
    )
