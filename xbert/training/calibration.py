"""Temperature scaling: one number per label source makes probabilities honest.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, ICML 2017.
"""

import numpy as np

from xbert.predict import Outputs
from xbert.training.labels import KINDS, TopologyLabels

_GRID = np.exp(np.linspace(np.log(0.3), np.log(3.0), 93))
_INSULATORS = [KINDS.index("ti"), KINDS.index("tci")]


def fit_temperatures(outputs: Outputs, labels: TopologyLabels) -> list[float]:
    """Return the temperature of each source that gives its labels the highest likelihood.

    Args:
        outputs: for held-out crystals.
        labels: of the same crystals.
    """
    temperatures = []
    for source in range(outputs.logits.shape[2]):
        target = labels.with_consensus[:, source]
        rows = np.flatnonzero(target.sum(1) > 0)
        logits = outputs.logits[:, rows, source]
        scores = [_negative_log_likelihood(logits, target[rows], t) for t in _GRID]
        temperatures.append(round(float(_GRID[int(np.argmin(scores))]), 4) if len(rows) else 1.0)
    return temperatures


def _negative_log_likelihood(logits: np.ndarray, target: np.ndarray, temperature: float) -> float:
    scaled = logits / temperature
    scaled = np.exp(scaled - scaled.max(-1, keepdims=True))
    mean = (scaled / scaled.sum(-1, keepdims=True)).mean(0)
    either = mean[:, _INSULATORS].sum(1, keepdims=True)
    likelihood = np.concatenate([mean, either], axis=1)
    return float(-(target * np.log(np.clip(likelihood, 1e-9, 1.0))).sum())
