"""Why the model says what it says about a crystal: each token blotted out in turn.

A token's vector is replaced by its mean over reference crystals, and the loss of probability is what the
token was worth, see `xbert.explain.occlude`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from candidates.explanation import Explanation
from xbert import explain as tokens
from xbert.features import Features
from xbert.predict import Predictor, probabilities_of, scaled
from xbert.training.labels import KINDS

TITLES = {
    "symbol": "space group", "point group": "point group", "crystal system": "crystal system",
    "Laue class": "Laue class", "symmetry": "symmetry", "electrons": "electron count", "elements": "elements",
    "graph": "crystal graph", "statistics": "composition and packing",
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

    def answer(member: Any, vectors: Any) -> np.ndarray:
        logits = member.heads["topology"](vectors).float().cpu().numpy()
        by_source = logits.reshape(len(logits), -1, len(KINDS))
        trivial: np.ndarray = probabilities_of(by_source, predictor.description)[:, -1, 0]
        return 1.0 - trivial

    found = [
        tokens.occlude(member, partial(answer, member), features, reference, predictor.device)
        for member in predictor.members
    ]
    first = predictor.members[0]
    names = tuple(TITLES[first.config.kept_tokens[place]] for place in tokens.told_tokens(first))
    probability, without = (np.mean([one[part] for one in found], axis=0) for part in (0, 1))
    groups, description = features.spacegroup, predictor.description
    probability = scaled(probability, groups, description)
    without = np.stack([scaled(one, groups, description) for one in without])
    return Worth(names, probability, without)
