"""Slow, obvious twins of the code under test: plain loops over plain lists, in float64."""

import math
from itertools import pairwise

import numpy as np

# --- data -----------------------------------------------------------------------------------


def prefix_samples(histories, max_length):
    """(user, history, target) of each prefix of each training part."""
    samples = []
    for user, history in enumerate(histories):
        training = history[:-2]
        for end in range(1, len(training)):
            samples.append((user, training[max(0, end - max_length) : end], training[end]))
    return samples


def whole_samples(histories, max_length):
    """(user, history, next item of each of its positions) of each user with such a position."""
    samples = []
    for user, history in enumerate(histories):
        training = history[:-2]
        pairs = [(training[t], training[t + 1]) for t in range(len(training) - 1)][-max_length:]
        if pairs:
            samples.append((user, [item for item, _ in pairs], [target for _, target in pairs]))
    return samples


def ranking_samples(histories, held_out, max_length):
    """(history, target, seen items) of each user; ``held_out`` 2 for validation, 1 for test."""
    samples = []
    for history in histories:
        before = history[: len(history) - held_out]
        samples.append((before[-max_length:], history[len(history) - held_out], set(before)))
    return samples


def batch_histories(batch):
    """The histories of a training or ranking batch as lists."""
    ends = batch.histories.offsets.tolist()
    items = batch.histories.items.tolist()
    return [items[start:end] for start, end in pairwise(ends)]


def next_item_probabilities(history, popularity, cluster, successors):
    """The formula in the docstring of ``Synthetic``, item by item."""
    last, before = history[-1], history[-2] if len(history) > 1 else history[-1]
    halves = [0.5**position for position in range(len(successors[0]))]

    def succ(item, given):
        return sum(
            half / sum(halves)
            for half, successor in zip(halves, successors[given], strict=True)
            if successor == item
        )

    in_cluster = sum(p for p, c in zip(popularity, cluster, strict=True) if c == cluster[last])
    weights = []
    for item, share in enumerate(popularity):
        own = share / in_cluster if cluster[item] == cluster[last] else 0.0
        q = 0.45 * succ(item, last) + 0.15 * succ(item, before) + 0.25 * own + 0.15 * share
        weights.append(0.0 if item in history else q)
    return [weight / sum(weights) for weight in weights]


# --- ranking --------------------------------------------------------------------------------


def inner_products(histories, items):
    """Scores of all items for each history."""
    return [
        [sum(float(x) * float(y) for x, y in zip(h, i, strict=True)) for i in items]
        for h in histories
    ]


def masked_and_unmasked_rank(scores, target, seen):
    """The rank of one user's target: how many candidates score no less than it does."""
    at_least = [item for item, score in enumerate(scores) if score >= scores[target]]
    if target in seen:
        return len(scores) + 1, len(at_least)
    return len([item for item in at_least if item not in seen]), len(at_least)


def metric_values(ranks, k):
    """HR, NDCG, MRR, recall and MAP at k of ranks counted from 1, by what they mean for a list."""
    hits = [rank for rank in ranks if rank <= k]
    lists = [[place == rank for place in range(1, k + 1)] for rank in ranks]
    return {
        f"HR@{k}": len(hits) / len(ranks),
        f"NDCG@{k}": math.fsum(math.log(2) / math.log(rank + 1) for rank in hits) / len(ranks),
        f"MRR@{k}": math.fsum(1 / rank for rank in hits) / len(ranks),
        f"Recall@{k}": math.fsum(sum(relevant) / 1 for relevant in lists) / len(ranks),
        f"MAP@{k}": math.fsum(map(_average_precision, lists)) / len(ranks),
    }


def _average_precision(relevant):
    """The mean over the one relevant item of the precision at its place; 0 where it is missing."""
    precisions = [
        sum(relevant[: place + 1]) / (place + 1) for place, here in enumerate(relevant) if here
    ]
    return sum(precisions) / 1


# --- inputs both need -----------------------------------------------------------------------


def flat_and_offsets(histories):
    """Histories end to end, and where each begins and ends."""
    flat = [item for history in histories for item in history]
    offsets = [0]
    for history in histories:
        offsets.append(offsets[-1] + len(history))
    return np.array(flat, dtype=np.int32), np.array(offsets)
