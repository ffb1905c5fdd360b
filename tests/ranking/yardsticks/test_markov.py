from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given

from tests.data.cases import ITEMS, history_lists
from tests.ranking.cases import as_pairs, slow_ranks, training, users_to_rank
from uniseq.ranking.yardsticks import Markov

# Training: 0 → 1 three times, 0 → 2 twice, 0 → 3 once, 4 → 4 once. Popularity:
# item 0 six, 1 four, 2 three, 3 one, 4 two, 5 one, 6, 7 and 8 none.
TRAINING = [[0, 1], [0, 1], [0, 1], [0, 2], [0, 2], [0, 3], [4, 4], [1], [2], [5]]


def chain(histories):
    return Markov(*training(histories), ITEMS)


def transition(histories):
    """The docstring's formula, in fractions."""
    parts = [history[:-2] for history in histories]
    pairs = [pair for part in parts for pair in pairwise(part)]
    items = [item for part in parts for item in part]
    most = max((items.count(item) for item in items), default=0)

    def score(history, item):
        return pairs.count((history[-1], item)) + Fraction(items.count(item), 1 + most)

    return score


@pytest.mark.parametrize(
    ("last", "target", "masked", "unmasked"),
    [
        (0, 1, 1, 1),
        (0, 2, 2, 2),
        (0, 3, 3, 3),  # followed once: above item 0, six times as popular
        (0, 0, 10, 4),  # the most popular of those that never followed
        (0, 4, 4, 5),  # and the next
        (0, 7, 8, 9),  # items 6, 7 and 8 are in no training history and tie
        (4, 4, 10, 1),  # followed itself
        (5, 0, 1, 1),  # nothing followed item 5: popularity
        (8, 1, 2, 2),  # item 8 is unknown to training: popularity
    ],
)
def test_ranks_by_hand(last, target, masked, unmasked):
    train = [[*part, 7, 7] for part in TRAINING]
    found = chain(train).rank(users_to_rank([[last, target]]))
    assert as_pairs(found) == [(masked, unmasked)]


def test_equal_counts_are_ordered_by_popularity_and_then_tie():
    # After 0 came 1, 2 and 3, once each; 3 was taken once more, and 1 and 2 tie.
    train = [[0, 1, 8, 8], [0, 2, 8, 8], [0, 3, 8, 8], [3, 8, 8]]
    batch = users_to_rank([[0, 3], [0, 1], [0, 2]])
    assert chain(train).rank(batch).unmasked.tolist() == [1, 3, 3]


def test_one_users_end_and_the_next_ones_begin_are_no_transition():
    # 1 → 2 lies across users, and across the held-out items within the first user.
    train = [[0, 1, 2, 3], [2, 3, 4, 5], [3, 0, 0]]
    assert chain(train).rank(users_to_rank([[1, 2]])).unmasked.tolist() == [4]


def test_counts_far_beyond_float32_keep_their_order():
    # 0 → 1 a million times, 0 → 2 as often, and item 2 once more elsewhere.
    items = np.tile([0, 1, 0, 2], 10**6)
    users = np.repeat(np.arange(2 * 10**6), 2)
    chain = Markov(np.append(users, 2 * 10**6), np.append(items, 2), 3)
    assert chain.rank(users_to_rank([[0, 1], [0, 2]], 3)).unmasked.tolist() == [2, 1]


@given(history_lists)
def test_agrees_with_a_slow_loop(histories):
    found = chain(histories).rank(users_to_rank(histories))
    assert as_pairs(found) == slow_ranks(histories, transition(histories))


@given(history_lists)
def test_counting_after_the_items_that_end_a_history_is_enough(histories):
    lasts = np.zeros(ITEMS, dtype=bool)
    lasts[[history[-2] for history in histories]] = True
    users = users_to_rank(histories)
    some = Markov(*training(histories), ITEMS, lasts)
    assert as_pairs(some.rank(users)) == as_pairs(chain(histories).rank(users))
    assert some._transitions[~lasts].nnz == 0
