"""Pretrain a trunk: lattice parameters of every crystal from its tokens and a graph without a length scale.

H. Xu, D. Qian, J. Wang, "Predicting Many Crystal Properties via an Adaptive Transformer-based Framework":
the pretraining task is the lattice parameters of the unit cell. A graph with distances in Å all but states
them: twelve neighbour distances give the density, the tokens give the atoms, together they give the volume.
So every length of a crystal is divided by the mean of its neighbour distances before the encoder sees it.
Shape remains, scale has to come from the elements.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xbert.cells import free_angles
from xbert.features import Batch, Features, collate
from xbert.model import XBERT, XBERTConfig
from xbert.predict import batches
from xbert.training.corpus import Corpus
from xbert.training.loop import Loss, Schedule, ema_for, fit
from xbert.training.losses import masked_error
from xbert.training.splits import formula_fold
from xbert.training.targets import LATTICE, Targets

MEAN_DISTANCE = 3.0
"""Å that every crystal's mean neighbour distance is brought to: the mean over the Materials Project, so that
the encoder sees distances in the range that it sees in fine-tuning."""

HELD_OUT = 50
"""One formula in so many is never trained on."""

_SCALED = "scaled"


@dataclass(frozen=True)
class PretrainingPlan:
    """How to pretrain.

    Attributes:
        architecture: keyword arguments of ``XBERTConfig`` beyond the outputs.
        schedule: keyword arguments of ``Schedule``.
        true_share: share of crystals in each batch that keep their true distances; they teach the
            properties but not the lattice, and let the encoder meet what it meets in fine-tuning. At 1 there
            is no lattice task, and crystals without a property are left out.
        epoch_size: crystals of an epoch, drawn anew for each; all without it.
        largest: atoms of the largest primitive cell to learn from; large ones take most of the time.
    """

    architecture: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    true_share: float = 0.0
    epoch_size: int | None = None
    largest: int | None = None


class Pretraining(nn.Module):
    """An XBERT that sees some or all crystals of a batch without their length scale."""

    def __init__(self, config: XBERTConfig, true_share: float = 0.0) -> None:
        super().__init__()
        self.trunk = XBERT(config)
        self.true_share = true_share

    def forward(self, batch: Batch, scaled: bool | None = None) -> dict[str, Tensor]:
        """Return the outputs of each head, and ``scaled``: (b,), 1 where a crystal lost its scale.

        Args:
            batch: of crystals.
            scaled: all or none of them; without it, none with probability ``true_share`` each.
        """
        chance = self.true_share if scaled is None else 1.0 - float(scaled)
        hidden = torch.rand(batch.size, device=batch.distances.device) >= chance
        factor = torch.where(hidden, scale_factor(batch), 1.0)
        return self.trunk(batch.stretched(factor)) | {_SCALED: hidden.float()}


def scale_factor(batch: Batch) -> Tensor:
    """Return (b,) by what to stretch each crystal for a mean neighbour distance of `MEAN_DISTANCE`."""
    of_atom = batch.distances.mean(1)
    total = of_atom.new_zeros(batch.size).index_add_(0, batch.crystal, of_atom)
    atoms = torch.bincount(batch.crystal, minlength=batch.size)
    return MEAN_DISTANCE * atoms / total


def pretraining_loss(targets: Targets, device: str = "cpu") -> Loss:
    """Sum the losses of the heads: Huber's, and cross entropy for ``is_metal``; unknown targets are masked.

    The lattice is counted only where the length scale was taken away.
    """
    values = {name: torch.from_numpy(value).to(device) for name, value in targets.values.items()}

    def loss(outputs: dict[str, Tensor], rows: np.ndarray) -> Tensor:
        chosen = torch.from_numpy(rows).to(device)
        total = outputs[_SCALED].new_zeros(())
        for name, value in values.items():
            scaled = (outputs[_SCALED] > 0)[:, None] if name == LATTICE else None
            total = total + masked_error(name, outputs[name], value[chosen], scaled)
        return total

    return loss


def split_by_formula(corpus: Corpus) -> tuple[np.ndarray, np.ndarray]:
    """Return rows to train on and rows of formulas that are held out."""
    held_out = formula_fold(corpus.keys, HELD_OUT) == 0
    if held_out.all() or not held_out.any():  # a handful of crystals: the last one is held out
        held_out = np.arange(len(corpus)) == len(corpus) - 1
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)


def pretrain(
    plan: PretrainingPlan,
    corpus: Corpus,
    targets: Targets,
    directory: Path,
    device: str = "cpu",
    on_step: Callable[[int, int, float], None] | None = None,
) -> tuple[XBERT, dict[str, Any]]:
    """Pretrain, or go on with an interrupted pretraining, and return the model and its held-out scores.

    ``directory`` gets ``last.ckpt`` and ``log.jsonl`` with the scores on held-out formulas after every epoch.

    Args:
        plan: how.
        corpus: crystals.
        targets: of the same crystals, see `pretraining_targets`.
        directory: for the checkpoint and the log.
        device: torch device.
        on_step: called with (step, steps in all, loss).
    """
    rows, held_out = split_by_formula(corpus)
    if plan.true_share >= 1.0:
        rows, held_out = (part[told(targets)[part]] for part in (rows, held_out))
    if plan.largest is not None:
        rows = rows[np.diff(corpus.features.offsets)[rows] <= plan.largest]
    if not len(rows):
        raise ValueError("no crystal is left to learn from: none small enough has a property")
    torch.manual_seed(plan.schedule.get("seed", 0))
    model = Pretraining(XBERTConfig(outputs=targets.sizes, **plan.architecture), plan.true_share)

    schedule = Schedule(**plan.schedule)
    steps = math.ceil(min(plan.epoch_size or len(rows), len(rows)) / schedule.batch_size) * schedule.epochs
    schedule = replace(schedule, ema=plan.schedule.get("ema", ema_for(steps)))

    def scores(trained: nn.Module) -> dict[str, Any]:
        return score(trained, corpus, targets, held_out, device, lattice=plan.true_share < 1.0)

    best = fit(
        model,
        corpus.features,
        rows,
        pretraining_loss(targets, device),
        schedule,
        directory,
        device,
        on_step,
        lambda _epoch, averaged: {"held_out": scores(averaged)},
        epoch_size=plan.epoch_size,
    )
    trunk: XBERT = best.trunk  # type: ignore[assignment]
    return trunk.eval(), scores(best)


def told(targets: Targets) -> np.ndarray:
    """Return (n,) bool: some property of the crystal is known."""
    known = [~np.isnan(value).any(1) for name, value in targets.values.items() if name != LATTICE]
    if not known:
        raise ValueError("without the lattice task there have to be properties to learn")
    found: np.ndarray = np.any(known, axis=0)
    return found


def score(
    model: nn.Module,
    corpus: Corpus,
    targets: Targets,
    rows: np.ndarray,
    device: str = "cpu",
    lattice: bool = True,
) -> dict[str, Any]:
    """Return errors on ``rows``: the lattice without its scale, properties with true distances.

    Returns:
        ``n``; ``length_error`` mean |Δ log length|; ``angle_error`` in degrees, of angles that symmetry
        leaves free; ``gap_mae`` in eV, ``metal_auc``, ``formation_energy_mae`` in eV per atom, where known.
    """
    from sklearn.metrics import roc_auc_score

    features = corpus.features.take(rows)
    result: dict[str, Any] = {"n": len(rows)}
    if not len(rows):
        return result
    if lattice:
        found = targets.undo(LATTICE, _outputs(model, features, True, device)[LATTICE])
        true = targets.undo(LATTICE, targets.values[LATTICE][rows])
        result["length_error"] = float(np.abs(found - true)[:, :3].mean())
        result["angle_error"] = _mean(np.abs(found - true)[:, 3:][free_angles(features.spacegroup)])
    if len(targets.values) == 1:
        return result
    outputs = _outputs(model, features, False, device)
    for name in targets.values.keys() - {LATTICE}:
        known = ~np.isnan(targets.values[name][rows]).any(1)
        value, truth = outputs[name][known, 0], targets.values[name][rows][known, 0]
        if name == "is_metal":
            both = len(np.unique(truth)) == 2
            result["metal_auc"] = float(roc_auc_score(truth, value)) if both else None
            continue
        value, truth = targets.undo(name, value[:, None]), targets.undo(name, truth[:, None])
        if name == "gap":
            value, truth = np.expm1(np.maximum(value, 0.0)), np.expm1(truth)
        result[f"{name}_mae"] = _mean(np.abs(value - truth))
    return dict(sorted(result.items()))


def _mean(values: np.ndarray) -> float | None:
    return float(values.mean()) if values.size else None


def _outputs(model: nn.Module, features: Features, scaled: bool, device: str) -> dict[str, np.ndarray]:
    model.eval()
    parts: dict[str, list[np.ndarray]] = {}
    order: list[np.ndarray] = []
    with torch.inference_mode():
        for rows in batches(features):
            order.append(rows)
            for name, value in model(collate(features, rows).to(device), scaled=scaled).items():
                parts.setdefault(name, []).append(value.float().cpu().numpy())
    back = np.argsort(np.concatenate(order))
    return {name: np.concatenate(values)[back] for name, values in parts.items()}
