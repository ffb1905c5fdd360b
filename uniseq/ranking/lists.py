"""Recommendation lists: how much of the catalogue they hold, and how popular it is anyway."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from uniseq.precision import at_least_float32, without_autocast

# Histories and items scored at a time: 2 MiB of scores, so that a CPU selects in its cache; 16 MiB
# take nearly three times as long a score.
USERS = 256
ITEMS = 2048
HEAD = 0.1


@dataclass(frozen=True, slots=True)
class ListStatistics:
    """Where the places of all lists go.

    Args:
        coverage: share of the catalogue that stands in at least one list.
        gini: coefficient of the places of each item of the catalogue: 0 when all items have the
            same number, 1 - 1/N when one item has all.
        head: share of the places that the most popular tenth of the items has.
        head_before: share of the histories' items, each once a user, that are in that tenth.
        popularity: mean over lists of the mean popularity of their items.
        popularity_before: mean over histories of the mean popularity of their items.
        lift: ratio of the two, 1 when lists are as popular as histories. It is 1 + ΔGAP, the
            group average popularity of Abdollahpouri et al. (2019) with all users one group.
    """

    coverage: float
    gini: float
    head: float
    head_before: float
    popularity: float
    popularity_before: float
    lift: float


@torch.no_grad()
def top_items(
    histories: Tensor,
    items: Tensor,
    k: int,
    seen_rows: Tensor,
    seen_items: Tensor,
    chunk: int = ITEMS,
) -> Tensor:
    """The k items of the highest inner product with each history, without those it has had.

    Args:
        histories: vectors in score space. Shape (B, d).
        items: vectors of all items in score space. Shape (N, d).
        k: length of a list.
        seen_rows: history of each seen item. Shape (S,).
        seen_items: items of the users' histories. Shape (S,).
        chunk: items scored at a time. Which of several items of the very same score come first
            may depend on it.

    Returns:
        Items, best first; -1 fills a list for which no k items are left. Shape (B, k).
    """
    histories, items = at_least_float32(histories), at_least_float32(items)
    lists = torch.full((len(histories), k), -1, device=histories.device)
    for start in range(0, len(histories), USERS):
        mine = (seen_rows >= start) & (seen_rows < start + USERS)
        best = _best(
            histories[start : start + USERS],
            items,
            k,
            seen_rows[mine] - start,
            seen_items[mine],
            chunk,
        )
        lists[start : start + USERS, : best.shape[1]] = best
    return lists


def _best(
    histories: Tensor, items: Tensor, k: int, seen_rows: Tensor, seen_items: Tensor, chunk: int
) -> Tensor:
    """Shape (B, min(k, N))."""
    scores = histories.new_empty(len(histories), 0)
    ids = seen_items.new_empty(len(histories), 0)
    for first in range(0, len(items), chunk):
        with without_autocast(histories):
            new = histories @ items[first : first + chunk].T  # (B, ≤ chunk)
        here = (seen_items >= first) & (seen_items < first + chunk)
        new[seen_rows[here], seen_items[here] - first] = -math.inf
        new_ids = torch.arange(first, first + new.shape[1], device=ids.device).expand_as(new)
        scores, ids = torch.cat([scores, new], 1), torch.cat([ids, new_ids], 1)
        scores, places = scores.topk(min(k, scores.shape[1]))  # (B, ≤ k)
        ids = ids.gather(1, places)
    return ids.masked_fill(scores == -math.inf, -1)


@torch.no_grad()
def list_statistics(
    lists: Tensor, popularity: Tensor, seen_rows: Tensor, seen_items: Tensor
) -> ListStatistics | None:
    """Coverage, concentration and popularity of recommendation lists.

    Args:
        lists: items recommended to each user; -1 is an empty place. Shape (B, k).
        popularity: of each item, such as the number of users that have had it. Shape (N,).
        seen_rows: user of each seen item. Shape (S,).
        seen_items: items of the users' histories, each once a user. Shape (S,).

    Returns:
        None when all lists are empty, or nothing was seen or is popular.
    """
    # On the host: a GPU adds in an order that changes from call to call.
    lists, seen_rows, seen_items = lists.cpu(), seen_rows.cpu(), seen_items.cpu()
    popularity = popularity.cpu().double()
    filled = lists >= 0
    rows, _ = torch.where(filled)
    places = torch.bincount(lists[filled], minlength=len(popularity)).double()  # (N,)
    before = _mean_by_row(popularity, seen_rows, seen_items)
    if not len(rows) or before is None or before == 0:
        return None
    recommended = _mean_by_row(popularity, rows, lists[filled])
    assert recommended is not None  # there are filled places
    head = popularity.argsort(descending=True, stable=True)[: math.ceil(HEAD * len(popularity))]
    seen = torch.bincount(seen_items, minlength=len(popularity)).double()
    return ListStatistics(
        coverage=float((places > 0).double().mean()),
        gini=_gini(places),
        head=float(places[head].sum() / places.sum()),
        head_before=float(seen[head].sum() / seen.sum()),
        popularity=recommended,
        popularity_before=before,
        lift=recommended / before,
    )


def _mean_by_row(values: Tensor, rows: Tensor, items: Tensor) -> float | None:
    """Mean over rows of the mean of ``values[items]`` in each; rows without an item do not count.

    None when no row has an item.
    """
    if not len(rows):
        return None
    sums = torch.bincount(rows, weights=values[items])
    counts = torch.bincount(rows)
    return float((sums / counts)[counts > 0].mean())


def _gini(counts: Tensor) -> float:
    """Σ_i (2i - N - 1)·x_i / (N·Σ x), x ascending, i from 1."""
    n = len(counts)
    weights = 2 * torch.arange(1, n + 1, device=counts.device) - n - 1
    return float((weights * counts.sort().values).sum() / (n * counts.sum()))
