"""Users to rank for without a model, and what a slow loop over their items finds."""

import numpy as np

from tests.data.cases import ITEMS, make_sequences, ranking_batches
from tests.references import masked_and_unmasked_rank


def users_to_rank(histories, num_items=ITEMS, max_length=50):
    """One batch of all users, with the last item of each as target."""
    sequences = make_sequences(histories, num_items)
    return ranking_batches(sequences, 1, max_length)[range(len(histories))]


def training(histories):
    """Users and items of the training interactions."""
    parts = [history[:-2] for history in histories]
    users = [user for user, part in enumerate(parts) for _ in part]
    items = [item for part in parts for item in part]
    return np.array(users, dtype=np.int64), np.array(items, dtype=np.int64)


def as_pairs(ranks):
    """(masked, unmasked) of each user."""
    return list(zip(ranks.masked.tolist(), ranks.unmasked.tolist(), strict=True))


def slow_ranks(histories, score, num_items=ITEMS):
    """The pairs of ``score(history before the target, item)``."""
    return [
        masked_and_unmasked_rank(
            [score(history[:-1], item) for item in range(num_items)],
            history[-1],
            set(history[:-1]),
        )
        for history in histories
    ]
