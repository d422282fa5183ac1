"""Temperature scaling: one number per label source makes probabilities honest.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML 2017.
"""

import numpy as np
import torch

from xbert.checkpoint import Description
from xbert.features import Features
from xbert.model import XBERT
from xbert.training.labels import TopologyLabels

_GRID = np.exp(np.linspace(np.log(0.3), np.log(3.0), 93))


def fit_temperatures(
    members: list[XBERT], description: Description, features: Features, labels: TopologyLabels, device: str
) -> list[float]:
    """Return the temperature of each source that gives its labels the highest likelihood.

    Args:
        members: networks whose probabilities are averaged.
        description: with temperatures of 1.
        features: of held-out crystals.
        labels: of the same crystals.
        device: torch device.
    """
    logits = np.stack([_logits(member, features, len(description.sources), device) for member in members])
    temperatures = []
    for source in range(len(description.sources)):
        target = labels.with_consensus[:, source]
        rows = np.flatnonzero(target.sum(1) > 0)
        if not len(rows):
            temperatures.append(1.0)
            continue
        scores = [_negative_log_likelihood(logits[:, rows, source], target[rows], t) for t in _GRID]
        temperatures.append(round(float(_GRID[int(np.argmin(scores))]), 4))
    return temperatures


def _logits(member: XBERT, features: Features, n_sources: int, device: str) -> np.ndarray:
    from xbert.features import collate
    from xbert.predict import batches

    logits = np.empty((len(features), n_sources, 3), dtype=np.float32)
    with torch.inference_mode():
        for rows in batches(features):
            logits[rows] = member(collate(features, rows).to(device))["topology"].view(-1, n_sources, 3).cpu()
    return logits


def _negative_log_likelihood(logits: np.ndarray, target: np.ndarray, temperature: float) -> float:
    scaled = logits / temperature
    scaled = np.exp(scaled - scaled.max(-1, keepdims=True))
    mean = (scaled / scaled.sum(-1, keepdims=True)).mean(0)
    return float(-(target * np.log(np.clip(mean, 1e-9, 1.0))).sum())
