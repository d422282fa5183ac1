"""A small model that was trained on nothing, beside what a real one would know about when to believe it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.checkpoint import Description, save_model
from xbert.crystals import CrystalTable
from xbert.model import XBERT, XBERTConfig
from xbert.training.labels import KINDS, OUTPUTS
from xbert.trust import write_trust

HEADS = {"gap": {"mean": 0.5, "spread": 0.4, "held_out_error": 0.3}, "is_metal": {"mean": 0.0, "spread": 1.0}}


def make_trusted(directory: Path, *, heads: bool = True, trust: bool = True) -> Path:
    """Write a model; ``heads`` for gap and metal, ``trust`` for calls.

    Its calls: "trivial" below 0.25, "topological" above 0.75, both in groups with inversion alone.
    """
    torch.manual_seed(0)
    outputs = {"topology": len(OUTPUTS) * len(KINDS)} | (dict.fromkeys(HEADS, 1) if heads else {})
    sizes = {"width": 16, "layers": 1, "heads": 2, "feed_forward": 16, "graph_width": 8, "graph_layers": 1}
    config = XBERTConfig(outputs=outputs, **sizes)
    description = Description(
        "small", "test", config.to_json(), 2, list(OUTPUTS), [1.0] * len(OUTPUTS), HEADS if heads else {}
    )
    save_model(directory, [XBERT(config).eval() for _ in range(2)], description)
    if trust:
        table = sample_table()
        training = table.take(np.repeat([i for i, c in enumerate(table.ids) if c != "Bi2Se3"], 20))
        write_trust(directory, *_held_out(), features_in_standard_cells(CrystalTable(training.arrow)))
    return directory


def _held_out() -> tuple[pa.Table, np.ndarray]:
    n = 2000
    truth = np.arange(n) % 2
    # Of each class 95 % surely right, and the rest spread evenly over what is not.
    place = (np.arange(n) // 2 + 0.5) / (n // 2)
    sure = np.where(place > 0.05, 0.9, 0.75 * place / 0.05)
    columns = {
        "formula_key": [str(i) for i in range(n)],
        "spacegroup": np.full(n, 225),
        "n_electrons": np.full(n, 20),
        "p_consensus_trivial": np.where(truth == 1, 1.0 - sure, sure),
    }
    return pa.table(columns), truth.astype(float)
