"""Ranking metrics with one relevant item a user, as torchmetrics over ranks."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torchmetrics import Metric, MetricCollection

from uniseq.errors import require_positive


class MeanGain(Metric):
    """The mean over users of a gain that depends on the target's rank alone.

    Args:
        k: length of the recommendation list; targets below it gain nothing.
        gain: gain of ranks, counted from 1. Shape (B,) float64 to the same shape.
        gathered: whether a process is given the ranks of all; else their sums are added up.

    Raises:
        ConfigError: when k is not positive.
    """

    full_state_update = False
    higher_is_better = True
    total: Tensor
    users: Tensor

    def __init__(self, k: int, gain: Callable[[Tensor], Tensor], gathered: bool = False) -> None:
        super().__init__(sync_on_compute=not gathered)
        require_positive(k=k)
        self.k = k
        self.gain = gain
        self.add_state("total", torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("users", torch.zeros((), dtype=torch.long), dist_reduce_fx="sum")

    def update(self, ranks: Tensor) -> None:
        """Add users by the ranks of their targets, counted from 1. Shape (B,)."""
        self.total += torch.where(ranks <= self.k, self.gain(ranks.double()), 0.0).sum()
        self.users += len(ranks)

    def compute(self) -> Tensor:
        """The mean over all users so far; not a number when there are none."""
        return self.total / self.users


class HitRate(MeanGain):
    """HR@K: the share of users whose target is among the first K. Equals recall@K here."""

    def __init__(self, k: int, gathered: bool = False) -> None:
        super().__init__(k, torch.ones_like, gathered)


class NDCG(MeanGain):
    """NDCG@K: 1 / log2(rank + 1) for a target among the first K (Järvelin & Kekäläinen 2002).

    With one relevant item the ideal gain is 1, so that DCG and NDCG are the same.
    """

    def __init__(self, k: int, gathered: bool = False) -> None:
        super().__init__(k, _discount, gathered)


class MRR(MeanGain):
    """MRR@K: 1 / rank for a target among the first K."""

    def __init__(self, k: int, gathered: bool = False) -> None:
        super().__init__(k, torch.reciprocal, gathered)


def _discount(ranks: Tensor) -> Tensor:
    return 1.0 / torch.log2(ranks + 1.0)


METRICS = {"HR": HitRate, "NDCG": NDCG, "MRR": MRR}


def ranking_metrics(
    ks: Iterable[int], prefix: str = "", *, gathered: bool = False
) -> MetricCollection:
    """HR, NDCG and MRR at each K, named like ``HR@10``.

    Args:
        ks: cut-offs.
        prefix: of the names.
        gathered: whether a process is given the ranks of all, so that none waits for another's.
    """
    metrics: dict[str, Metric | MetricCollection] = {
        f"{name}@{k}": metric(k, gathered) for k in ks for name, metric in METRICS.items()
    }
    return MetricCollection(metrics, prefix=prefix, compute_groups=False)
