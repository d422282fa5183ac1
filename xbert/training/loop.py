"""The training loop: AdamW, one warm-up and cosine decay, averaged weights, resumable."""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xbert.features import Features, collate

log = logging.getLogger(__name__)

Loss = Callable[[dict[str, Tensor], np.ndarray], Tensor]
"""(outputs of a batch, rows of the batch) → scalar loss."""


@dataclass(frozen=True)
class Schedule:
    """How to train.

    Attributes:
        epochs: passes over the training rows.
        batch_size: crystals.
        learning_rate: peak, after ``warmup`` of all steps; cosine to zero after it.
        weight_decay: of AdamW.
        ema: decay of the averaged weights that are kept.
        seed: of order, dropout and initial weights.
        bfloat16: autocast to bfloat16, several times faster where the processor has it.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 4e-4
    warmup: float = 0.05
    weight_decay: float = 0.05
    ema: float = 0.998
    seed: int = 0
    bfloat16: bool = True


def ema_for(steps: int) -> float:
    """Return a decay of averaged weights that forgets the start of so many steps; long for long trainings."""
    return min(0.998, 1.0 - 20.0 / max(steps, 40))


def fit(
    model: nn.Module,
    features: Features,
    rows: np.ndarray,
    loss: Loss,
    schedule: Schedule,
    directory: Path,
    device: str = "cpu",
    on_step: Callable[[int, int, float], None] | None = None,
    on_epoch: Callable[[int, nn.Module], dict[str, Any]] | None = None,
    epoch_size: int | None = None,
) -> nn.Module:
    """Train ``model`` and return it with its averaged weights.

    After every epoch a checkpoint is written to ``directory/last.ckpt`` (safetensors and JSON, no
    pickle); called again with the same arguments the training goes on from there.

    Args:
        model: trained in place.
        features: model inputs.
        rows: of ``features`` to learn from.
        loss: of a batch.
        schedule: how.
        directory: for the checkpoint and ``log.jsonl``.
        device: torch device.
        on_step: called with (step, steps in all, loss).
        on_epoch: called with (epoch, averaged model); what it returns goes to the log.
        epoch_size: rows of an epoch, drawn anew for each; all of them without it.
    """
    from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

    directory.mkdir(parents=True, exist_ok=True)
    model.to(device)
    averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(schedule.ema), use_buffers=True)
    optimizer = torch.optim.AdamW(_decay_groups(model, schedule.weight_decay), lr=schedule.learning_rate)
    size = min(epoch_size or len(rows), len(rows))
    per_epoch = math.ceil(size / schedule.batch_size)
    total = per_epoch * schedule.epochs
    warm = max(1, int(schedule.warmup * total))
    scheduler = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / warm, 0.5 * (1 + math.cos(math.pi * min(step / total, 1.0)))),
    )
    checkpoint = Checkpoint(directory, schedule, len(rows))
    first = checkpoint.load(model, averaged, optimizer, scheduler)
    step = first * per_epoch
    for epoch in range(first, schedule.epochs):
        # One generator per epoch: a resumed run sees what the uninterrupted one would have.
        torch.manual_seed(schedule.seed * 100_003 + epoch)
        order = np.random.default_rng([schedule.seed, epoch]).permutation(rows)[:size]
        model.train()
        running = 0.0
        for start in range(0, len(order), schedule.batch_size):
            chosen = order[start : start + schedule.batch_size]
            batch = collate(features, chosen).to(device)
            with torch.autocast(torch.device(device).type, torch.bfloat16, enabled=schedule.bfloat16):
                outputs = model(batch)
            value = loss({name: out.float() for name, out in outputs.items()}, chosen)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            scheduler.step()
            averaged.update_parameters(model)
            running += float(value.detach()) * len(chosen)
            step += 1
            if on_step:
                on_step(step, total, float(value.detach()))
        entry: dict[str, Any] = {"epoch": epoch + 1, "loss": running / max(len(order), 1)}
        if on_epoch:
            entry |= on_epoch(epoch + 1, averaged.module)
        checkpoint.save(epoch + 1, model, averaged, optimizer, scheduler)
        with (directory / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        log.info("epoch %d: %s", epoch + 1, entry)
    return averaged.module


def _decay_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


@dataclass(frozen=True)
class Checkpoint:
    """The state of an interrupted training, as safetensors and JSON."""

    directory: Path
    schedule: Schedule
    n_rows: int

    def save(self, epoch: int, model: nn.Module, averaged: nn.Module, optimizer: Any, scheduler: Any) -> None:
        """Write the state after ``epoch``; replaces the former one at once."""
        from safetensors.torch import save_file

        tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
        tensors |= {f"averaged.{k}": v for k, v in averaged.state_dict().items()}
        state = optimizer.state_dict()
        for index, moments in state["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in moments.items()}
        meta = {
            "epoch": epoch,
            "n_rows": self.n_rows,
            "schedule": asdict(self.schedule),
            "param_groups": state["param_groups"],
            "scheduler": scheduler.state_dict(),
        }
        partial = self.directory / "last.ckpt.part"
        save_file(
            {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()},
            partial,
            {"state": json.dumps(meta)},
        )
        partial.replace(self.directory / "last.ckpt")

    def load(self, model: nn.Module, averaged: nn.Module, optimizer: Any, scheduler: Any) -> int:
        """Restore the state if there is one; return the number of finished epochs.

        Raises:
            ValueError: if the checkpoint belongs to another training.
        """
        from safetensors import safe_open

        path = self.directory / "last.ckpt"
        if not path.exists():
            return 0
        with safe_open(path, "pt") as file:
            meta = json.loads(file.metadata()["state"])
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        if meta["schedule"] != asdict(self.schedule) or meta["n_rows"] != self.n_rows:
            raise ValueError(
                f"{path} belongs to another training ({meta['schedule']}, {meta['n_rows']} rows); "
                "choose another output directory or remove the checkpoint"
            )
        model.load_state_dict(_part(tensors, "model."))
        averaged.load_state_dict(_part(tensors, "averaged."))
        moments: dict[int, dict[str, Tensor]] = {}
        for key, value in _part(tensors, "optimizer.").items():
            index, name = key.split(".")
            moments.setdefault(int(index), {})[name] = value
        optimizer.load_state_dict({"state": moments, "param_groups": meta["param_groups"]})
        scheduler.load_state_dict(meta["scheduler"])
        return int(meta["epoch"])


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
