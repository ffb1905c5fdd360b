import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.cases import ITEMS, history_lists
from tests.ranking.cases import as_pairs, slow_ranks, users_to_rank
from uniseq.ranking.yardsticks import OwnHistory


def recency(max_length):
    """Place of an item's last occurrence; 0 before the places kept, -1 where there is none."""

    def score(history, item):
        places = [place for place, own in enumerate(history, start=1) if own == item]
        if not places:
            return -1
        return max(0, places[-1] - max(0, len(history) - max_length))

    return score


@pytest.mark.parametrize(
    ("history", "ranks"),
    [
        ([0, 1, 2, 2], (10, 1)),  # the last item again
        ([0, 1, 2, 0], (10, 3)),
        ([0, 1, 0, 2, 0], (10, 2)),  # item 0 counts where it last occurs
        ([0, 0, 0, 1, 0], (10, 2)),  # and once
        ([0, 1, 2, 3], (6, 9)),  # a new item ties with all others that are new
    ],
)
def test_ranks_by_hand(history, ranks):
    assert as_pairs(OwnHistory(ITEMS).rank(users_to_rank([history]))) == [ranks]


def test_users_of_one_batch_do_not_mix():
    # Item 1 is user 1's most recent one, and lies later in the batch than all of user 0's.
    batch = users_to_rank([[1, 0, 1], [2, 1, 2]])
    assert as_pairs(OwnHistory(ITEMS).rank(batch)) == [(10, 2), (10, 2)]


@pytest.mark.parametrize(("target", "rank"), [(59, 1), (10, 50), (9, 60), (0, 60), (60, 70)])
def test_items_older_than_the_history_kept_tie_below_it_and_above_new_ones(target, rank):
    batch = users_to_rank([[*range(60), target]], num_items=70)
    assert len(batch.histories.items) == 50
    assert OwnHistory(70).rank(batch).unmasked.tolist() == [rank]


@given(history_lists, st.integers(1, 12))
def test_agrees_with_a_slow_loop(histories, max_length):
    found = OwnHistory(ITEMS).rank(users_to_rank(histories, max_length=max_length))
    assert as_pairs(found) == slow_ranks(histories, recency(max_length))
