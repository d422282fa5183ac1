"""Train the networks of a topology model by its recipe."""

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xbert.checkpoint import Description
from xbert.model import XBERT, XBERTConfig
from xbert.training.data import LabelledCrystals
from xbert.training.labels import KINDS, OUTPUTS, TopologyLabels, blur_mirror_phases, hide_blind_trivials
from xbert.training.loop import Loss, Schedule, fit
from xbert.training.losses import masked_error, topology_loss
from xbert.training.recipes import Recipe
from xbert.training.targets import Targets, standardised
from xbert.training.visible import mirror_groups
from xbert.trunk import TRUNK_DESCRIPTION, load_trunk, read_trunk

Progress = Callable[[str, int, int, float], None]
"""(what, step, steps in all, loss)."""


def taught_labels(recipe: Recipe, data: LabelledCrystals) -> TopologyLabels:
    """Return the labels that a model of this recipe is to believe."""
    labels = blur_mirror_phases(data.labels, mirror_groups()[data.features.spacegroup])
    return hide_blind_trivials(labels, data.undiagnosable) if recipe.hide_blind else labels


def train_members(
    recipe: Recipe,
    data: LabelledCrystals,
    rows: np.ndarray,
    directory: Path,
    device: str = "cpu",
    on_progress: Progress | None = None,
    init: Path | None = None,
    first_seed: int = 0,
) -> tuple[list[XBERT], dict[str, dict[str, float]]]:
    """Train the members of ``recipe`` on ``rows``.

    Every member keeps its own resumable checkpoint under ``directory``.

    Args:
        recipe: what to make.
        data: labelled crystals.
        rows: to learn from.
        directory: for checkpoints and logs.
        device: torch device.
        on_progress: called after every step.
        init: directory of a trunk, or of a model, to start from.
        first_seed: of the first member; the others follow.

    Returns:
        networks in evaluation mode, rounded to the half precision in which they are shipped, so that what
        is scored is what is shipped; and ``auxiliary`` of their ``Description``.
    """
    labels = taught_labels(recipe, data)
    rows = rows[labels.known[rows].any(1)]
    properties = _properties(data, init) if recipe.auxiliary else None
    sizes = properties.sizes if properties else {}
    config = XBERTConfig(outputs={"topology": len(OUTPUTS) * len(KINDS)} | sizes, **recipe.architecture)
    loss = _loss(labels, properties, recipe, device)
    schedule = recipe.schedule if init else recipe.schedule | recipe.from_scratch
    members: list[XBERT] = []
    for seed in range(first_seed, first_seed + recipe.members):
        torch.manual_seed(seed)
        member = XBERT(config)
        if init:
            load_trunk(member, init, heads=tuple(sizes))

        def on_step(step: int, total: int, value: float, seed: int = seed) -> None:
            if on_progress:
                on_progress(f"{recipe.name} {seed + 1}", step, total, value)

        how = Schedule(**(schedule | {"seed": seed}))
        where = directory / f"member-{seed}"
        fitted = fit(member, data.features, rows, loss, how, where, device, on_step)
        members.append(_rounded(fitted))  # type: ignore[arg-type]
    scales = {
        name: {"mean": properties.mean[name][0], "spread": properties.spread[name][0]}
        for name in sizes
        if properties
    }
    return members, scales


def describe(
    recipe: Recipe,
    config: dict[str, Any],
    members: int,
    temperature: list[float] | None = None,
    auxiliary: dict[str, dict[str, float]] | None = None,
    scaling: dict[str, Any] | None = None,
) -> Description:
    """Return the description of a model of this recipe; temperatures of 1 if none are given."""
    return Description(
        name=recipe.name,
        purpose=recipe.purpose,
        config=config,
        members=members,
        sources=list(OUTPUTS),
        temperature=temperature or [1.0] * len(OUTPUTS),
        auxiliary=auxiliary or {},
        scaling=scaling,
        training={"recipe": asdict(recipe)},
    )


def _properties(data: LabelledCrystals, init: Path | None) -> Targets | None:
    """Standardise properties as the trunk did, so that its heads go on; without one, alike for all folds."""
    if not data.properties:
        return None
    scales = None
    if init and (init / TRUNK_DESCRIPTION).is_file():
        _, trunk = read_trunk(init)
        scales = {name: (trunk.mean[name], trunk.spread[name]) for name in trunk.mean}
    return standardised(data.properties, np.ones(len(data.labels), dtype=bool), scales)


def _loss(labels: TopologyLabels, properties: Targets | None, recipe: Recipe, device: str) -> Loss:
    topology = topology_loss(labels, recipe.label_smoothing, device)
    values = (
        {name: torch.from_numpy(v).to(device) for name, v in properties.values.items()} if properties else {}
    )

    def loss(outputs: dict[str, Tensor], rows: np.ndarray) -> Tensor:
        chosen = torch.from_numpy(rows).to(device)
        errors = [masked_error(name, outputs[name], value[chosen]) for name, value in values.items()]
        return topology(outputs, rows) + recipe.auxiliary * sum(errors, torch.zeros((), device=device))

    return loss


def _rounded(member: XBERT) -> XBERT:
    state: dict[str, Any] = {
        name: value.half().float() if value.is_floating_point() and "running" not in name else value
        for name, value in member.state_dict().items()
    }
    member.load_state_dict(state)
    return member.eval()
