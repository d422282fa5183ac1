"""Train one fold of a task, resumable, and keep the model with its scores."""

import hashlib
import json
import math
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xbert.tasks import model as models
from xbert.tasks.data import Fold, TaskData
from xbert.tasks.files import write_json
from xbert.tasks.model import HEAD, Scale, TaskModel
from xbert.tasks.record import Protocol, Task, TaskError
from xbert.tasks.scores import score

if TYPE_CHECKING:
    from torch import Tensor, nn

STARTED = "started.json"
PREDICTIONS = "predictions.parquet"
_SAID_ALONE = {"protocol", "title", "source", "download"}  # keys of a record that change no training
OnStep = Callable[[str, int, int, str], None]
"""(what, step, steps in all, note)."""
OnEpoch = Callable[[int, "nn.Module"], dict[str, Any]]
"""(epoch, averaged network) → what goes to the fold's ``log.jsonl``."""


@dataclass(frozen=True)
class Settings:
    """What a command may choose; None leaves it to the task's record.

    Attributes:
        kind: key of ``xbert.model.KINDS``.
        architecture: keyword arguments of ``XBERTConfig`` beyond the outputs.
        init: directory of a model to start from.
        epochs, batch_size, learning_rate: of the schedule.
        seed: of weights and order.
        limit: crystals that were drawn, for the record.
    """

    kind: str = "xbert"
    architecture: dict[str, Any] = field(default_factory=dict)
    init: Path | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    seed: int = 0
    limit: int | None = None

    def fingerprint(self, task: Task) -> str:
        """Tell trainings apart: a digest of everything that decides the result but the data."""
        init = "" if self.init is None else _digest(self.init)
        chosen = {**asdict(self), "init": init, "task": task.model_dump(mode="json", exclude=_SAID_ALONE)}
        return hashlib.sha256(json.dumps(chosen, sort_keys=True, default=list).encode()).hexdigest()[:16]


def finished(
    place: Path, task: Task, data: TaskData, settings: Settings, part: Fold
) -> dict[str, Any] | None:
    """Return the scores of a fold that was trained before, or None.

    Raises:
        TaskError: if it was trained otherwise.
    """
    if not (place / models.DESCRIPTION).is_file():
        return None
    model, _ = models.read(place)
    same = model.training.get("fingerprint") == settings.fingerprint(task)
    if not same or model.held_out != held_out_digest(data, part):
        raise TaskError(_OTHERWISE.format(place=place))
    return {name: float("nan") if value is None else value for name, value in model.scores.items()}


