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
        num_items: N; a target that masking hides has rank N + 1, a miss also at a K above N. None
            where K is within the catalogue.

    Raises:
        ConfigError: when k is not positive.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    users: Tensor

    def __init__(self, k: int, gain: Gain, num_items: int | None = None) -> None:
        super().__init__()
        require_positive(k=k)
        self.k = k
        self.gain = gain
        self.num_items = num_items
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("users", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, ranks: Tensor) -> None:
        """Add users by the ranks of their targets, counted from 1. Shape (B,)."""
        self.total += gains_at(self.gain, ranks, self.k, self.num_items).sum()
        self.users += len(ranks)

    def compute(self) -> Tensor:
        """The mean over all users so far; not a number when there are none."""
        return self.total / self.users


class HitRate(MeanGain):
    """HR@K: the share of users whose target is among the first K. Equals recall@K here."""

    def __init__(self, k: int, num_items: int | None = None) -> None:
        super().__init__(k, hit, num_items)


class NDCG(MeanGain):
    """NDCG@K: 1 / log2(rank + 1) for a target among the first K."""

    def __init__(self, k: int, num_items: int | None = None) -> None:
        super().__init__(k, discounted, num_items)


class MRR(MeanGain):
    """MRR@K: 1 / rank for a target among the first K. Equals MAP@K here."""

    def __init__(self, k: int, num_items: int | None = None) -> None:
        super().__init__(k, reciprocal, num_items)


def ranking_metrics(
    ks: Iterable[int],
    prefix: str = "",
    metrics: Sequence[str | Gain] = DEFAULT,
    num_items: int | None = None,
) -> MetricCollection:
    """Metrics at each K, named like ``HR@10``.

    Args:
        ks: cut-offs.
        prefix: of the names.
        metrics: their names, or gains of one's own.
        num_items: N; None where every K is within the catalogue.

    Raises:
        ConfigError: for a K that is not positive or a metric that there is not.
    """
    gains = by_name(metrics)
    found: dict[str, Metric | MetricCollection] = {
        f"{name}@{k}": MeanGain(k, gain, num_items) for k in ks for name, gain in gains.items()
    }
    return MetricCollection(found, prefix=prefix, compute_groups=False)
