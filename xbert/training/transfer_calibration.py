"""Honest probabilities in symmetry classes that a model was never trained on.

Calibration on held-out formulas says nothing about unseen symmetry classes, where a model is less sure than
it believes and topological crystals are more or less frequent than it learnt. Two steps answer both:

1. temperature and bias, fitted on predictions for symmetry classes that were left out in training (see
   ``xbert.training.classes``). Each class has a bias of its own, which takes up what its frequency of
   topological crystals shifts; their mean is the bias of the class to come, their spread is how little is
   known of it;
2. the share in the target class, from unlabelled predictions alone, by expectation–maximisation. This
   supposes that a class differs in its share alone. Where its crystals explain their share themselves (other
   elements, other electron counts), it corrects what needs no correction: try it on classes that were left
   out before it is believed.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, logit

_LEAST = 1e-6
_WIDE = 3.0  # of log-odds: how far a class may lie from the others before it is doubted


@dataclass(frozen=True)
class Scaling:
    """Temperature and bias for the log-odds of an unseen class.

    Attributes:
        temperature: above 1 for a model too sure of itself.
        bias: added to the log-odds.
        spread: standard deviation of the bias from class to class, beyond what chance explains.
        prior: share of topological crystals at which the probabilities are right on average.
    """

    temperature: float
    bias: float
    spread: float
    prior: float

    def __call__(self, logits: np.ndarray, prior: float | None = None) -> np.ndarray:
        """Return (n,) probabilities of (n,) log-odds, at another share of topological crystals if given.

        Averaged over the bias that an unseen class may have, or not where its share is told (the average
        of a logistic function over a normal distribution: D. J. C. MacKay, Neural Comput. 4, 720 (1992)).
        """
        z = np.asarray(logits, dtype=float) / self.temperature + self.bias
        if prior is not None:
            return np.asarray(expit(z + logit(_inside(prior)) - logit(_inside(self.prior))))
        return np.asarray(expit(z / np.sqrt(1.0 + np.pi * self.spread**2 / 8.0)))


def fit_scaling(logits: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> Scaling:
    """Fit temperature and bias on predictions for classes that were left out.

    One temperature for all crystals, one bias for each class. Mean and spread of the biases are estimated by
    moments (R. DerSimonian, N. Laird, Control. Clin. Trials 7, 177 (1986)): where classes differ, each
    weighs alike, for the class to come may resemble any; small classes, whose bias is not known, weigh less.

    Args:
        logits: (n,) log-odds, each predicted by a model that never saw its class.
        truth: (n,) 0 or 1.
        classes: (n,) name or number of the class that was left out.

    Raises:
        ValueError: if all crystals are of one kind: then nothing can be fitted.
    """
    logits, truth = np.asarray(logits, dtype=float), np.asarray(truth, dtype=float)
    if not 0.0 < truth.mean() < 1.0:
        raise ValueError("temperature and bias need topological and trivial crystals among those left out")
    _, which, counts = np.unique(np.asarray(classes), return_inverse=True, return_counts=True)
    n_classes = len(counts)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        inverse, biases = np.exp(parameters[0]), parameters[1:]
        away = (biases - biases.mean()) / _WIDE**2
        z = inverse * logits + biases[which]
        residual = expit(z) - truth
        value = (np.logaddexp(0.0, z) - truth * z).sum() + 0.5 * _WIDE**2 * (away**2).sum()
        slope = np.bincount(which, residual, minlength=n_classes) + away
        return float(value), np.concatenate([[(residual * logits).sum() * inverse], slope])

    # Beyond these bounds a fit on a handful of crystals says nothing.
    bounds = [(-4.0, 4.0), *[(-15.0, 15.0)] * n_classes]
    found = minimize(loss, np.zeros(1 + n_classes), jac=True, method="L-BFGS-B", bounds=bounds)
    inverse, biases = float(np.exp(found.x[0])), found.x[1:]
    chance = expit(inverse * logits + biases[which])
    # Of the biases: what a handful of crystals says of its class counts little.
    known = np.bincount(which, chance * (1.0 - chance), minlength=n_classes) + 1.0 / _WIDE**2
    bias, variance = _random_effects(biases, known)
    plain = expit(inverse * logits + bias)
    # The share at which the mean of the probabilities is that share, with crystals of both kinds as seen.
    of_trivial, of_topological = (plain[truth == y].mean() for y in (0, 1))
    prior = of_trivial / (1.0 - of_topological + of_trivial)
    return Scaling(1.0 / inverse, bias, float(np.sqrt(variance)), float(prior))


def _random_effects(values: np.ndarray, precision: np.ndarray) -> tuple[float, float]:
    """Mean and variance of what values of known precision scatter about."""
    mean = np.average(values, weights=precision)
    excess = (precision * (values - mean) ** 2).sum() - (len(values) - 1)
    total = precision.sum()
    scale = total - (precision**2).sum() / total
    variance = max(0.0, excess / scale) if len(values) > 1 else 0.0
    return float(np.average(values, weights=1.0 / (variance + 1.0 / precision))), float(variance)


def with_prior(probabilities: np.ndarray, old: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Move probabilities from one set of class frequencies to another, by Bayes' rule.

    Args:
        probabilities: (n, c), calibrated where classes come with the frequencies ``old``.
        old: (c,) frequencies.
        new: (c,) frequencies.

    Returns:
        (n, c) probabilities. Supposes that crystals of one class look alike at both frequencies.
    """
    moved = probabilities * (np.asarray(new) / np.maximum(old, _LEAST))
    return np.asarray(moved / np.maximum(moved.sum(1, keepdims=True), 1e-300))


def label_shift(
    probabilities: np.ndarray, prior: np.ndarray, iterations: int = 1000, tolerance: float = 1e-7
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate class frequencies of unlabelled crystals, and correct their probabilities.

    M. Saerens, P. Latinne, C. Decaestecker, Neural Comput. 14, 21 (2002), section 2.2. Needs calibrated
    probabilities: apply ``fit_scaling`` first.

    Args:
        probabilities: (n, c) of unlabelled crystals, calibrated at the frequencies ``prior``.
        prior: (c,) frequencies the probabilities suppose.
        iterations: at most.
        tolerance: greatest change of a frequency at which it stops.

    Returns:
        (c,) frequencies and (n, c) corrected probabilities.
    """
    prior = np.asarray(prior, dtype=float)
    new, corrected = prior, np.asarray(probabilities, dtype=float)
    for _ in range(iterations if len(corrected) else 0):
        corrected = with_prior(np.asarray(probabilities, dtype=float), prior, new)
        former, new = new, corrected.mean(0)
        if np.abs(new - former).max() < tolerance:
            break
    return new, corrected


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return log(p / (1 - p)), finite for 0 and 1 too."""
    return np.asarray(logit(_inside(probabilities)))


def _inside(share: np.ndarray | float) -> np.ndarray:
    return np.clip(share, _LEAST, 1.0 - _LEAST)
