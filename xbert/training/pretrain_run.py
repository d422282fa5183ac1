"""One pretraining from files to a trunk with its card, as ``xbert pretrain`` does it."""

import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xbert.model import XBERT
from xbert.training.corpus import Corpus, read_corpus
from xbert.training.pretrain import PretrainingPlan, pretrain, split_by_formula
from xbert.training.targets import SPLITS, Targets, pretraining_targets
from xbert.trunk import TrunkDescription, save_trunk

Progress = Callable[[str, int, int, str], None]
"""(what, done, all, note)."""

_ROWS = {
    "length_error": ("cell lengths", "mean relative error", "{:.1%}"),
    "angle_error": ("angles that symmetry leaves free", "mean absolute error", "{:.1f}°"),
    "gap_mae": ("band gap", "mean absolute error", "{:.3f} eV"),
    "metal_auc": ("metal or not", "ROC-AUC", "{:.3f}"),
    "formation_energy_mae": ("formation energy", "mean absolute error", "{:.3f} eV per atom"),
}


def run(
    plan: PretrainingPlan,
    structures: Path,
    directory: Path,
    command: str,
    properties: Path | None = None,
    exclude: Path | None = None,
    apart: Sequence[str] = SPLITS,
    cache: Path | None = None,
    limit: int | None = None,
    workers: int = 1,
    device: str = "cpu",
    on_progress: Progress | None = None,
) -> tuple[XBERT, Corpus, dict[str, Any]]:
    """Pretrain on a crystal table and write the trunk and its card to ``directory``.

    Args:
        plan: how.
        structures: crystal table (Parquet).
        directory: for checkpoint, log, trunk and card.
        command: that was typed, for the record.
        properties: table of band gaps and formation energies.
        exclude: topology labels whose formulas give no properties.
        apart: published splits whose validation and test crystals give none.
        cache: directory of computed features; within ``directory`` without it.
        limit: so many crystals at random.
        workers: processes for features.
        device: torch device.
        on_progress: called as work is done.

    Returns:
        the pretrained model, the crystals, and ``{"held_out": ..., "targets": ...}``.

    Raises:
        ValueError: an input cannot be used, or ``directory`` holds another pretraining.
    """
    show = on_progress or (lambda *_: None)
    vectors = plan.architecture.get("encoder", "cgcnn") != "cgcnn"
    where = cache or directory / "cache"
    corpus = read_corpus(
        structures, where, workers, limit, vectors, lambda done, n: show("features", done, n, "")
    )
    train = np.zeros(len(corpus), dtype=bool)
    train[split_by_formula(corpus)[0]] = True
    targets = pretraining_targets(corpus, train, properties, exclude, apart)
    model, scores = pretrain(
        plan,
        corpus,
        targets,
        directory,
        device,
        lambda step, total, loss: show("training", step, total, f"loss {loss:.3f}"),
    )
    description = _description(plan, model, corpus, targets, scores, command, device)
    save_trunk(directory, model, description)
    (directory / "README.md").write_text(_card(directory.name, description), encoding="utf-8")
    return model, corpus, {"held_out": scores, "targets": targets.counts}


def _description(
    plan: PretrainingPlan,
    model: XBERT,
    corpus: Corpus,
    targets: Targets,
    scores: dict[str, Any],
    command: str,
    device: str,
) -> TrunkDescription:
    gpu = device.startswith("cuda")
    training = {
        "command": command,
        "plan": asdict(plan),
        "crystals": len(corpus),
        "refused": len(corpus.refused),
        "structures_sha256": corpus.sha256,
        "targets": targets.counts,
        "parameters": sum(p.numel() for p in model.parameters()),
        "hardware": torch.cuda.get_device_name() if gpu else f"{torch.get_num_threads()} CPU cores",
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
    }
    return TrunkDescription(model.config.to_json(), targets.mean, targets.spread, training, scores)


def _card(name: str, description: TrunkDescription) -> str:
    training, scores = description.training, description.scores
    table = [
        f"| {what} | {measure} | {form.format(scores[key])} |"
        for key, (what, measure, form) in _ROWS.items()
        if scores.get(key) is not None
    ]
    counts = ", ".join(f"{head}: {n:,}" for head, n in training["targets"].items())
    return "\n".join(
        [
            f"# {name}",
            "",
            f"A trunk of {training['parameters']:,} parameters, pretrained on {training['crystals']:,} "
            f"crystals, {training['created']}, on {training['hardware']}.",
            f"Crystals with each target: {counts}.",
            "",
            "```console",
            f"$ {training['command']}",
            "```",
            "",
            f"## {scores['n']:,} crystals of formulas that were held out",
            "",
            "The lattice is predicted without the length scale of a crystal, properties from true distances.",
            "",
            "| target | measure | value |",
            "|---|---|---|",
            *table,
            "",
            f"Structures: SHA-256 `{training['structures_sha256']}`.",
            "",
        ]
    )
