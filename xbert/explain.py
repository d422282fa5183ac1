"""What a model reads from which token.

Three measures. The heads are linear, so an output is a sum of one value from each token (`token_values`);
the absolute weights, or those times the components they meet, say how much passes through a token
(`weight_mass`); and a token can be blotted out to see what its loss costs (`occlude`). The first two take a
token after the transformer for the token before it, which one layer with one head blurs least.

H. Xu, D. Qian, J. Wang, "Predicting Many Crystal Properties via an Adaptive Transformer-based Framework",
Figs. 2 and 3; M. D. Zeiler, R. Fergus, ECCV 2014 for occlusion.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xbert.features import Features, collate
from xbert.model import SPACE_GROUP_TOKENS
from xbert.predict import batches

if TYPE_CHECKING:
    from torch import Tensor

    from xbert.model import XBERT

MIN_CRYSTALS = 20
"""Space groups of fewer crystals are left out, as in the paper."""


@dataclass(frozen=True)
class Direction:
    """One number that a model answers, as a linear function of its crystal feature vector.

    Attributes:
        weight: (tokens, width).
        bias: what is added to the sum over tokens.
        meaning: of the number, in words.
    """

    weight: np.ndarray
    bias: float
    meaning: str


@dataclass(frozen=True)
class Group:
    """One space group.

    Attributes:
        number: 1–230.
        crystals: that were looked at.
        value: mean over them of the value of the space-group tokens.
        target: mean of their targets: the share of topological ones, or of the class that counts up.
    """

    number: int
    crystals: int
    value: float
    target: float


def direction(model: "XBERT", head: str, positive: Sequence[int], negative: Sequence[int] = ()) -> Direction:
    """Return the mean of some outputs of a linear head less the mean of others.

    Args:
        model: with the head.
        head: its name.
        positive: outputs that count up.
        negative: outputs that count down; none for a regression.

    Raises:
        ValueError: there is no such head, or it is not linear.
    """
    from torch import nn

    layer = dict(model.heads.items()).get(head)
    if not isinstance(layer, nn.Linear):
        raise ValueError(f"the model has no linear head {head!r}: there are {', '.join(model.heads)}")
    weight, bias = (part.detach().float().cpu().numpy() for part in (layer.weight, layer.bias))

    def mean(values: np.ndarray, outputs: Sequence[int]) -> np.ndarray:
        return values[list(outputs)].mean(0) if outputs else np.zeros_like(values[0])

    along = mean(weight, positive) - mean(weight, negative)
    meaning = f"outputs {list(positive)}" + (f" less {list(negative)}" if negative else "") + f" of {head}"
    tokens = len(model.config.kept_tokens)
    return Direction(along.reshape(tokens, -1), float(mean(bias, positive) - mean(bias, negative)), meaning)


def token_values(
    model: "XBERT", along: Direction, features: Features, device: str = "cpu"
) -> tuple[np.ndarray, np.ndarray]:
    """Split a model's answer into what each token adds.

    Args:
        model: in evaluation mode, on ``device``.
        along: the answer.
        features: of n crystals.
        device: torch device.

    Returns:
        values (n, tokens): answer = bias + their sum; and sizes (n, tokens), the sums of the absolute values
        of the same products.
    """
    import torch

    shape = (len(features), len(model.config.kept_tokens))
    values, sizes = np.empty(shape, dtype=np.float32), np.empty(shape, dtype=np.float32)
    weight = torch.from_numpy(along.weight).to(device)
    with torch.inference_mode():
        for rows in batches(features):
            encoded = model.features(collate(features, rows).to(device)).float()
            products = encoded.view(len(rows), *weight.shape) * weight
            values[rows] = products.sum(-1).cpu().numpy()
            sizes[rows] = products.abs().sum(-1).cpu().numpy()
    return values, sizes


def space_group_value(values: np.ndarray, tokens: Sequence[str]) -> np.ndarray:
    """Return (n,) the sum over the words of the space group, from (n, tokens) values.

    Raises:
        ValueError: the model has no space-group tokens.
    """
    words = [place for place, token in enumerate(tokens) if token in SPACE_GROUP_TOKENS]
    if not words:
        raise ValueError("the model goes without space-group tokens")
    total: np.ndarray = values[:, words].sum(1)
    return total


def by_group(values: np.ndarray, spacegroup: np.ndarray, target: np.ndarray) -> list[Group]:
    """Average values over the crystals of each space group, beside their targets.

    Args:
        values: (n,).
        spacegroup: (n,) numbers.
        target: (n,) 0, 1, or between where sources disagree; or a number that is learnt.

    Returns:
        groups of at least `MIN_CRYSTALS` crystals, by number.
    """
    groups = []
    for number in np.unique(spacegroup):
        own = spacegroup == number
        if own.sum() >= MIN_CRYSTALS:
            mean, truth = float(values[own].mean()), float(target[own].mean())
            groups.append(Group(int(number), int(own.sum()), mean, truth))
    return groups


def rank_correlation(groups: Sequence[Group]) -> float | None:
    """Return Spearman's rank correlation of value and target over groups; None for fewer than three."""
    from scipy.stats import spearmanr

    if len(groups) < 3:
        return None
    found = float(spearmanr([g.value for g in groups], [g.target for g in groups]).statistic)
    return None if np.isnan(found) else found


