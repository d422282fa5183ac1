"""A network trained for a task, on disk as safetensors and JSON, with what is needed to score it again."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xbert.checkpoint import check_weights, weights_sha256
from xbert.features import Features
from xbert.tasks.files import write_json
from xbert.tasks.record import Task, TaskError

if TYPE_CHECKING:
    from torch import nn

WEIGHTS = "model.safetensors"
DESCRIPTION = "model.json"
FORMAT = 1
HEAD = "property"
MEMBER = "0."


@dataclass(frozen=True)
class Scale:
    """How targets are brought to zero mean and unit variance: (t(y) - mean) / std."""

    transform: str = "none"
    mean: float = 0.0
    std: float = 1.0

    @classmethod
    def of(cls, values: np.ndarray, transform: str) -> "Scale":
        """Fit to (n,) training values."""
        values = np.log10(values) if transform == "log10" else values
        return cls(transform, float(values.mean()), float(values.std()) or 1.0)

    def forward(self, values: np.ndarray) -> np.ndarray:
        """From the task's unit to what is learnt."""
        values = np.log10(values) if self.transform == "log10" else values
        scaled: np.ndarray = (values - self.mean) / self.std
        return scaled

    def back(self, outputs: np.ndarray) -> np.ndarray:
        """From what is learnt to the task's unit."""
        values: np.ndarray = outputs.astype(np.float64) * self.std + self.mean
        return 10.0**values if self.transform == "log10" else values


@dataclass(frozen=True)
class TaskModel:
    """What ``model.json`` holds.

    Attributes:
        kind: key of ``xbert.model.KINDS``.
        config: for ``XBERTConfig.from_json``.
        task: the record.
        scale: of the targets.
        protocol: which crystals were held out.
        fold: number of the fold.
        held_out: SHA-256 of the names of its held-out crystals, one a line.
        limit: crystals drawn for training and test, or None.
        training: settings, command, data hashes, versions.
        scores: on the held-out crystals.
        weights_sha256: hex SHA-256 of ``model.safetensors``; `save` fills it in.
        format: version of this form.
    """

    kind: str
    config: dict[str, Any]
    task: dict[str, Any]
    scale: dict[str, Any]
    protocol: dict[str, Any]
    fold: int
    held_out: str
    limit: int | None
    training: dict[str, Any] = field(default_factory=dict)
    scores: dict[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    format: int = FORMAT


def save(directory: Path, network: "nn.Module", model: TaskModel) -> None:
    """Write weights and description."""
    from safetensors.torch import save_file

    directory.mkdir(parents=True, exist_ok=True)
    # Named as in an ensemble of one, so that another training can start from it.
    state = network.state_dict()
    tensors = {f"{MEMBER}{name}": value.detach().cpu().contiguous() for name, value in state.items()}
    save_file(tensors, directory / WEIGHTS)
    (directory / WEIGHTS).chmod(0o644)  # safetensors writes for its owner alone
    model = replace(model, weights_sha256=weights_sha256(directory))
    write_json(directory / DESCRIPTION, asdict(model))  # last: with it a fold counts as finished


def read(directory: Path) -> tuple[TaskModel, Task]:
    """Read the description of a model and the record of its task.

    Raises:
        TaskError: if there is none, or it is of another kind.
    """
    path = directory / DESCRIPTION
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        model = TaskModel(**content)
        task = Task.model_validate(model.task)
    except (OSError, ValueError, TypeError) as error:
        message = " ".join(str(error).split())
        raise TaskError(f"{path} does not describe a model that was trained for a task: {message}") from None
    if model.format != FORMAT:
        raise TaskError(f"{path} has format {model.format}; this version reads format {FORMAT}")
    return model, task


def load(directory: Path, device: str = "cpu") -> "tuple[nn.Module, TaskModel, Task]":
    """Read a network in evaluation mode, its description and its task.

    Raises:
        TaskError: if weights and description do not fit.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from xbert.model import KINDS, XBERTConfig

    model, task = read(directory)
    try:
        check_weights(directory, model.weights_sha256)
        network = KINDS[model.kind](XBERTConfig.from_json(model.config))
        tensors = load_file(directory / WEIGHTS)
        network.load_state_dict({name.removeprefix(MEMBER): value for name, value in tensors.items()})
    except (SafetensorError, OSError, KeyError, TypeError, RuntimeError, ValueError) as error:
        raise TaskError(f"{directory} does not hold a model of this version: {error}") from None
    return network.to(device).eval(), model, task


def predict(network: "nn.Module", scale: Scale, task: Task, features: Features, device: str) -> np.ndarray:
    """Return (n,) values in the task's unit, or (n, classes) probabilities."""
    import torch

    from xbert.features import collate
    from xbert.predict import batches

    size = 1 if task.kind == "regression" else len(task.target.classes)
    outputs = np.empty((len(features), size), dtype=np.float32)
    with torch.inference_mode():
        for rows in batches(features):
            found = network(collate(features, rows).to(device))[HEAD].float()
            outputs[rows] = (found if size == 1 else torch.softmax(found, -1)).cpu().numpy()
    return scale.back(outputs[:, 0]) if task.kind == "regression" else outputs
