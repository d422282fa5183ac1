"""The two shipped models as data: what each is asked, what it is told, how it is trained."""

from dataclasses import dataclass, field, replace
from typing import Any

from xbert.tokens import N_WORDS


@dataclass(frozen=True)
class Recipe:
    """How to make a model.

    Attributes:
        name: of the model.
        purpose: the question it answers.
        hide_blind: drop "trivial" labels where symmetry cannot see (``hide_blind_trivials``).
        architecture: keyword arguments of ``XBERTConfig`` beyond the outputs.
        schedule: keyword arguments of ``Schedule``.
        members: networks, trained from different seeds, whose probabilities are averaged.
        label_smoothing: share of each label spread over all classes.
    """

    name: str
    purpose: str
    hide_blind: bool
    architecture: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    members: int = 2
    label_smoothing: float = 0.05

    def with_schedule(self, **changes: Any) -> "Recipe":
        """Return the recipe with parts of the schedule replaced; None leaves a part as it is."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, schedule=self.schedule | given)


WORDS = {
    "all": (True,) * N_WORDS,
    # Crystal system and Laue class: the words that groups with and without inversion have in common.
    "shared": (False, False, True, True, False),
    "none": (False,) * N_WORDS,
}
"""Which of the five space-group words a model is told."""

BENCHMARK = Recipe(
    name="benchmark",
    purpose="What would the databases say? Trained on all labels of Materiae, TQC and Arsenal.",
    hide_blind=False,
    schedule={"epochs": 14},
)

DISCOVERY = Recipe(
    name="discovery",
    purpose=(
        "What is this crystal? Never taught that 'not symmetry-indicated' means trivial, and told only "
        "the space-group words that groups with and without inversion share."
    ),
    hide_blind=True,
    architecture={"known_words": WORDS["shared"]},
    schedule={"epochs": 6},
)

RECIPES = {recipe.name: recipe for recipe in (BENCHMARK, DISCOVERY)}
