"""Why the model says what it says about a crystal: each token blotted out in turn.

Occlusion: a token's vector is replaced by its mean over reference crystals, and the loss of probability is
what the token was worth (M. D. Zeiler, R. Fergus, ECCV 2014, applied to tokens).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from candidates.explanation import Explanation
from xbert.features import Features, collate
from xbert.model import TOKENS
from xbert.predict import Predictor, batches

TITLES = {
    "symbol": "space group", "point group": "point group", "crystal system": "crystal system",
    "Laue class": "Laue class", "symmetry": "symmetry", "electrons": "electron count", "elements": "elements",
    "graph": "crystal graph",
}  # fmt: skip
"""Tokens of the model as a page names them."""


@dataclass(frozen=True)
class Worth:
    """What tokens are worth.

    Attributes:
        tokens: names of the m tokens that the model is told.
        probability: (n,) topological probability of each crystal.
        without: (m, n) the same with one token replaced by its mean over the reference.
    """

    tokens: tuple[str, ...]
    probability: np.ndarray
    without: np.ndarray


def explain(predictor: Predictor, features: Features, reference: Features) -> list[Explanation]:
    """Return an explanation for each crystal, from one pass of the transformer for each token.

    Args:
        predictor: the model that ranks.
        features: of the crystals that are explained.
        reference: crystals whose mean stands for "nothing known", such as a sample of the run.
    """
    worth = occlude(predictor, features, reference)
    method = (
        f"Each token is replaced by its mean over {len(reference):,} candidates of the run; a bar is the "
        "probability that this costs. Bars need not add up: tokens act together."
    )
    return [
        Explanation(
            attributions={
                name: round(float(p - rest), 4)
                for name, rest in zip(worth.tokens, worth.without[:, i], strict=True)
            },
            method=method,
        )
        for i, p in enumerate(worth.probability)
    ]


def occlude(predictor: Predictor, features: Features, reference: Features) -> Worth:
    """Measure what each token is worth, averaged over the members; tokens that are not told are left out."""
    import torch

    told = [*predictor.description.config["known_words"], True, True, True]
    numbers = [n for n, here in enumerate(told) if here]
    probability, without = np.zeros(len(features)), np.zeros((len(numbers), len(features)))
    with torch.inference_mode():
        for member in predictor.members:
            sums = sum(_tokens(predictor, member, reference, rows).sum(0) for rows in batches(reference))
            mean = sums / max(len(reference), 1)
            for rows in batches(features):
                tokens = _tokens(predictor, member, features, rows)
                probability[rows] += _probability(predictor, member, tokens)
                for place, number in enumerate(numbers):
                    blotted = tokens.clone()
                    blotted[:, number] = mean[number]
                    without[place, rows] += _probability(predictor, member, blotted)
    members = len(predictor.members)
    names = tuple(TITLES[TOKENS[n]] for n in numbers)
    return Worth(names, probability / members, without / members)


def _tokens(predictor: Predictor, member: Any, features: Features, rows: np.ndarray) -> Any:
    return member.tokens(collate(features, rows).to(predictor.device))


def _probability(predictor: Predictor, member: Any, tokens: Any) -> np.ndarray:
    """Return the consensus P(TI) + P(TSM) of crystals given by their tokens."""
    import torch

    encoded = member.norm(member.encoder(tokens))
    if member.config.token_softmax:
        encoded = torch.softmax(encoded, dim=-1)
    description = predictor.description
    logits = member.heads["topology"](encoded.flatten(1)).view(len(tokens), len(description.sources), 3)
    temperature = torch.tensor(description.temperature, device=logits.device)[:, None]
    trivial: np.ndarray = torch.softmax(logits / temperature, -1)[:, -1, 0].cpu().numpy()
    return 1.0 - trivial
