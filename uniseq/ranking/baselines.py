"""Rankings that need no training, through the same counting as a model's."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from uniseq.batch import RankingBatch
from uniseq.ranking.ranks import Ranks, join_ranks, rank_targets


def popularity(items: np.ndarray, num_items: int) -> Tensor:
    """Interactions of each item. Shape (N,), float64.

    Args:
        items: item rows of all training interactions. Shape (M,).
        num_items: N.
    """
    return torch.from_numpy(np.bincount(items, minlength=num_items).astype(np.float64))


def rank_by_popularity(batches: Iterable[RankingBatch], counts: Tensor) -> Ranks:
    """Rank all targets by one score for everybody.

    Args:
        batches: the users.
        counts: score of each item. Shape (N,).
    """
    parts = []
    for batch in batches:
        targets = batch.sequences.targets
        same = counts.new_ones(len(targets), 1)
        parts.append(
            rank_targets(same, counts[:, None], targets, batch.seen_rows, batch.seen_items)
        )
    return join_ranks(parts)
