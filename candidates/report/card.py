"""What is known about the model that ranked a run, so that a page can show it beside the ranking."""

from typing import Annotated

from pydantic import Field

from candidates.records import Count, Probability, Record, Text

TRANSFER = "Transfer to unseen symmetry classes"
"""Title of the scores on symmetry classes that the model was not trained on."""


class ScoreRow(Record):
    """How a model did on held-out crystals, against one source of labels."""

    against: Text = Field(description="Label source, or `majority`.")
    n: Count = Field(description="Crystals.")
    accuracy: Probability = Field(description="At a threshold of one half.")
    f1: Probability = Field(description="Macro F1.")
    roc_auc: Probability | None = Field(default=None, description="Area under the ROC curve.")
    average_precision: Probability | None = Field(default=None, description="Average precision.")
    calibration_error: Probability | None = Field(
        default=None, description="Expected calibration error over equal-width bins."
    )


class Bin(Record):
    """Held-out crystals whose probabilities lie close together."""

    predicted: Probability = Field(description="Their mean probability.")
    observed: Probability = Field(description="Share of them with a topological label.")
    n: Annotated[int, Field(ge=1)] = Field(description="How many.")


class ScoreTable(Record):
    """Scores on one split."""

    title: Text = Field(description="Name of the split.")
    what: Text = Field(description="What was held out, in sentences.")
    rows: tuple[ScoreRow, ...] = Field(description="One for each source of labels.")
    command: Text = Field(default="", description="Command that made it.")
    bins: tuple[Bin, ...] = Field(default=(), description="For the calibration plot; lowest first.")
    bins_against: Text = Field(default="", description="Label source that the bins count.")


class ModelCard(Record):
    """A model in numbers and words."""

    name: Text = Field(description="Name of the model.")
    purpose: Text = Field(description="The question that it answers.")
    facts: dict[Text, Text] = Field(default_factory=dict, description="Networks, parameters, data, date.")
    tables: tuple[ScoreTable, ...] = Field(default=(), description="Scores, split by split.")
    text: Text = Field(default="", description="The whole card as written by who trained it, Markdown.")

    def calibration(self) -> ScoreTable | None:
        """Return the first split that has a calibration plot."""
        return next((table for table in self.tables if table.bins), None)

    def transfer(self) -> str:
        """Say in a sentence how probabilities fared in symmetry classes it never saw; empty if untold."""
        for table in self.tables:
            for row in table.rows:
                if table.title == TRANSFER and row.calibration_error is not None:
                    return (
                        "These held-out crystals come from symmetry classes it was trained on. In classes it "
                        f"never saw, probabilities were off by {row.calibration_error:.2f} on average."
                    )
        return ""

    def context(self, probability: float) -> str:
        """Say in a sentence how often held-out crystals of about this probability were topological."""
        table = self.calibration()
        if table is None:
            errors = [row for t in self.tables[:1] for row in t.rows if row.calibration_error is not None]
            if not errors:
                return ""
            row = next((r for r in errors if r.against == "majority"), errors[0])
            return (
                f"On {row.n:,} held-out crystals probabilities were off by {row.calibration_error:.3f} on "
                f"average (expected calibration error, {row.against} labels)."
            )
        near = min(table.bins, key=lambda b: abs(b.predicted - probability))
        return (
            f"Of {near.n:,} held-out crystals given about {near.predicted:.2f}, {near.observed:.0%} "
            f"carried a topological label ({table.bins_against})."
        )
