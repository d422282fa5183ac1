from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import torch

from xbert.training.carried import read_label_words
from xbert.training.pu import forward_corrected_cross_entropy
from xbert.training.visible import KINDS, blindness, seen_as_topological, visible_kinds

# Fd-3m with inversion, I-42d with S4, P-62m with C3h, F-43m with S4, P1 with nothing.
GROUPS = np.array([227, 122, 189, 216, 1])


def test_what_each_group_shows() -> None:
    assert KINDS == ("trivial", "ti", "tci", "tsm")
    shown = visible_kinds()[GROUPS]
    assert shown[:, 1].tolist() == [True, True, True, True, False]
    assert shown[:, 2].tolist() == [True, False, True, False, False]
    assert shown[:, [0, 3]].all()
    # The 25 groups without inversion that have an indicator, the trivial ones, and the rest.
    assert visible_kinds()[1:, 1].sum() == 230 - 113
    assert (visible_kinds()[1:, 1] & ~visible_kinds()[1:, 2]).sum() == 20


def test_what_a_database_would_say() -> None:
    believed = np.tile([0.1, 0.2, 0.3, 0.4], (5, 1))
    np.testing.assert_allclose(seen_as_topological(believed, GROUPS), [0.9, 0.6, 0.9, 0.6, 0.4])


def test_blind_groups_teach_nothing_about_what_they_cannot_show() -> None:
    matrices = torch.from_numpy(blindness())
    torch.testing.assert_close(matrices.sum(-1), torch.ones(231, 4))
    torch.testing.assert_close(matrices[227], torch.eye(4))
    # A certain TCI labelled trivial: no loss where TCIs cannot show, much where they can.
    logits, trivial = torch.tensor([[0.0, 0.0, 20.0, 0.0]]), torch.tensor([[1.0, 0, 0, 0]])
    losses = {
        group: float(forward_corrected_cross_entropy(logits, trivial, torch.tensor([group]), matrices))
        for group in GROUPS.tolist()
    }
    assert max(losses[122], losses[216], losses[1]) < 1e-3
    assert min(losses[227], losses[189]) > 10


def test_the_databases_agree(shared: Path) -> None:
    """No label contradicts the table: Materiae names no insulator where none can show."""
    path = shared / "data" / "topology_labels.parquet"
    groups = pq.read_table(path, columns=["spacegroup"])["spacegroup"].to_numpy()
    said = np.array(read_label_words(path)["materiae_soc"].to_pylist(), dtype=object)
    shown = visible_kinds()[groups]
    assert not (~shown[:, 1] & np.isin(said, ["TI", "TCI"])).any()
    assert not (~shown[:, 2] & (said == "TCI")).any()
