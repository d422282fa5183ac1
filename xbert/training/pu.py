"""Losses for labels that miss much of what is topological, and miss it differently from group to group.

Where a space group has no symmetry indicator, "trivial" is silence: its crystals are unlabelled, and the
share of topological ones among them is a prior that has to be assumed. Where labels are merely unreliable,
the rate at which a class is called by the name of another describes them. Both depend on the group, so both
functions take the group of each crystal.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus


def nonnegative_pu_loss(
    logits: Tensor,
    positive: Tensor,
    groups: Tensor,
    priors: Tensor,
    beta: float = 0.0,
    gamma: float = 1.0,
) -> Tensor:
    """Estimate the risk of a binary classifier from positive and unlabelled crystals, never below zero.

    R. Kiryo, G. Niu, M. C. du Plessis, M. Sugiyama, NeurIPS 2017, eq. 6 and algorithm 1, with the logistic
    loss. The risk is estimated group by group, each with its own prior, and averaged over the unlabelled
    crystals. A group of this batch without positives borrows those of all others, which assumes that
    topological crystals look alike to the model in both: do not tell it the group then, or give each group
    positives of its own (``xbert.training.augment``).

    Args:
        logits: (b,) log-odds of being topological.
        positive: (b,) bool; the others are unlabelled.
        groups: (b,) int64 rows of ``priors``, such as one for each indicator group.
        priors: (g,) share of topological crystals among the unlabelled ones of a group, within 0–1.
        beta: how far below zero the estimated risk of negatives may fall before it is pushed back.
        gamma: how hard it is pushed back.

    Returns:
        Scalar. Its gradient is that of algorithm 1: where the risk of negatives is below ``-beta``, the step
        undoes that overfit instead of descending.
    """
    as_positive, as_negative = softplus(-logits), softplus(logits)
    unlabelled = ~positive
    total = logits.sum() * 0.0
    if not unlabelled.any():
        return total + (as_positive[positive].mean() if positive.any() else 0.0)
    for group in torch.unique(groups[unlabelled]):
        inside = groups == group
        prior = priors[group]
        here = unlabelled & inside
        known = positive & inside
        known = known if known.any() else positive
        negative_risk = as_negative[here].mean()
        positive_risk = logits.new_zeros(())
        if known.any():
            positive_risk = prior * as_positive[known].mean()
            negative_risk = negative_risk - prior * as_negative[known].mean()
        risk = positive_risk + negative_risk
        if negative_risk < -beta:
            # The value of algorithm 1 with the gradient of its correcting step.
            risk = (positive_risk - beta + gamma * negative_risk).detach() - gamma * negative_risk
        total = total + risk * here.sum() / unlabelled.sum()
    return total


def forward_corrected_cross_entropy(
    logits: Tensor, targets: Tensor, groups: Tensor, transitions: Tensor
) -> Tensor:
    """Cross-entropy between observed labels and what the noise would make of the predicted classes.

    G. Patrini, A. Rozza, A. K. Menon, R. Nock, L. Qu, CVPR 2017, theorem 2: its minimiser is that of the
    clean cross-entropy, so the softmax of ``logits`` learns the true classes.

    Args:
        logits: (b, c).
        targets: (b, c) observed, soft or one-hot; a row of zeros counts nothing.
        groups: (b,) int64 rows of ``transitions``.
        transitions: (g, c, c) probability that a crystal of class i (row) carries label j (column).

    Returns:
        Scalar, averaged over the rows that have a label.

    Raises:
        ValueError: if the rows of ``transitions`` are not probabilities.
    """
    if (transitions < 0).any() or not torch.allclose(
        transitions.sum(-1), torch.ones_like(transitions[..., 0])
    ):
        raise ValueError("each row of a transition matrix must be probabilities that sum to one")
    log_noise = transitions.clamp_min(1e-12).log()[groups]
    observed = torch.logsumexp(torch.log_softmax(logits, -1)[:, :, None] + log_noise, dim=1)
    return -(targets * observed).sum() / targets.sum().clamp_min(1.0)


def missed_topology(rates: Tensor, classes: int = 3, missed: int = 1, called: int = 0) -> Tensor:
    """Transition matrices of groups in which some topological insulators are called trivial.

    Args:
        rates: (g,) share of class ``missed`` that carries the label ``called``, within 0–1.
        classes: number of classes; trivial, TI and semimetal in the order of ``CLASSES``.
        missed: class that is overlooked.
        called: label that it carries then.

    Returns:
        (g, c, c); identity but for the missed class.
    """
    matrices = torch.eye(classes, dtype=rates.dtype, device=rates.device).repeat(len(rates), 1, 1)
    matrices[:, missed, missed] = 1.0 - rates
    matrices[:, missed, called] = rates
    return matrices