def train_fold(
    task: Task,
    data: TaskData,
    part: Fold,
    k: int,
    protocol: Protocol,
    settings: Settings,
    place: Path,
    command: str,
    device: str,
    on_step: OnStep | None = None,
    on_epoch: OnEpoch | None = None,
) -> dict[str, Any]:
    """Train fold ``k`` in ``place``, write its model there and return its scores.

    Raises:
        TaskError: if another training was begun in ``place``.
    """
    import torch

    from xbert.model import KINDS, XBERTConfig
    from xbert.training.loop import Schedule, ema_for, fit
    from xbert.trunk import load_trunk

    _begin(place, settings.fingerprint(task))
    values = data.targets.values
    regression = task.kind == "regression"
    scale = Scale.of(values[part.train], task.target.transform) if regression else Scale()
    size = 1 if regression else len(task.target.classes)
    config = XBERTConfig(outputs={HEAD: size}, **settings.architecture)
    torch.manual_seed(settings.seed)
    network = KINDS[settings.kind](config)
    taken = [] if settings.init is None else load_trunk(network, settings.init)
    chosen = {name: getattr(settings, name) for name in ("epochs", "batch_size", "learning_rate")}
    given = task.training.model_dump(exclude={"loss"})
    given |= {name: value for name, value in chosen.items() if value is not None}
    # Three digits are enough for a class, not for an energy.
    ema = ema_for(given["epochs"] * math.ceil(len(part.train) / given["batch_size"]))
    schedule = Schedule(**given, ema=ema, seed=settings.seed, bfloat16=not regression)
    loss = regression_loss(scale.forward(values), task.training.loss, device) if regression else None
    loss = loss or class_loss(values, device)
    what = f"{protocol.by} fold {k}"

    def step(done: int, total: int, value: float) -> None:
        if on_step:
            on_step(what, done, total, f"loss {value:.3f}")

    network = fit(network, data.features, part.train, loss, schedule, place, device, step, on_epoch).eval()
    predicted = models.predict(network, scale, task, data.features.take(part.test), device)
    scores = score(task, values[part.test], predicted)
    _write_predictions(place / PREDICTIONS, task, data, part, predicted)
    model = TaskModel(
        kind=settings.kind,
        config=config.to_json(),
        task=task.model_dump(mode="json"),
        scale=asdict(scale),
        protocol=protocol.model_dump(mode="json"),
        fold=k,
        held_out=held_out_digest(data, part),
        limit=settings.limit,
        training={
            "fingerprint": settings.fingerprint(task),
            "command": command,
            "schedule": asdict(schedule),
            "init": str(settings.init) if settings.init else None,
            "init_tensors": f"{len(taken)} of {len(network.state_dict())}",
            "n_train": len(part.train),
            "parameters": sum(p.numel() for p in network.parameters()),
            "data": data.hashes,
            "device": torch.cuda.get_device_name() if device.startswith("cuda") else "CPU",
            "versions": {"python": platform.python_version(), "torch": torch.__version__},
            "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        },
        scores=scores,
    )
    models.save(place, network, model)
    (place / "last.ckpt").unlink(missing_ok=True)  # four times the size of the model it led to
    return scores


def regression_loss(
    scaled: np.ndarray, name: str, device: str
) -> "Callable[[dict[str, Tensor], np.ndarray], Tensor]":
    """Return the loss of a batch against (n,) targets of unit variance."""
    import torch
    from torch.nn import functional as F

    targets = torch.from_numpy(scaled.astype(np.float32)).to(device)
    kinds: dict[str, Callable[[Tensor, Tensor], Tensor]]
    kinds = {"mse": F.mse_loss, "mae": F.l1_loss, "huber": F.huber_loss}
    kind = kinds[name]

    def loss(outputs: "dict[str, Tensor]", rows: np.ndarray) -> "Tensor":
        return kind(outputs[HEAD][:, 0], targets[torch.from_numpy(rows).to(device)])

    return loss


def class_loss(shares: np.ndarray, device: str) -> "Callable[[dict[str, Tensor], np.ndarray], Tensor]":
    """Return the cross-entropy of a batch against (n, classes) shares that sum to one."""
    import torch
    from torch.nn import functional as F

    targets = torch.from_numpy(shares.astype(np.float32)).to(device)

    def loss(outputs: "dict[str, Tensor]", rows: np.ndarray) -> "Tensor":
        return F.cross_entropy(outputs[HEAD], targets[torch.from_numpy(rows).to(device)])

    return loss


def _write_predictions(path: Path, task: Task, data: TaskData, part: Fold, predicted: np.ndarray) -> None:
    """Write held-out ids beside what the labels and the network say of them."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    truth = data.targets.values[part.test]
    columns: dict[str, Any] = {"id": [data.targets.ids[i] for i in part.test]}
    if task.kind == "regression":
        columns |= {"truth": truth, "predicted": predicted}
    else:
        for i, name in enumerate(task.target.classes):
            columns |= {f"truth_{name}": truth[:, i], f"p_{name}": predicted[:, i]}
    pq.write_table(pa.table(columns), path, compression="zstd")


def held_out_digest(data: TaskData, part: Fold) -> str:
    """Return the SHA-256 of the names of a fold's held-out crystals."""
    return hashlib.sha256("\n".join(data.targets.ids[i] for i in part.test).encode()).hexdigest()


def _digest(init: Path) -> str:
    files = sorted(init.glob("*.safetensors"))
    if not files:
        raise TaskError(f"no weights to start from in {init}; give what xbert pretrain or finetune wrote")
    return hashlib.sha256(b"".join(hashlib.sha256(f.read_bytes()).digest() for f in files)).hexdigest()


_OTHERWISE = (
    "{place} holds a fold that was trained otherwise (settings, task or data changed); "
    "choose another --output or remove it"
)


def _begin(place: Path, fingerprint: str) -> None:
    path = place / STARTED
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != fingerprint:
        raise TaskError(_OTHERWISE.format(place=place))
    write_json(path, fingerprint)
