"""Norms: whether popular items have longer vectors."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class NormStatistics:
    """Norms of items before any normalisation, beside their popularity.

    Args:
        mean: of the norms.
        std: of the norms, divided by their number.
        by_popularity: mean norm in each of ten groups of items of equal size, the least popular
            first. Items of the same popularity are taken in the order of their rows.
        popularity: mean popularity in each of these groups.
        spearman: rank correlation of norm and popularity, equal values at their mean rank; it is
            the same for the logarithm of the popularity. None when either is constant.
    """

    mean: float
    std: float
    by_popularity: list[float]
    popularity: list[float]
    spearman: float | None


@torch.no_grad()
def norm_statistics(vectors: Tensor, popularity: Tensor, groups: int = 10) -> NormStatistics | None:
    """Norms by popularity.

    Args:
        vectors: of the items, as they are trained. Shape (N, d).
        popularity: of each item. Shape (N,).
        groups: groups of items; one an item where there are fewer items.

    Returns:
        None when there is no item.
    """
    if not len(vectors):
        return None
    norms, popularity = vectors.double().norm(dim=-1), popularity.double()  # (N,), (N,)
    parts = popularity.argsort(stable=True).tensor_split(min(groups, len(norms)))
    return NormStatistics(
        mean=float(norms.mean()),
        std=float(norms.std(correction=0)),
        by_popularity=[float(norms[part].mean()) for part in parts],
        popularity=[float(popularity[part].mean()) for part in parts],
        spearman=_correlation(_mean_ranks(norms), _mean_ranks(popularity)),
    )


def _mean_ranks(values: Tensor) -> Tensor:
    """Ranks from 1, equal values at the mean of their ranks. Shape (n,), float64."""
    _, inverse, counts = values.unique(return_inverse=True, return_counts=True)
    ranks: Tensor = counts.cumsum(0) - (counts - 1) / 2.0
    return ranks.double()[inverse]


def _correlation(x: Tensor, y: Tensor) -> float | None:
    x, y = x - x.mean(), y - y.mean()
    scale = float(x.norm() * y.norm())
    return float(x @ y) / scale if scale > 0 else None
