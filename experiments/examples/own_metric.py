"""One's own metric without editing the library: rank-biased precision (Moffat & Zobel 2008).

From the folder of this file::

    python -m uniseq.run 'ranking.metrics=[HR,NDCG,{_target_: own_metric.RBP, p: 0.9}]' \
        ranking.monitor=RBP@10

A function of ranks and k that gives each user's gain is enough::

    python -m uniseq.run \
        'ranking.metrics=[NDCG,{_target_: own_metric.precision, _partial_: true}]'
"""

from torch import Tensor


class RBP:
    """What a user gains who goes on from each place to the next with probability p.

    Args:
        p: patience, between 0 and 1.
    """

    name = "RBP"

    def __init__(self, p: float = 0.8) -> None:
        self.p = p

    def __call__(self, ranks: Tensor, k: int) -> Tensor:
        """Gains of ranks, counted from 1, of shape (B,); those below place k count as none."""
        return (1 - self.p) * self.p ** (ranks - 1)


def precision(ranks: Tensor, k: int) -> Tensor:
    """precision@K: the share of the K places that hold the one relevant item."""
    return ranks.new_full(ranks.shape, 1 / k)
