import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.sphere.test_pairs import normal
from uniseq.ranking.lists import USERS
from uniseq.sphere import list_statistics, top_items


def slow_lists(histories, items, k, seen):
    """Each user's k best items that they have not had."""
    lists = []
    for history, had in zip(histories.tolist(), seen, strict=True):
        scores = [sum(a * b for a, b in zip(history, item, strict=True)) for item in items.tolist()]
        ranked = sorted(range(len(scores)), key=lambda item: -scores[item])
        best = [item for item in ranked if item not in had][:k]
        lists.append(best + [-1] * (k - len(best)))
    return lists


def flat(seen):
    pairs = [(row, item) for row, items in enumerate(seen) for item in sorted(items)]
    rows, items = zip(*pairs, strict=True) if pairs else ((), ())
    return torch.tensor(rows, dtype=torch.long), torch.tensor(items, dtype=torch.long)


@given(st.integers(1, 12), st.integers(1, 30), st.integers(1, 8), st.integers(0, 999), st.data())
def test_lists_are_those_of_the_slow_twin_whatever_the_chunk(users, catalogue, k, seed, data):
    histories, items = normal(users, 3, seed), normal(catalogue, 3, seed + 1)
    seen = [data.draw(st.sets(st.integers(0, catalogue - 1))) for _ in range(users)]
    slow = slow_lists(histories, items, k, seen)
    for chunk in (data.draw(st.integers(1, 40)), 2048):
        assert top_items(histories, items, k, *flat(seen), chunk=chunk).tolist() == slow


def test_users_beyond_one_chunk_keep_their_own_history():
    count = USERS + 3
    histories, items = normal(count, 2), normal(6, 2, seed=1)
    seen = [{row % 6} for row in range(count)]
    assert top_items(histories, items, 2, *flat(seen)).tolist() == slow_lists(
        histories, items, 2, seen
    )


def test_statistics_by_hand():
    # Ten items had by 3, 1, 1, 0 … users; the head is item 0 alone.
    seen = [{0, 1}, {0, 2}, {0}]
    popularity = torch.tensor([3, 1, 1] + [0] * 7)
    lists = torch.tensor([[2, 3], [1, 3], [1, -1]])
    found = list_statistics(lists, popularity, *flat(seen))
    assert found.coverage == pytest.approx(0.3)  # items 1, 2 and 3
    # Places 0 × 7, 1, 2, 2: Σ (2i - 11)·x = 5 + 14 + 18 for i = 8, 9, 10, over 10 · 5.
    assert found.gini == pytest.approx(37 / 50)
    assert found.head == 0
    assert found.head_before == pytest.approx(3 / 5)
    assert found.popularity == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert found.popularity_before == pytest.approx((2 + 2 + 3) / 3)
    assert found.lift == pytest.approx(2 / 7)


def test_one_item_for_all_is_the_most_unequal_and_all_items_alike_the_least():
    popularity, seen = torch.ones(4), flat([{0}] * 4)
    one = list_statistics(torch.full((4, 1), 2), popularity, *seen)
    assert (one.coverage, one.gini, one.lift) == (0.25, 0.75, 1.0)
    alike = list_statistics(torch.arange(4)[:, None], popularity, *seen)
    assert (alike.coverage, alike.gini) == (1.0, 0.0)


def test_equally_popular_items_enter_the_head_in_the_order_of_their_rows():
    popularity, seen = torch.ones(20), flat([{5}])  # a head of two items
    assert list_statistics(torch.tensor([[0, 1]]), popularity, *seen).head == 1
    assert list_statistics(torch.tensor([[2, 3]]), popularity, *seen).head == 0


def test_users_without_a_list_or_a_history_are_left_out_of_the_means():
    popularity = torch.tensor([4, 2, 1])
    found = list_statistics(torch.tensor([[1], [-1], [2]]), popularity, *flat([{0}, {1}, set()]))
    assert found.popularity == 1.5
    assert found.popularity_before == 3


def test_without_a_place_or_a_history_there_is_nothing():
    lists, popularity = torch.tensor([[0]]), torch.tensor([1, 0])
    assert list_statistics(torch.tensor([[-1]]), popularity, *flat([{0}])) is None
    assert list_statistics(lists, popularity, *flat([set()])) is None
    assert list_statistics(lists, torch.zeros(2), *flat([{0}])) is None
