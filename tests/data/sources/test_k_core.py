from collections import Counter

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from uniseq.data.sources.k_core import k_core


def slow_core(pairs, k):
    """Leave out rows one scan at a time until nothing changes."""
    while True:
        users = Counter(user for user, _ in pairs)
        items = Counter(item for _, item in pairs)
        kept = [(u, i) for u, i in pairs if users[u] >= k and items[i] >= k]
        if kept == pairs:
            return kept
        pairs = kept


def core(pairs, k):
    log = pl.DataFrame(pairs, schema={"user": pl.UInt32, "item": pl.UInt32}, orient="row")
    return k_core(log, k).rows()


def test_a_chain_falls_link_by_link():
    # Item 9 has one interaction, so it goes; then user 3 has one, then item 8 has one, …
    square = [(1, 5), (1, 6), (2, 5), (2, 6)]
    chain = [(3, 9), (3, 8), (4, 8), (4, 7), (1, 7)]
    assert core(square + chain, 2) == square


def test_a_repeat_counts_twice():
    assert core([(1, 5), (1, 5), (2, 6)], 2) == [(1, 5), (1, 5)]


def test_the_rows_keep_their_order_and_other_columns():
    log = pl.DataFrame({"user": ["b", "c", "b"], "item": ["x", "y", "x"], "timestamp": [9, 8, 7]})
    assert k_core(log, 2).rows() == [("b", "x", 9), ("b", "x", 7)]


pairs = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=60)


@given(pairs, st.integers(1, 5))
def test_it_is_the_core_of_the_slow_loop_in_the_same_order(pairs, k):
    assert core(pairs, k) == slow_core(pairs, k)
