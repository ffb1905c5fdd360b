"""Evaluation: the metrics of ranks, for a model and for rankings without training alike."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from uniseq.ranking.gains import Gain, gains_at
from uniseq.ranking.ranks import Ranks


def evaluate(
    ranks: Ranks, metrics: Mapping[str, Gain], ks: Sequence[int], num_items: int | None = None
) -> dict[str, Tensor]:
    """Each metric at each K under both conventions, in the order of their names.

    Args:
        ranks: of all users, exact down to the largest K.
        metrics: gains by name.
        ks: cut-offs.
        num_items: N, below which no list is long; None where every K is within the catalogue.

    Returns:
        By name, such as ``masked/HR@10``: the mean over users, summed as float64, as a float32
        scalar; not a number when there are no users.
    """
    figures: dict[str, Tensor] = {}
    for history, of_history in (("masked", ranks.masked), ("unmasked", ranks.unmasked)):
        means = {
            f"{name}@{k}": _mean(gains_at(gain, of_history, k, num_items))
            for k in ks
            for name, gain in metrics.items()
        }
        figures |= {f"{history}/{name}": means[name].float() for name in sorted(means)}
    return figures


def _mean(gains: Tensor) -> Tensor:
    total = gains.sum()
    # By a tensor: by a number a GPU would multiply with its rounded reciprocal.
    return total / torch.full_like(total, len(gains))
