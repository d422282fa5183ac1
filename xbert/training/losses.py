"""What a topology model is taught by: kinds, which not all sources tell apart, and properties."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from xbert.training.labels import KINDS, OUTPUTS, TopologyLabels
from xbert.training.targets import LATTICE

_INSULATORS = slice(KINDS.index("ti"), KINDS.index("tci") + 1)


def topology_loss(
    labels: TopologyLabels, smoothing: float, device: str
) -> Callable[[dict[str, Tensor], np.ndarray], Tensor]:
    """Return the cross-entropy averaged over all labels that the crystals of a batch have.

    Each source has its own four outputs, so that sources may disagree; a silent source counts nothing. A
    fifth target, "strong or crystalline", is met by the two kinds together. The last four outputs learn the
    consensus.
    """
    targets = torch.from_numpy(labels.with_consensus).to(device)

    def loss(outputs: dict[str, Tensor], rows: np.ndarray) -> Tensor:
        target = targets[torch.from_numpy(rows).to(targets.device)]
        known = target.sum(-1)
        logits = outputs["topology"].view(-1, len(OUTPUTS), len(KINDS))
        kinds = torch.log_softmax(logits, -1)
        either = torch.logsumexp(kinds[..., _INSULATORS], -1, keepdim=True)
        told = -(torch.cat([kinds, either], -1) * target).sum(-1)
        spread = -kinds.mean(-1) * known
        total: Tensor = (1.0 - smoothing) * told + smoothing * spread
        return total.sum() / known.sum().clamp_min(1.0)

    return loss


def masked_error(name: str, output: Tensor, target: Tensor, known: Tensor | None = None) -> Tensor:
    """Return the mean error of a head where its target is known: absolute, Huber's, or cross-entropy.

    Args:
        name: of the head; ``is_metal`` has the cross-entropy, the lattice Huber's error. The absolute error
            of gaps lets a model settle on zero for metals.
        output: (b, size).
        target: (b, size), NaN where it is not known.
        known: (b, size) bool, where it counts; all that is not NaN without it.
    """
    there = ~torch.isnan(target)
    there = there if known is None else there & known
    target = torch.nan_to_num(target)
    if name == "is_metal":
        wrong = F.binary_cross_entropy_with_logits(output, target, reduction="none")
    elif name == LATTICE:
        wrong = F.smooth_l1_loss(output, target, reduction="none")
    else:
        wrong = F.l1_loss(output, target, reduction="none")
    return torch.where(there, wrong, 0.0).sum() / there.sum().clamp_min(1)
