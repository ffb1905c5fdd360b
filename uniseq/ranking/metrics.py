"""Ranking metrics with one relevant item a user, as torchmetrics over ranks."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from uniseq.errors import require_positive
from uniseq.ranking.gains import DEFAULT, Gain, by_name, discounted, gains_at, hit, reciprocal


class MeanGain(Metric):
    """The mean over users of a gain that depends on the target's rank alone.

    Args:
        k: length of the recommendation list; targets below it gain nothing.
        gain: gain of ranks, counted from 1, at K. Shape (B,) float64 to the same shape.

    Raises:
        ConfigError: when k is not positive.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    users: Tensor

    def __init__(self, k: int, gain: Gain) -> None:
        super().__init__()
        require_positive(k=k)
        self.k = k
        self.gain = gain
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("users", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, ranks: Tensor) -> None:
        """Add users by the ranks of their targets, counted from 1. Shape (B,)."""
        self.total += gains_at(self.gain, ranks, self.k).sum()
        self.users += len(ranks)

    def compute(self) -> Tensor:
        """The mean over all users so far; not a number when there are none."""
        return self.total / self.users


class HitRate(MeanGain):
    """HR@K: the share of users whose target is among the first K. Equals recall@K here."""

    def __init__(self, k: int) -> None:
        super().__init__(k, hit)


class NDCG(MeanGain):
    """NDCG@K: 1 / log2(rank + 1) for a target among the first K."""

    def __init__(self, k: int) -> None:
        super().__init__(k, discounted)


class MRR(MeanGain):
    """MRR@K: 1 / rank for a target among the first K. Equals MAP@K here."""

    def __init__(self, k: int) -> None:
        super().__init__(k, reciprocal)


def ranking_metrics(
    ks: Iterable[int], prefix: str = "", metrics: Sequence[str | Gain] = DEFAULT
) -> MetricCollection:
    """Metrics at each K, named like ``HR@10``.

    Args:
        ks: cut-offs.
        prefix: of the names.
        metrics: their names, or gains of one's own.

    Raises:
        ConfigError: for a K that is not positive or a metric that there is not.
    """
    gains = by_name(metrics)
    found: dict[str, Metric | MetricCollection] = {
        f"{name}@{k}": MeanGain(k, gain) for k in ks for name, gain in gains.items()
    }
    return MetricCollection(found, prefix=prefix, compute_groups=False)
