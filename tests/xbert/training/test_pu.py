"""The losses on a problem whose truth is known: two Gaussian clouds, labels that hide much of one of them."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, one_hot

from xbert.training.pu import forward_corrected_cross_entropy, missed_topology, nonnegative_pu_loss

# Two groups. The second holds as many topological crystals as the first, but hardly one is labelled.
PRIOR = 0.3
LABELLED = (0.6, 0.03)


def _clouds(seed: int, n: int = 4000) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs (n, 2 and the group as a word), groups and truth; the best log-odds are 2 (x + y) + const."""
    rng = np.random.default_rng(seed)
    truth = rng.random(n) < PRIOR
    group = rng.integers(2, size=n)
    x = rng.normal(size=(n, 2)) + np.where(truth, 1.0, -1.0)[:, None]
    inputs = np.column_stack([x, group])
    return torch.tensor(inputs, dtype=torch.float32), torch.tensor(group), torch.tensor(truth)


def _trained(
    outputs: int, inputs: Tensor, loss: Callable[[Tensor], Tensor], steps: int = 400
) -> torch.nn.Linear:
    torch.manual_seed(0)
    model = torch.nn.Linear(inputs.shape[1], outputs)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(model(inputs)).backward()
        optimizer.step()
    return model


def _observed(group: Tensor, truth: Tensor, seed: int = 1) -> Tensor:
    rate = torch.tensor(LABELLED)[group]
    return truth & (torch.rand(len(truth), generator=torch.Generator().manual_seed(seed)) < rate)


def _off(probability: Tensor, inputs: Tensor) -> float:
    best = expit(2.0 * (inputs[:, 0] + inputs[:, 1]).numpy() + logit(PRIOR))
    return float(np.abs(probability.numpy() - best).mean())


def test_pu_learns_what_naive_training_unlearns() -> None:
    inputs, group, truth = _clouds(0)
    positive = _observed(group, truth)
    # Of the unlabelled, this share is topological: Bayes' rule, group by group.
    hidden = torch.tensor([PRIOR * (1 - c) / (1 - PRIOR * c) for c in LABELLED])
    naive = _trained(1, inputs, lambda z: binary_cross_entropy_with_logits(z[:, 0], positive.float()))
    pu = _trained(1, inputs, lambda z: nonnegative_pu_loss(z[:, 0], positive, group, hidden))
    new, group, truth = _clouds(5)
    with torch.no_grad():
        z_naive, z_pu = naive(new)[:, 0], pu(new)[:, 0]
    # Ranking over both groups: naive training ranks by how well a group is labelled.
    best = roc_auc_score(truth, new[:, 0] + new[:, 1])
    assert roc_auc_score(truth, z_naive) < best - 0.05
    assert roc_auc_score(truth, z_pu) > best - 0.01
    # The risk is that of the unlabelled crystals: in the second group these are nearly all crystals.
    blind = group == 1
    assert _off(torch.sigmoid(z_pu)[blind], new[blind]) < 0.04
    assert _off(torch.sigmoid(z_naive)[blind], new[blind]) > 0.15


def test_pu_never_rewards_negatives_below_zero() -> None:
    # One positive among unlabelled that are all certain negatives: the plain estimate falls below zero.
    logits = torch.tensor([5.0, -9.0, -9.0], requires_grad=True)
    positive = torch.tensor([True, False, False])
    loss = nonnegative_pu_loss(logits, positive, torch.zeros(3, dtype=torch.int64), torch.tensor([0.5]))
    assert 0.0 <= loss.item() == pytest.approx(0.5 * np.log1p(np.exp(-5.0)), abs=1e-6)
    loss.backward()
    # The correcting step raises the risk of negatives again: log-odds of the unlabelled go up, not down.
    assert (logits.grad[1:] < 0).all()


def test_pu_is_the_sum_of_its_parts() -> None:
    logits = torch.tensor([1.0, -0.5, 0.3, 2.0])
    positive = torch.tensor([True, False, False, False])
    groups = torch.tensor([0, 0, 1, 1])
    priors = torch.tensor([0.2, 0.4])
    soft = torch.nn.functional.softplus
    # The second group has no positive of its own and borrows the one there is.
    first = 0.2 * soft(-logits[0]) + (soft(logits[1]) - 0.2 * soft(logits[0])).clamp_min(0)
    second = 0.4 * soft(-logits[0]) + (soft(logits[2:]).mean() - 0.4 * soft(logits[0])).clamp_min(0)
    torch.testing.assert_close(
        nonnegative_pu_loss(logits, positive, groups, priors), first / 3 + second * 2 / 3
    )


def test_pu_with_one_kind_alone() -> None:
    logits, groups = torch.zeros(2, requires_grad=True), torch.zeros(2, dtype=torch.int64)
    priors = torch.tensor([0.5])
    for positive in (torch.tensor([True, True]), torch.tensor([False, False])):
        loss = nonnegative_pu_loss(logits, positive, groups, priors)
        assert loss.item() == pytest.approx(np.log(2.0))
    loss.backward()


def test_forward_correction_recovers_the_true_classes() -> None:
    inputs, group, truth = _clouds(0)
    observed = one_hot(_observed(group, truth).long(), 2).float()
    noise = missed_topology(1.0 - torch.tensor(LABELLED), classes=2)
    none = torch.eye(2).repeat(2, 1, 1)
    new, _, truth_new = _clouds(5)
    answers = {}
    for name, transitions in (("naive", none), ("corrected", noise)):
        model = _trained(
            2, inputs, lambda z, t=transitions: forward_corrected_cross_entropy(z, observed, group, t)
        )
        with torch.no_grad():
            answers[name] = torch.softmax(model(new), -1)[:, 1]
    assert roc_auc_score(truth_new, answers["corrected"]) > roc_auc_score(truth_new, answers["naive"]) + 0.03
    assert _off(answers["corrected"], new) < 0.04 < 0.1 < _off(answers["naive"], new)


def test_without_noise_it_is_the_cross_entropy() -> None:
    logits = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 1, 2, 2, 1, 0])
    targets = one_hot(classes, 3).float()
    targets[5] = 0.0  # silent
    groups = torch.zeros(6, dtype=torch.int64)
    value = forward_corrected_cross_entropy(logits, targets, groups, torch.eye(3)[None])
    torch.testing.assert_close(value, torch.nn.functional.cross_entropy(logits[:5], classes[:5]))


def test_transition_matrices() -> None:
    matrices = missed_topology(torch.tensor([0.0, 0.25]))
    torch.testing.assert_close(matrices[0], torch.eye(3))
    torch.testing.assert_close(matrices[1], torch.tensor([[1.0, 0, 0], [0.25, 0.75, 0], [0, 0, 1]]))
    wrong = torch.full((1, 3, 3), 0.5)
    with pytest.raises(ValueError, match="sum to one"):
        forward_corrected_cross_entropy(torch.zeros(1, 3), torch.eye(3)[:1], torch.tensor([0]), wrong)
