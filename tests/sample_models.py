"""Small untrained models, for tests of what is done with models."""

from pathlib import Path

import torch

from xbert.checkpoint import Description, save_model
from xbert.model import XBERT, XBERTConfig
from xbert.training.labels import KINDS, OUTPUTS
from xbert.training.report import write_card

CONFIG = XBERTConfig(
    outputs={"topology": len(OUTPUTS) * len(KINDS)},
    width=32, layers=1, heads=2, feed_forward=32, graph_width=8,
)  # fmt: skip


def make_model(directory: Path, seed: int = 0) -> Path:
    """Write a topology model of two networks, with its card, and return where it lies."""
    torch.manual_seed(seed)
    members = [XBERT(CONFIG).eval() for _ in range(2)]
    described = Description("toy", "Is it? A toy.", CONFIG.to_json(), 2, list(OUTPUTS), [1.0] * len(OUTPUTS))
    save_model(directory, members, described)
    write_card(directory, described)
    return directory
