import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.sample_crystals import features_in_standard_cells, sample_table
from xbert.features import Features
from xbert.model import XBERT, XBERTConfig
from xbert.training.loop import Schedule, fit

CONFIG = XBERTConfig(outputs={"topology": 2}, width=16, layers=1, heads=2, feed_forward=16, graph_width=8)
TRUTH = torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])


@pytest.fixture(scope="module")
def features() -> Features:
    return features_in_standard_cells(sample_table())


def _loss(outputs, rows):
    return torch.nn.functional.cross_entropy(outputs["topology"], TRUTH[torch.from_numpy(rows)])


def _train(features: Features, directory: Path, epochs: int = 6, stop_after: int | None = None) -> XBERT:
    torch.manual_seed(0)
    schedule = Schedule(epochs=epochs, batch_size=3, learning_rate=3e-3, ema=0.5, bfloat16=False)

    def on_epoch(epoch: int, _model) -> dict:
        if stop_after is not None and epoch > stop_after:
            raise KeyboardInterrupt
        return {}

    return fit(XBERT(CONFIG), features, np.arange(8), _loss, schedule, directory, on_epoch=on_epoch)


def test_training_learns(features: Features, tmp_path: Path) -> None:
    _train(features, tmp_path, epochs=40)
    losses = [json.loads(line)["loss"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert len(losses) == 40
    assert losses[-1] < 0.5 * losses[0]


def test_a_killed_training_ends_where_the_uninterrupted_one_does(features: Features, tmp_path: Path) -> None:
    whole = _train(features, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        _train(features, tmp_path / "killed", stop_after=3)
    resumed = _train(features, tmp_path / "killed")
    for (name, one), (_, other) in zip(whole.named_parameters(), resumed.named_parameters(), strict=True):
        torch.testing.assert_close(one, other, msg=name)
    assert len((tmp_path / "killed" / "log.jsonl").read_text().splitlines()) == 6


def test_a_checkpoint_of_another_training_is_refused(features: Features, tmp_path: Path) -> None:
    _train(features, tmp_path)
    with pytest.raises(ValueError, match="another training"):
        _train(features, tmp_path, epochs=7)


def test_a_finished_training_is_not_done_again(features: Features, tmp_path: Path) -> None:
    first = _train(features, tmp_path)
    again = _train(features, tmp_path)
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == 6
    for one, other in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
