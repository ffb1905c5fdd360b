"""InfoNCE: contrastive cross-entropy over in-batch and sampled negatives."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniseq.errors import ConfigError
from uniseq.losses.base import Triplets
from uniseq.precision import at_least_float32, without_autocast


def loss_infonce(logits: Tensor, labels: Tensor) -> Tensor:
    """InfoNCE of van den Oord et al. (2018, Eq. 4): the log-likelihood of the positive.

    ``-(1/R) · Σ_r log( exp(s_r,l(r)) / Σ_c exp(s_rc) )``: a sum over triplets divided by their
    number R.

    Args:
        logits: scores over the temperature; minus infinity leaves a candidate out. Shape (R, C).
        labels: column of each positive. Shape (R,).

    Returns:
        A scalar.
    """
    return F.cross_entropy(logits, labels)


class InfoNCELoss(nn.Module):
    """L_rec as a softmax over the positive, the sampled and the batch's other positives.

    ``s_rc = h'_r · i'_c / τ``. A triplet's negatives are its K sampled items and, with
    ``in_batch``, the positives of the other triplets, drawn thus in proportion to popularity (no
    correction is made for it). Some of these are false negatives; ``mask`` says which are left
    out:

    - ``none``: none, as SimCLR (Chen et al. 2020) on distinct images.
    - ``item``: those that are the triplet's own positive item.
    - ``user``: those that are any item of the triplet's user, held-out ones included, which is
      what sampled negatives leave out too.

    Args:
        temperature: τ. Cosines lie within ±1 and need a small one, dot products find their scale.
        in_batch: whether the other positives of the batch are negatives.
        mask: which in-batch false negatives are left out.

    Raises:
        ConfigError: when the temperature is not positive or ``mask`` is none of the three.
    """

    reads_items = False

    def __init__(
        self,
        temperature: float = 0.1,
        in_batch: bool = True,
        mask: Literal["none", "item", "user"] = "item",
    ) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise ConfigError("temperature", f"must be positive, not {temperature}")
        if mask not in ("none", "item", "user"):
            raise ConfigError("mask", f"must be none, item or user, not {mask!r}")
        self.temperature = temperature
        self.in_batch = in_batch
        self.mask = mask
        self.reads_owned = in_batch and mask == "user"

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and itself as the term ``rec``.

        Raises:
            ValueError: when the users' items are to be masked and the triplets do not tell them.
        """
        positive, sampled = triplets.scores()
        if self.in_batch:
            logits = torch.cat([self._batch_scores(triplets), sampled], 1)  # (R, R + K)
            labels = torch.arange(len(logits), device=logits.device)
        else:
            logits = torch.cat([positive[:, None], sampled], 1)  # (R, 1 + K)
            labels = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
        rec = loss_infonce(logits / self.temperature, labels)
        return rec, {"rec": rec}

    def _batch_scores(self, triplets: Triplets) -> Tensor:
        """Scores of every history with every positive, false negatives left out. Shape (R, R)."""
        history, positive = map(at_least_float32, (triplets.history, triplets.positive))
        with without_autocast(history):
            products = history @ positive.mT
        if self.mask == "none":
            return products
        if self.mask == "item":
            false = triplets.targets[:, None] == triplets.targets
        elif triplets.owned is None:
            raise ValueError("mask=user needs Triplets.owned: which positives each user has")
        else:
            false = triplets.owned
        return products.masked_fill(false.clone().fill_diagonal_(False), -math.inf)
