"""The two shipped models as data: what each is asked, what it is told, how it is trained."""

from dataclasses import dataclass, field, replace
from typing import Any

from xbert.tokens import N_WORDS, SHARED_WORDS


@dataclass(frozen=True)
class Recipe:
    """How to make a model.

    Attributes:
        name: of the model.
        purpose: the question it answers.
        hide_blind: drop "trivial" labels where symmetry cannot see (``hide_blind_trivials``).
        architecture: keyword arguments of ``XBERTConfig`` beyond the outputs.
        schedule: keyword arguments of ``Schedule``, for members that start from a pretrained trunk.
        from_scratch: what is different for those that do not.
        members: networks, trained from different seeds, whose probabilities are averaged.
        label_smoothing: share of each label spread over all kinds.
        auxiliary: weight of band gap, metal and formation energy beside topology, where they are known.
    """

    name: str
    purpose: str
    hide_blind: bool
    architecture: dict[str, Any] = field(default_factory=dict)
    schedule: dict[str, Any] = field(default_factory=dict)
    from_scratch: dict[str, Any] = field(default_factory=dict)
    members: int = 1
    label_smoothing: float = 0.05
    auxiliary: float = 1.0

    def with_schedule(self, **changes: Any) -> "Recipe":
        """Return the recipe with parts of the schedule replaced; None leaves a part as it is."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, schedule=self.schedule | given, from_scratch=self.from_scratch | given)


WORDS = {"all": (True,) * N_WORDS, "shared": SHARED_WORDS, "none": (False,) * N_WORDS}
"""Which of the five space-group words a model is told."""

WIDER = {"statistics": True, "pooling": "mean and max"}
"""What both models have beyond the paper's architecture."""

TRUNK = WIDER | {"word_dropout": 0.2, "group_dropout": 0.3}
"""The architecture of the trunk that they start from. It has to do without some words or all of them."""

BENCHMARK = Recipe(
    name="benchmark",
    purpose="What would the databases say? Trained on all labels of Materiae, TQC and Arsenal.",
    hide_blind=False,
    architecture=WIDER,
    schedule={"epochs": 8},
    from_scratch={"epochs": 14},
    auxiliary=0.3,
)

DISCOVERY = Recipe(
    name="discovery",
    purpose=(
        "What is this crystal? Never taught that 'not symmetry-indicated' means trivial, and told only "
        "the space-group words that groups with and without inversion share."
    ),
    hide_blind=True,
    architecture=WIDER | {"known_words": WORDS["shared"]},
    schedule={"epochs": 2, "learning_rate": 2e-4},
    from_scratch={"epochs": 6, "learning_rate": 4e-4},
)

RECIPES = {recipe.name: recipe for recipe in (BENCHMARK, DISCOVERY)}
