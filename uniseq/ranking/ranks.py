"""Ranks of targets among all items, without ever holding a user × item matrix."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from uniseq.precision import at_least_float32, without_autocast

# Users and items scored at a time: 2 MiB of scores, so that a CPU counts them while they are in
# its cache. It is most of the difference to scoring all items at once.
USERS = 1024
ITEMS = 512


@dataclass(frozen=True, slots=True)
class Ranks:
    """Ranks of the targets, 1 for the best item; both conventions from one pass.

    Where only ranks up to some depth were asked for, those beyond it are upper bounds beyond it.

    Args:
        masked: rank among the items that the user has not had. A target that the user has had
            cannot be recommended under this convention: its rank is N + 1, below every item.
            Shape (B,).
        unmasked: rank among all items. Shape (B,).
    """

    masked: Tensor
    unmasked: Tensor


def join_ranks(parts: Sequence[Ranks]) -> Ranks:
    """The ranks of several batches of users as one."""
    return Ranks(
        masked=torch.cat([part.masked for part in parts]),
        unmasked=torch.cat([part.unmasked for part in parts]),
    )


@torch.no_grad()
def rank_targets(
    histories: Tensor,
    items: Tensor,
    targets: Tensor,
    seen_rows: Tensor,
    seen_items: Tensor,
    depth: int | None = None,
) -> Ranks:
    """Rank each history's target by inner product with all items.

    A tie counts against the target, and so does a score within the rounding error of a matrix
    product below it, and one that is not a number: a model that scores all items alike, or has
    diverged, ranks every target last. Counts in float32 or float64, whatever the type of the
    vectors.

    Args:
        histories: vectors in score space. Shape (B, d).
        items: vectors of all items in score space. Shape (N, d).
        targets: item of each history. Shape (B,).
        seen_rows: history of each seen item. Shape (S,).
        seen_items: items of the users' histories; one that stands there twice counts once.
            Shape (S,).
        depth: how deep ranks must be exact, or None for all. A history is left alone as soon as
            more items than that are known to beat its target, its seen items aside; its ranks
            are then upper bounds, greater than ``depth`` both. Metrics at K ≤ ``depth`` are
            exact, at a fraction of the matrix products.
    """
    seen_rows, seen_items = _once(seen_rows, seen_items, len(items))
    histories, items = at_least_float32(histories), at_least_float32(items)
    with without_autocast(histories):
        target_vectors = items[targets]  # (B, d)
        scores = (histories * target_vectors).sum(-1)  # (B,)
        scale = histories.norm(dim=-1) * target_vectors.norm(dim=-1)
        threshold = scores - 4 * torch.finfo(scores.dtype).eps * scale  # (B,)
        allowed = None
        if depth is not None:
            seen = torch.zeros_like(targets).index_add_(0, seen_rows, torch.ones_like(seen_rows))
            allowed = seen.add_(depth)  # (B,)
        below = torch.zeros_like(threshold)
        for start in range(0, len(histories), USERS):
            rows = slice(start, start + USERS)
            below[rows] = _count_below(
                histories[rows], items, threshold[rows], None if allowed is None else allowed[rows]
            )
        owners, owned = seen_rows, seen_items
        if allowed is not None:
            # What masking hides matters only to the histories that were counted to the end.
            counted = (len(items) - below <= allowed)[owners]
            owners, owned = owners[counted], owned[counted]
        seen_scores = (histories[owners] * items[owned]).sum(-1)  # (≤ S,)
    hides = ~(seen_scores < threshold[owners])
    hidden = torch.zeros_like(targets).index_add_(0, owners, hides.long())
    return ranks_from_counts(below, hidden, targets, seen_rows, seen_items, len(items))


def _count_below(
    histories: Tensor, items: Tensor, threshold: Tensor, allowed: Tensor | None
) -> Tensor:
    """Items that score below each threshold, (B,); of those not below at most ``allowed`` matter.

    Histories that exceed it are dropped after 512, 1024, 2048, … items, before which the rest of
    them count as not below.
    """
    below = torch.zeros_like(threshold)
    rows = torch.arange(len(threshold), device=threshold.device)
    done, stage = 0, ITEMS if allowed is not None else len(items)
    while True:
        counts = torch.zeros_like(threshold)
        for first in range(done, min(stage, len(items)), ITEMS):
            chunk = histories @ items[first : min(first + ITEMS, stage)].T
            # In place and summed as numbers: several times faster than through booleans.
            counts += chunk.lt_(threshold[:, None]).sum(-1)
        below.index_add_(0, rows, counts)
        done, stage = stage, 2 * stage
        if allowed is None or done >= len(items):
            return below
        (kept,) = torch.where(done - below.index_select(0, rows) <= allowed)
        rows, allowed = rows.index_select(0, kept), allowed.index_select(0, kept)
        histories, threshold = histories.index_select(0, kept), threshold.index_select(0, kept)


@torch.no_grad()
def rank_scores(scores: Tensor, targets: Tensor, seen_rows: Tensor, seen_items: Tensor) -> Ranks:
    """Rank each user's target by given scores; ties count against it.

    Args:
        scores: of all items for each user. Shape (B, N).
        targets: item of each user. Shape (B,).
        seen_rows: user of each seen item. Shape (S,).
        seen_items: items of the users' histories; one that stands there twice counts once.
            Shape (S,).
    """
    seen_rows, seen_items = _once(seen_rows, seen_items, scores.shape[1])
    threshold = scores.gather(1, targets[:, None])  # (B, 1)
    below = (scores < threshold).sum(-1)
    hides = ~(scores[seen_rows, seen_items] < threshold[seen_rows, 0])
    hidden = torch.zeros_like(targets).index_add_(0, seen_rows, hides.long())
    return ranks_from_counts(below, hidden, targets, seen_rows, seen_items, scores.shape[1])


def _once(rows: Tensor, items: Tensor, num_items: int) -> tuple[Tensor, Tensor]:
    """Each pair of row and item once; a batch of the data module has them so already."""
    pairs = rows * num_items + items
    if (pairs[1:] > pairs[:-1]).all():
        return rows, items
    pairs = pairs.unique()
    return pairs // num_items, pairs % num_items


def ranks_from_counts(
    below: Tensor,
    hidden: Tensor,
    targets: Tensor,
    seen_rows: Tensor,
    seen_items: Tensor,
    num_items: int,
) -> Ranks:
    """Ranks from the number of items below the target, and of seen items that are not below it.

    Counting what is below, not what is above, puts a target last whose score is not a number.
    """
    unmasked = (num_items - below.long()).clamp_min_(1)
    is_target = seen_items == targets[seen_rows]
    repeated = torch.zeros_like(unmasked).index_add_(0, seen_rows, is_target.long()).bool()
    masked = (unmasked - hidden).clamp_min_(1).masked_fill_(repeated, num_items + 1)
    return Ranks(masked=masked, unmasked=unmasked)
