"""The files of a model that tell about it: its card, the plot of its calibration, its description anew."""

from pathlib import Path
from typing import Any

from xbert.checkpoint import Description, check_weights, model_sha256, write_description
from xbert.reliability import PLOT, draw_reliability, keep_reliability, read_reliability
from xbert.training.card import render

CARD = "README.md"


def write_card(directory: Path, description: Description) -> None:
    """Write ``README.md`` and, where ``calibration.json`` is of these very weights, ``calibration.svg``.

    Called last: the card holds the hash of weights and description.
    """
    name = directory.resolve().name
    reliability = list(read_reliability(directory).values())
    if reliability:
        draw_reliability(reliability, directory / PLOT, name)
    else:
        (directory / PLOT).unlink(missing_ok=True)
    text = render(description, name, model_sha256(directory), reliability, calls_of(directory))
    (directory / CARD).write_text(text, encoding="utf-8")


def revise(directory: Path, description: Description) -> None:
    """Write another description of the same weights, and their card.

    Raises:
        CheckpointError: the weights are not those of the description.
    """
    check_weights(directory, description.weights_sha256)
    before = model_sha256(directory)
    write_description(directory, description)
    keep_reliability(directory, before)
    write_card(directory, description)


def calls_of(directory: Path) -> list[dict[str, Any]]:
    """Return how calls did on all held-out formulas, see ``xbert.training.calls.check``."""
    from xbert.conformal import ALL
    from xbert.trust import read_trust

    trust = read_trust(directory)
    checked = trust.conformal.checked if trust and trust.conformal else []
    return [row for row in checked if row["kind"] == ALL]
