"""Score crystals with a trained model: standardise, build tokens and graphs, predict."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xbert.checkpoint import Description, load_model, locate, model_sha256
from xbert.features import Features, collate
from xbert.training.labels import KINDS, classes_of_kinds

if TYPE_CHECKING:
    from torch import Tensor

    from xbert.model import XBERT

MAX_BATCH_ATOMS = 1024
"""Edges of more atoms fall out of the processor's cache: 4,096 take nearly three times as long."""

MAX_BATCH = 256


@dataclass(frozen=True)
class Prediction:
    """What a model says of n crystals.

    Attributes:
        by_kind: (n, sources, 4) probabilities of ``KINDS``, each averaged over the members; the last source
            is the consensus.
        uncertainty: (n,) standard deviation of the topological probability over members and sources.
        gap: (n,) band gap in eV (PBE, without spin-orbit coupling); None if the model has not learned it.
        gap_uncertainty: (n,) eV: the members' spread and the usual error on formulas never seen.
        metal: (n,) probability that there is no gap; None if the model has not learned it.
    """

    by_kind: np.ndarray
    uncertainty: np.ndarray
    gap: np.ndarray | None = None
    gap_uncertainty: np.ndarray | None = None
    metal: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.uncertainty)

    @property
    def by_source(self) -> np.ndarray:
        """(n, sources, 3) P(trivial), P(TI, strong or crystalline), P(TSM)."""
        return classes_of_kinds(self.by_kind)

    @property
    def consensus(self) -> np.ndarray:
        """(n, 3) P(trivial), P(TI), P(TSM) of the consensus output."""
        return self.by_source[:, -1]

    @property
    def topological(self) -> np.ndarray:
        """(n,) P(TI) + P(TSM)."""
        found: np.ndarray = 1.0 - self.by_kind[:, -1, 0]
        return found

    def take(self, rows: np.ndarray) -> "Prediction":
        """Return what is said of the crystals at ``rows``."""
        parts: list[Any] = [None if part is None else part[rows] for part in vars(self).values()]
        return Prediction(*parts)

    @staticmethod
    def concatenate(parts: "list[Prediction]") -> "Prediction":
        """Join predictions of one model."""
        columns = zip(*(vars(part).values() for part in parts), strict=True)
        joined: list[Any] = [None if column[0] is None else np.concatenate(column) for column in columns]
        return Prediction(*joined)


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
        """Name of the model: that of its directory."""
        return self.directory.resolve().name

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


