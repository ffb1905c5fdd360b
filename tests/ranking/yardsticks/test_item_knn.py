import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.cases import ITEMS, history_lists
from tests.ranking.cases import as_pairs, slow_ranks, training, users_to_rank
from uniseq.errors import ConfigError
from uniseq.ranking.yardsticks import ItemKNN, item_knn


def knn(histories, neighbours=100, num_items=ITEMS):
    return ItemKNN(*training(histories), num_items, neighbours)


def votes(histories, neighbours, num_items=ITEMS):
    """The docstring's formula with sets, in multiples of the grain."""
    users = [
        {user for user, history in enumerate(histories) if item in history[:-2]}
        for item in range(num_items)
    ]

    def similarity(j, i):
        both = len(users[j] & users[i])
        if i == j or not both:
            return 0
        return round(both / math.sqrt(len(users[j]) * len(users[i])) * 2**40)

    def vote(j, i):
        ordered = sorted((similarity(j, other) for other in range(num_items)), reverse=True)
        least = ordered[min(neighbours, num_items) - 1]
        return similarity(j, i) if similarity(j, i) >= least else 0

    return lambda history, item: sum(vote(j, item) for j in set(history))


# Users of item 0: a b c d; of 1: a b; of 2: a b c d; of 3: a; of 4: e; of 5: e. Item 1 was had
# twice by b, which counts once. Nobody trains on 6, 7 and 8.
HELD_OUT = [7, 8]
HISTORIES = [
    [0, 1, 2, 3, *HELD_OUT],
    [0, 1, 1, 2, *HELD_OUT],
    [0, 2, *HELD_OUT],
    [2, 0, *HELD_OUT],
    [4, 5, *HELD_OUT],
]


def test_similarities_by_hand():
    found = knn(HISTORIES)._similarities.toarray()
    half, third = math.sqrt(1 / 2), 1 / 2
    expected = np.zeros((ITEMS, ITEMS))
    expected[0, [1, 2, 3]] = half, 1.0, third  # 2/√(4·2), 4/√(4·4), 1/√(4·1)
    expected[1, [0, 2, 3]] = half, half, half  # 2/√8, 2/√8, 1/√2
    expected[2, [0, 1, 3]] = 1.0, half, third
    expected[3, [0, 1, 2]] = third, half, third
    expected[4, 5] = expected[5, 4] = 1.0
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("history", "target", "masked", "unmasked"),
    [
        ([0], 2, 1, 1),
        ([0], 1, 2, 2),
        ([0], 3, 3, 3),
        ([0], 0, 10, 9),  # no item votes for itself: last, with those that got no vote
        ([0], 4, 8, 9),
        ([3, 4], 5, 1, 1),  # one vote of 1 against one of .71
        ([3, 0], 1, 2, 2),  # .71 twice; 2 has 1 + .5
        ([3, 0, 3], 1, 2, 2),  # an item of the history votes once
        ([6], 0, 8, 9),  # an item unknown to training votes for nothing: all tie
        ([6, 4], 5, 1, 1),
        ([0], 6, 8, 9),  # and gets no vote
    ],
)
def test_ranks_by_hand(history, target, masked, unmasked):
    found = knn(HISTORIES).rank(users_to_rank([[*history, target]]))
    assert as_pairs(found) == [(masked, unmasked)]


@pytest.mark.parametrize(("neighbours", "kept"), [(1, [2]), (2, [1, 2]), (3, [1, 2, 3])])
def test_only_the_nearest_are_voted_for(neighbours, kept):
    row = knn(HISTORIES, neighbours)._similarities.toarray()[0]
    assert np.flatnonzero(row).tolist() == kept


def test_neighbours_that_tie_with_the_last_one_stay():
    # All three neighbours of item 1 are at √½.
    row = knn(HISTORIES, neighbours=1)._similarities.toarray()[1]
    assert np.flatnonzero(row).tolist() == [0, 2, 3]


def test_an_item_has_at_least_one_neighbour():
    with pytest.raises(ConfigError, match="neighbours"):
        knn(HISTORIES, neighbours=0)


def test_a_history_longer_than_the_batch_keeps_votes_whole():
    # Item 0 lies 60 places back: beyond the 50 items that a model reads.
    far = [0, *range(10, 70)]
    train = [[0, 1, 8, 8]]
    found = knn(train, num_items=70).rank(users_to_rank([[*far, 1]], num_items=70))
    assert as_pairs(found) == [(1, 1)]


@given(history_lists, st.integers(1, 4))
def test_agrees_with_a_slow_loop(histories, neighbours):
    found = knn(histories, neighbours).rank(users_to_rank(histories, max_length=2))
    assert as_pairs(found) == slow_ranks(histories, votes(histories, neighbours))


@given(history_lists, st.permutations(range(ITEMS)), st.integers(1, 4))
def test_the_numbering_of_the_items_does_not_matter(histories, place, neighbours):
    moved = [[place[item] for item in history] for history in histories]
    before, after = (knn(own, neighbours).rank(users_to_rank(own)) for own in (histories, moved))
    assert as_pairs(before) == as_pairs(after)


@pytest.mark.parametrize("block", [1, 5, 30])
def test_the_size_of_the_blocks_does_not_matter(monkeypatch, block):
    whole = knn(HISTORIES, 2)._similarities.toarray()
    monkeypatch.setattr(item_knn, "BLOCK", block)
    assert knn(HISTORIES, 2)._similarities.toarray().tolist() == whole.tolist()


def test_blocks_bound_what_is_held(monkeypatch):
    sizes = []
    nearest = item_knn._nearest
    monkeypatch.setattr(item_knn, "BLOCK", 60)
    monkeypatch.setattr(
        item_knn, "_nearest", lambda block, n: sizes.append(block.nnz) or nearest(block, n)
    )
    rng = np.random.default_rng(0)
    knn([[*rng.integers(0, 40, 6), 0, 0] for _ in range(30)], num_items=40)
    assert len(sizes) > 10
    assert max(sizes) < 2 * 60  # the items of a block, and one that lies across its end


@given(history_lists, st.integers(1, 4), st.sets(st.integers(0, ITEMS - 1), min_size=1))
def test_voters_that_are_not_asked_for_have_no_neighbours(histories, neighbours, chosen):
    whole = knn(histories, neighbours)._similarities.toarray()
    voters = np.isin(np.arange(ITEMS), list(chosen))
    some = ItemKNN(*training(histories), ITEMS, neighbours, voters)._similarities.toarray()
    assert some.tolist() == np.where(voters[:, None], whole, 0.0).tolist()


def test_all_who_can_vote_are_enough():
    voters = np.zeros(ITEMS, dtype=bool)
    voters[[item for history in HISTORIES for item in history[:-1]]] = True
    users = users_to_rank(HISTORIES)
    assert as_pairs(ItemKNN(*training(HISTORIES), ITEMS, voters=voters).rank(users)) == as_pairs(
        knn(HISTORIES).rank(users)
    )
