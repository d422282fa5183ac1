"""Why a model says what it says about a candidate; a screen keeps these beside its candidates."""

from pydantic import Field, TypeAdapter

from candidates.records import Probability, Record, SpaceGroup, Text


class Neighbour(Record):
    """A labelled crystal that the model places close to a candidate."""

    crystal_id: Text = Field(description="Its id in the database of labels.")
    formula: Text = Field(description="Reduced formula.")
    spacegroup: SpaceGroup = Field(description="International number.")
    spacegroup_symbol: Text = Field(description="Hermann–Mauguin symbol in ASCII.")
    classes: dict[Text, Text] = Field(description="Source → the class that it gives.")
    p_topological: Probability = Field(description="By the model that ranked the candidate.")
    distance: float = Field(ge=0, description="Distance in the model's feature space, 0 for itself.")


class Explanation(Record):
    """What the probability of a candidate rests on."""

    attributions: dict[Text, float] = Field(
        default_factory=dict,
        description="Token → p_topological less what it is when the token is blotted out; −1…1.",
    )
    baseline: Probability | None = Field(
        default=None, description="p_topological that the attributions are counted from."
    )
    method: Text = Field(default="", description="How a token is blotted out, in one sentence.")
    neighbours: tuple[Neighbour, ...] = Field(
        default=(), description="Nearest labelled crystals of other formulas, nearest first."
    )
    meaning: Text = Field(
        default="", description="What their distances mean, in one sentence; empty where nobody looked."
    )


FILE = "explanations.json"
"""In the directory of a run: candidate id → `Explanation`."""

Explanations = TypeAdapter(dict[str, Explanation])
"""Reads and writes that file."""
