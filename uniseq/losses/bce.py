"""Pointwise binary cross-entropy."""

import torch.nn.functional as F
from torch import Tensor, nn

from uniseq.losses.base import Triplets


def loss_bce(positive: Tensor, negatives: Tensor) -> Tensor:
    """Binary cross-entropy of positives against negatives, L_rec of Chung & Kim.

    ``-(1/R) · Σ_r [ log σ(s_ri) + Σ_k log σ(-s_rjk) ]``: a sum over triplets and their
    negatives, divided by the number of triplets R.

    Args:
        positive: scores of the positives. Shape (R,).
        negatives: scores of the negatives. Shape (R, K).

    Returns:
        A scalar.
    """
    total = F.softplus(-positive).sum() + F.softplus(negatives).sum()
    return total / len(positive)


class BCELoss(nn.Module):
    """L_rec as pointwise binary cross-entropy, see :func:`loss_bce`."""

    reads_items = False
    reads_owned = False

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and itself as the term ``rec``."""
        rec = loss_bce(*triplets.scores())
        return rec, {"rec": rec}
