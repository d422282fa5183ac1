"""Score crystals with a trained model: standardise, build tokens and graphs, predict."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from xbert.checkpoint import Description, load_model, locate, model_sha256
from xbert.features import Features, collate

if TYPE_CHECKING:
    from torch import Tensor

MAX_BATCH_ATOMS = 1024
"""Edges of more atoms fall out of the processor's cache: 4,096 take nearly three times as long."""

MAX_BATCH = 256


@dataclass(frozen=True)
class Prediction:
    """Class probabilities of n crystals.

    Attributes:
        by_source: (n, sources, 3) of trivial, TI, TSM, each averaged over the members; the last source
            is the consensus.
        uncertainty: (n,) standard deviation of the topological probability over members and sources.
    """

    by_source: np.ndarray
    uncertainty: np.ndarray

    @property
    def consensus(self) -> np.ndarray:
        """(n, 3) P(trivial), P(TI), P(TSM) of the consensus output."""
        return self.by_source[:, -1]

    @property
    def topological(self) -> np.ndarray:
        """(n,) P(TI) + P(TSM)."""
        return 1.0 - self.consensus[:, 0]


class Predictor:
    """A model ready to score.

    To another process it travels as its directory, and is read there once.

    Args:
        model: name of a shipped model, or a model's directory or weights file.
        device: torch device.

    Raises:
        CheckpointError: if there is no such model.
    """

    def __init__(self, model: str | Path = "discovery", device: str = "cpu") -> None:
        self.directory = locate(model)
        members, self.description = load_model(self.directory)
        self.members = [member.to(device) for member in members]
        self.device = device

    def __reduce__(self) -> tuple[Callable[[str, str], "Predictor"], tuple[str, str]]:
        return _read_once, (str(self.directory), self.device)

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.description.name

    @property
    def needs_vectors(self) -> bool:
        """Whether its encoder knows angles, so that features must hold displacements."""
        encoders = (getattr(member, "graph", None) for member in self.members)
        return any(getattr(encoder, "needs_vectors", False) for encoder in encoders)

    @cached_property
    def sha256(self) -> str:
        """Hex SHA-256 of weights and description."""
        return model_sha256(self.directory)

    def __call__(self, features: Features) -> Prediction:
        """Score crystals; the result of one does not depend on the others."""
        return predict(self.members, self.description, features, self.device)


@cache
def _read_once(directory: str, device: str) -> Predictor:
    return Predictor(directory, device)


def predict(members: list, description: Description, features: Features, device: str = "cpu") -> Prediction:
    """Average the members' probabilities of each source after temperature scaling."""
    import torch

    by_member = np.empty((len(members), len(features), len(description.sources), 3), dtype=np.float32)
    with torch.inference_mode():
        for rows in batches(features):
            batch = collate(features, rows).to(device)
            for index, member in enumerate(members):
                by_member[index, rows] = class_probabilities(member(batch)["topology"], description)
    return average(by_member)


def class_probabilities(logits: "Tensor", description: Description) -> np.ndarray:
    """Return (b, sources, 3) probabilities from one member's topology logits (b, 3 · sources)."""
    import torch

    n_sources = len(description.sources)
    temperature = torch.tensor(description.temperature, device=logits.device)[:, None]
    found: np.ndarray = torch.softmax(logits.view(-1, n_sources, 3) / temperature, -1).cpu().numpy()
    return found


def average(by_member: np.ndarray) -> Prediction:
    """Return the prediction of all members together from (members, n, sources, 3) probabilities."""
    return Prediction(by_member.mean(0), (1.0 - by_member[..., 0]).std(axis=(0, 2)))


def batches(features: Features) -> Iterator[np.ndarray]:
    """Yield rows in batches of crystals of like size, bounded in crystals and atoms."""
    sizes = np.diff(features.offsets)
    order = np.argsort(sizes, kind="stable")
    start = 0
    while start < len(order):
        stop = start + 1
        limit = min(start + MAX_BATCH, len(order))
        while stop < limit and sizes[order[stop]] * (stop - start + 1) <= MAX_BATCH_ATOMS:
            stop += 1
        yield order[start:stop]
        start = stop