@dataclass(frozen=True)
class Outputs:
    """What each network says of n crystals, as it says it.

    Attributes:
        logits: (members, n, sources, 4) of ``KINDS``.
        auxiliary: name of a further head → (members, n), standardised.
    """

    logits: np.ndarray
    auxiliary: dict[str, np.ndarray]

    @classmethod
    def empty(cls, members: "Sequence[XBERT]", n: int) -> "Outputs":
        """Make room for the outputs of ``members`` for n crystals."""
        sizes = members[0].config.outputs
        shape = (len(members), n, sizes["topology"] // len(KINDS), len(KINDS))
        further = {name: np.empty(shape[:2], np.float32) for name in sizes if name != "topology"}
        return cls(np.empty(shape, np.float32), further)

    def put(self, member: int, rows: np.ndarray, heads: "dict[str, Tensor]") -> None:
        """Keep what a network says of the crystals at ``rows``."""
        for name, value in heads.items():
            if name == "topology":
                self.logits[member, rows] = value.float().view(len(rows), -1, len(KINDS)).cpu().numpy()
            else:
                self.auxiliary[name][member, rows] = value.float()[:, 0].cpu().numpy()

    def take(self, rows: np.ndarray) -> "Outputs":
        """Return the outputs for the crystals at ``rows``."""
        further = {name: value[:, rows] for name, value in self.auxiliary.items()}
        return Outputs(self.logits[:, rows], further)

    @staticmethod
    def concatenate(parts: "Sequence[Outputs]") -> "Outputs":
        """Join the outputs of like ensembles for different crystals."""
        further = {
            name: np.concatenate([part.auxiliary[name] for part in parts], axis=1)
            for name in parts[0].auxiliary
        }
        return Outputs(np.concatenate([part.logits for part in parts], axis=1), further)


def outputs_of(members: "Sequence[XBERT]", features: Features, device: str = "cpu") -> Outputs:
    """Run every network on every crystal."""
    import torch

    found = Outputs.empty(members, len(features))
    with torch.inference_mode():
        for rows in batches(features):
            batch = collate(features, rows).to(device)
            for index, member in enumerate(members):
                found.put(index, rows, member(batch))
    return found


def predict(
    members: "Sequence[XBERT]", description: Description, features: Features, device: str = "cpu"
) -> Prediction:
    """Average the members' probabilities of each source after calibration."""
    return calibrated(outputs_of(members, features, device), description, features.spacegroup)


def calibrated(outputs: Outputs, description: Description, spacegroup: np.ndarray) -> Prediction:
    """Turn outputs into honest probabilities by what a description says of them.

    Logits are divided by each source's temperature and made probabilities, which are averaged over members.
    Where the crystal's group is one that the model never learned insulators of, and the description holds a
    scaling measured on such groups, the consensus is brought to it.

    Args:
        outputs: for n crystals.
        description: of the model.
        spacegroup: (n,) numbers.
    """
    by_member = probabilities_of(outputs.logits, description)
    uncertainty = (1.0 - by_member[..., 0]).std(axis=(0, 2))
    mean = by_member.mean(0)
    topological = 1.0 - mean[:, -1, 0]
    to = scaled(topological, spacegroup, description)
    kinds = mean[:, -1, 1:] / np.maximum(topological, 1e-12)[:, None]
    mean[:, -1] = np.concatenate([1.0 - to[:, None], kinds * to[:, None]], axis=1)
    return Prediction(mean, uncertainty, *_properties(outputs.auxiliary, description.auxiliary))


def probabilities_of(logits: np.ndarray, description: Description) -> np.ndarray:
    """Return (..., sources, 4) probabilities of each network's logits, at the sources' temperatures."""
    cooled = logits / np.asarray(description.temperature, np.float32)[:, None]
    found = np.exp(cooled - cooled.max(-1, keepdims=True))
    found /= found.sum(-1, keepdims=True)
    return np.asarray(found)


def scaled(topological: np.ndarray, spacegroup: np.ndarray, description: Description) -> np.ndarray:
    """Bring consensus probabilities to the scaling of groups that were not learned, where there is one.

    Args:
        topological: (n,) mean over the members.
        spacegroup: (n,) numbers.
        description: of the model.
    """
    told = description.scaling
    if not told:
        return topological
    from xbert.training.transfer_calibration import Scaling, log_odds

    unseen = np.isin(spacegroup, told["spacegroups"])
    scale = Scaling(**{name: told[name] for name in ("temperature", "bias", "spread", "prior")})
    return np.where(unseen, scale(log_odds(topological)), topological).astype(np.float32)


def _properties(
    outputs: dict[str, np.ndarray], scales: dict[str, dict[str, float]]
) -> tuple[np.ndarray | None, np.ndarray | None, np.ndarray | None]:
    """Return gap, its uncertainty and the probability of a metal, see ``Prediction``."""
    gap = uncertainty = metal = None
    if "gap" in outputs:
        scale = scales["gap"]
        by_member = np.expm1(np.maximum(outputs["gap"] * scale["spread"] + scale["mean"], 0.0))
        gap = by_member.mean(0)
        uncertainty = np.hypot(by_member.std(0), scale.get("held_out_error", 0.0))
    if "is_metal" in outputs:
        metal = (1.0 / (1.0 + np.exp(-outputs["is_metal"]))).mean(0)
    return gap, uncertainty, metal


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
