"""Bayesian personalised ranking."""

import torch.nn.functional as F
from torch import Tensor, nn

from uniseq.losses.base import Triplets


def loss_bpr(positive: Tensor, negatives: Tensor) -> Tensor:
    """Pairwise log-likelihood of Rendle et al. (UAI 2009), without its regulariser.

    ``-(1/R) · Σ_r Σ_k log σ(s_ri - s_rjk)``: a sum over pairs, divided by the number of
    triplets R.

    Args:
        positive: scores of the positives. Shape (R,).
        negatives: scores of the negatives. Shape (R, K).

    Returns:
        A scalar.
    """
    return F.softplus(negatives - positive[:, None]).sum() / len(positive)


class BPRLoss(nn.Module):
    """L_rec as pairwise ranking, see :func:`loss_bpr`."""

    reads_items = False
    reads_owned = False

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and itself as the term ``rec``."""
        rec = loss_bpr(*triplets.scores())
        return rec, {"rec": rec}