def weight_mass(along: Direction, sizes: np.ndarray, tokens: Sequence[str]) -> dict[str, dict[str, float]]:
    """Return the share of each token in the weights and in what passes through them.

    Args:
        along: the answer.
        sizes: (n, tokens), see `token_values`.
        tokens: names.

    Returns:
        token → ``weight``, its share of Σ|w|, and ``passed``, its share of the mean of Σ|w z|.
    """
    weight = np.abs(along.weight).sum(1)
    passed = sizes.mean(0, dtype=np.float64)
    return {
        token: {"weight": float(w), "passed": float(p)}
        for token, w, p in zip(tokens, weight / weight.sum(), passed / passed.sum(), strict=True)
    }


def told_tokens(model: "XBERT") -> list[int]:
    """Return the places of the tokens that the model is told: not those whose word is masked."""
    told = dict(zip(SPACE_GROUP_TOKENS, model.config.known_words, strict=True))
    return [place for place, token in enumerate(model.config.kept_tokens) if told.get(token, True)]


def occlude(
    model: "XBERT",
    answer: "Callable[[Tensor], np.ndarray]",
    features: Features,
    reference: Features,
    device: str = "cpu",
) -> tuple[np.ndarray, np.ndarray]:
    """Replace each token in turn by its mean over reference crystals.

    Args:
        model: in evaluation mode, on ``device``.
        answer: crystal feature vectors (b, tokens · width) → (b,) what is watched.
        features: of n crystals.
        reference: crystals whose mean stands for "nothing known".
        device: torch device.

    Raises:
        ValueError: there are no reference crystals.

    Returns:
        answers (n,), and (m, n) the same without one of the m tokens of `told_tokens`.
    """
    import torch

    if not len(reference):
        raise ValueError("occlusion needs reference crystals")
    places = told_tokens(model)
    whole, without = np.zeros(len(features)), np.zeros((len(places), len(features)))

    def embedded(some: Features, rows: np.ndarray) -> "Tensor":
        return model.tokens(collate(some, rows).to(device))

    with torch.inference_mode():
        totals = [embedded(reference, rows).sum(0) for rows in batches(reference)]
        mean = torch.stack(totals).sum(0) / len(reference)
        for rows in batches(features):
            tokens = embedded(features, rows)
            whole[rows] = answer(model.features_of_tokens(tokens))
            for number, place in enumerate(places):
                blotted = tokens.clone()
                blotted[:, place] = mean[place]
                without[number, rows] = answer(model.features_of_tokens(blotted))
    return whole, without
