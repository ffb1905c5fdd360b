"""Uniformity objective of Chung & Kim: a recommendation loss and two uniformity regularisers."""

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from uniseq.errors import ConfigError
from uniseq.losses.base import Loss, Triplets, reads_items, reads_owned
from uniseq.losses.gaussian import loss_het, loss_hom

Pairs = Literal["literal", "separate"]


class UniformityLoss(nn.Module):
    """``L = L_rec + β1·L_hom + β2·L_het`` (Chung & Kim).

    L_rec is divided by the number of triplets R as every objective here; the pair terms are sums
    over the pairs of the batch divided by the same R, so that the whole objective is a sum over
    the batch divided by R and β keeps the meaning that the paper gives it at R = 256.

    The pair terms always see unit vectors. Under the dot product the score keeps the raw vectors
    and only the regularisers see normalised copies (row g of the paper's Table 2).

    What L_hom sums over is decided by ``pairs``:

    - ``separate``: unordered pairs x ≠ y within the histories, within the positives and within
      the negatives, each apart. No reading of Eq. 4, as it leaves out the pairs of a positive and a
      negative; the first author's public code has it.
    - ``literal``: Eq. 4 to the letter: ordered pairs, x = y included, within the histories and
      within the item set D_I of positives and negatives together. At the same β it has twice the
      weight on histories and about four times on items.

    Args:
        rec: the recommendation loss, or None for the regularisers alone.
        beta: β, the weight of both regularisers where none of its own is given.
        beta1: β1, the weight of L_hom; 0 leaves L_hom out.
        beta2: β2, the weight of L_het; 0 leaves L_het out.
        t: width of the Gaussian potential.
        pairs: which pairs L_hom sums over.

    Raises:
        ConfigError: on a negative weight, t ≤ 0, or when no term is left.

    In anyone's loop:

    >>> import torch
    >>> from uniseq.losses import BCELoss, Triplets, UniformityLoss
    >>> loss = UniformityLoss(BCELoss(), beta=0.05)
    >>> table = torch.nn.Parameter(torch.eye(4))
    >>> optimizer = torch.optim.SGD([table], lr=0.5)
    >>> i, j = torch.tensor([1, 2]), torch.tensor([[3], [3]])
    >>> for _ in range(3):
    ...     total, terms = loss(Triplets(table[[0, 0]], table[i], table[j], table, i))
    ...     optimizer.zero_grad()
    ...     total.backward()
    ...     optimizer.step()
    ...     print(f"{total.item():.3f}")
    1.439
    1.098
    0.850
    """

    def __init__(
        self,
        rec: Loss | None,
        beta: float = 0.05,
        beta1: float | None = None,
        beta2: float | None = None,
        t: float = 2.0,
        pairs: Pairs = "separate",
    ) -> None:
        super().__init__()
        self.rec = rec
        self.reads_items, self.reads_owned = reads_items(rec), reads_owned(rec)
        self.beta1 = beta if beta1 is None else beta1
        self.beta2 = beta if beta2 is None else beta2
        self.t = t
        self.pairs = pairs
        for key, value in {"beta": beta, "beta1": self.beta1, "beta2": self.beta2}.items():
            if not 0 <= value < math.inf:
                raise ConfigError(key, f"must be 0 or more, not {value}")
        if not 0 < t < math.inf:
            raise ConfigError("t", f"must be positive, not {t}")
        if pairs not in ("literal", "separate"):
            raise ConfigError("pairs", f"must be literal or separate, not {pairs!r}")
        if rec is None and self.beta1 == 0 and self.beta2 == 0:
            raise ConfigError("rec", "is null and both weights are 0: nothing is left to minimise")

    def forward(self, triplets: Triplets) -> tuple[Tensor, dict[str, Tensor]]:
        """The total and its unweighted terms ``rec``, ``hom`` and ``het``, each divided by R."""
        terms: dict[str, Tensor] = {}
        total = triplets.history.new_zeros(())
        if self.rec is not None:
            terms["rec"] = self.rec(triplets)[0]
            total = total + terms["rec"]
        if self.beta1 > 0 or self.beta2 > 0:
            count = len(triplets.history)  # R
            negatives = triplets.negatives.flatten(0, 1)  # (R·K, d)
            history, positive, negatives = (
                vectors if triplets.unit else F.normalize(vectors, dim=-1)
                for vectors in (triplets.history, triplets.positive, negatives)
            )
        if self.beta1 > 0:
            terms["hom"] = self._hom(history, positive, negatives) / count
            total = total + self.beta1 * terms["hom"]
        if self.beta2 > 0:
            terms["het"] = loss_het(history, negatives, self.t) / count
            total = total + self.beta2 * terms["het"]
        return total, terms

    def _hom(self, history: Tensor, positive: Tensor, negatives: Tensor) -> Tensor:
        if self.pairs == "literal":
            items = torch.cat([positive, negatives])
            return loss_hom(history, self.t, unordered=False) + loss_hom(
                items, self.t, unordered=False
            )
        if history.shape == negatives.shape:  # one negative each: the three sets in one pass
            return loss_hom(torch.stack([history, positive, negatives]), self.t)
        return sum(
            (loss_hom(vectors, self.t) for vectors in (history, positive, negatives)),
            start=history.new_zeros(()),
        )
