import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tests.data.cases import ITEMS, history_lists, make_sequences, ranking_batches
from tests.ranking.cases import as_pairs, slow_ranks, training, users_to_rank
from uniseq.ranking.ranks import join_ranks, rank_scores
from uniseq.ranking.yardsticks import OwnHistory, Popularity
from uniseq.ranking.yardsticks.personal import PersonalScores

# Training parts 0 1 · 0 2 · 1 0: item 0 three times, 1 twice, 2 once, 3 and 4 never.
HISTORIES = [[0, 1, 2, 3], [0, 2, 1, 4], [1, 0, 3, 2]]
COUNTS = [3, 2, 1, 0, 0]


def test_popularity_counts_each_item():
    assert Popularity(np.array([0, 1, 0, 2, 1, 0]), 5).counts.tolist() == COUNTS
    assert Popularity(np.array([], dtype=np.int64), 2).counts.tolist() == [0, 0]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_ranks_by_popularity_by_hand(batch_size):
    batches = ranking_batches(make_sequences(HISTORIES, num_items=5), 1)
    users = [range(start, min(start + batch_size, 3)) for start in range(0, 3, batch_size)]
    popularity = Popularity(training(HISTORIES)[1], 5)
    ranks = join_ranks([popularity.rank(batches[part]) for part in users])
    # Users 0 and 1: the target ties with the other item nobody had, below all others.
    assert as_pairs(ranks) == [(2, 5), (2, 5), (1, 3)]


@given(history_lists)
def test_popularity_agrees_with_a_slow_loop(histories):
    _, items = training(histories)
    counts = items.tolist()
    found = Popularity(items, ITEMS).rank(users_to_rank(histories))
    assert as_pairs(found) == slow_ranks(histories, lambda _, item: counts.count(item))


@given(history_lists, st.data())
def test_personal_scores_rank_like_the_matrix_of_all_scores(histories, data):
    # Few values, negative ones too: ties are common, and a score may fall below the common one.
    value = st.integers(-2, 2).map(float)
    common = np.array(data.draw(st.lists(value, min_size=ITEMS, max_size=ITEMS)))
    row = st.lists(value, min_size=ITEMS, max_size=ITEMS)
    personal = np.array(data.draw(st.lists(row, min_size=len(histories), max_size=len(histories))))
    batch = users_to_rank(histories)
    found = PersonalScores(common).rank(csr_array(personal), batch)
    expected = rank_scores(
        torch.from_numpy(common + personal),
        batch.targets,
        batch.seen_rows,
        batch.seen_items,
    )
    assert found.masked.dtype == found.unmasked.dtype == torch.long
    assert as_pairs(found) == as_pairs(expected)


def test_memory_does_not_grow_with_users_times_items():
    users, items = 500, 10**6
    histories = [[user, items - 1 - user, user] for user in range(users)]
    batch = users_to_rank(histories, num_items=items)
    tracemalloc.start()
    found = OwnHistory(items).rank(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert as_pairs(found) == [(items + 1, 2)] * users
    assert peak < 64e6  # a matrix of these scores would take 4 GB
