"""Where a model places crystals: the vectors that its heads read, and which lie close together."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from xbert.features import Features, collate
from xbert.predict import Outputs, Prediction, Predictor, batches, calibrated

if TYPE_CHECKING:
    from torch import Tensor

    from xbert.model import XBERT

BLOCK = 4096
"""Labelled crystals that are compared at a time."""

NETWORKS = 2
"""So many members of an ensemble place crystals: each adds 5 kB to what is kept of a labelled crystal."""


def embed(members: "Sequence[XBERT]", features: Features, device: str = "cpu") -> np.ndarray:
    """Return the crystal feature vectors of n crystals: (n, d) float32, each of length 1.

    Members stand side by side: the vector of each is brought to the same length and they are concatenated.
    Networks that were trained from different seeds turn their spaces at random against each other, so a mean
    of their vectors would mean nothing; the inner product of concatenated ones is the mean of the members'
    cosines, and is found by one product of matrices.

    Args:
        members: networks of one model, on ``device``.
        features: of the crystals.
        device: torch device.

    Returns:
        vectors of d = members · tokens · width components; their inner product is a cosine.

    Raises:
        ValueError: there are no members.
    """
    members = members[:NETWORKS]
    vectors = _empty(members, features)
    for rows, index, vector in _vectors(members, features, device):
        vectors[rows, index] = _directions(vector)
    return _joined(vectors)


def embed_and_predict(predictor: Predictor, features: Features) -> tuple[np.ndarray, Prediction]:
    """Return what `embed` and the predictor return, from one pass of the networks instead of two."""
    members = predictor.members
    vectors = _empty(members[:NETWORKS], features)
    found = Outputs.empty(members, len(features))
    for rows, index, vector in _vectors(members, features, predictor.device):
        if index < NETWORKS:
            vectors[rows, index] = _directions(vector)
        heads = members[index].heads
        found.put(index, rows, {name: head(vector) for name, head in heads.items()})
    return _joined(vectors), calibrated(found, predictor.description, features.spacegroup)


def nearest(vectors: np.ndarray, among: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the nearest of ``among`` for each vector by cosine distance, nearest first.

    Args:
        vectors: (q, d) of length 1, see `embed`.
        among: (n, d) of length 1, in single or half precision.
        count: so many for each; fewer where there are not so many.

    Returns:
        rows of ``among`` (q, min(count, n)), distances of the same shape, 0 (same direction) to 2, and the
        median distance to all of ``among`` (q,).
    """
    distances = np.empty((len(vectors), len(among)), dtype=np.float32)
    for start in range(0, len(among), BLOCK):
        block = among[start : start + BLOCK].astype(np.float32)
        distances[:, start : start + BLOCK] = 1.0 - vectors @ block.T
    np.maximum(distances, 0.0, out=distances)
    order = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return order, np.take_along_axis(distances, order, axis=1), np.median(distances, axis=1)


def _empty(members: "Sequence[XBERT]", features: Features) -> np.ndarray:
    if not members:
        raise ValueError("a model without networks places no crystals")
    config = members[0].config
    width = config.width * len(config.kept_tokens)
    return np.empty((len(features), len(members), width), dtype=np.float32)


def _vectors(
    members: "Sequence[XBERT]", features: Features, device: str
) -> "Iterator[tuple[np.ndarray, int, Tensor]]":
    """Yield rows, number of the member and its feature vectors (rows, tokens · width), batch by batch."""
    import torch

    with torch.inference_mode():
        for rows in batches(features):
            batch = collate(features, rows).to(device)
            for index, member in enumerate(members):
                yield rows, index, member.features(batch)


def _directions(vectors: "Tensor") -> np.ndarray:
    import torch

    directions: np.ndarray = torch.nn.functional.normalize(vectors, dim=-1).cpu().numpy()
    return directions


def _joined(vectors: np.ndarray) -> np.ndarray:
    """Put the members' vectors (n, members, d) one after the other, and the whole to length 1."""
    n, members, width = vectors.shape
    joined: np.ndarray = vectors.reshape(n, members * width) / np.float32(members**0.5)
    return joined
