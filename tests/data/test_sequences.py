"""Histories without their repeats, and slices of a flat array."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.cases import ITEMS, make_sequences
from uniseq.data import sequences as implementation
from uniseq.data.sequences import ranges, take_parts, user_blocks, without_repeats


def histories_of(sequences):
    return [sequences.history(user).tolist() for user in range(sequences.num_users)]


def test_without_repeats_by_hand():
    sequences = make_sequences([[3, 1, 3, 1, 2], [1, 1, 1], [], [2, 3]])
    sequences = replace(sequences, times=np.arange(10, 20))
    once = without_repeats(sequences)
    # Another user's 1 and 3 are no repeats.
    assert histories_of(once) == [[3, 1, 2], [1], [], [2, 3]]
    assert once.offsets.tolist() == [0, 3, 4, 4, 6]
    assert once.times.tolist() == [10, 11, 14, 15, 18, 19]
    assert once.item_ids is sequences.item_ids
    assert once.user_ids is sequences.user_ids
    assert once.name == "lists"
    assert sequences.items.tolist() == [3, 1, 3, 1, 2, 1, 1, 1, 2, 3]


def test_the_data_are_others_without_repeats():
    first = without_repeats(make_sequences([[1, 1, 2, 3]]))
    other = without_repeats(replace(make_sequences([[1, 1, 2, 3]]), fingerprint="other"))
    assert len({"lists", first.fingerprint, other.fingerprint}) == 3
    assert first.fingerprint == without_repeats(make_sequences([[1, 1, 2, 3]])).fingerprint


@given(
    st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=6),
    st.booleans(),
)
def test_without_repeats_keeps_the_first_of_each_in_order(histories, with_times):
    sequences = make_sequences(histories)
    if with_times:
        sequences = replace(sequences, times=np.arange(len(sequences.items)))
    once = without_repeats(sequences)
    assert histories_of(once) == [list(dict.fromkeys(history)) for history in histories]
    assert once.items.dtype == sequences.items.dtype
    assert once.num_users == len(histories)
    if with_times:
        # The time, a number of the interaction here, is that of the item's first appearance.
        assert sequences.items[once.times].tolist() == once.items.tolist()
        assert (np.diff(once.times) > 0).all()
    else:
        assert once.times is None
    again = without_repeats(once)
    assert (again.items.tolist(), again.offsets.tolist()) == (
        once.items.tolist(),
        once.offsets.tolist(),
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=6))
def test_ranges_are_those_of_a_loop(drawn):
    starts, lengths = np.array(drawn, dtype=np.int64).reshape(-1, 2).T
    expected = [place for start, length in drawn for place in range(start, start + length)]
    assert ranges(starts, lengths).tolist() == expected


def test_stretches_of_users_by_hand():
    offsets = np.array([0, 2, 4, 5, 11, 11, 12])
    assert list(user_blocks(offsets, 4)) == [slice(0, 2), slice(2, 4), slice(4, 6)]
    assert list(user_blocks(offsets, 100)) == [slice(0, 6)]
    assert list(user_blocks(np.array([0, 0, 0]), 4)) == [slice(0, 2)]
    assert list(user_blocks(np.array([0]), 4)) == []


counts = st.lists(st.integers(0, 9), min_size=1, max_size=12)


@given(counts, st.integers(1, 20))
def test_stretches_hold_each_user_once_and_are_bounded(lengths, size):
    blocks = list(user_blocks(np.concatenate(([0], np.cumsum(lengths))), size))
    assert [row for block in blocks for row in range(block.start, block.stop)] == list(
        range(len(lengths))
    )
    for block in blocks:
        assert block.stop > block.start
        assert sum(lengths[block]) <= size + max(lengths)
    # No more stretches than it takes, up to one.
    assert len(blocks) <= sum(lengths) // size + 1
    assert all(first.stop == second.start for first, second in pairwise(blocks))


@given(counts, st.integers(1, 20), st.data())
def test_parts_are_the_beginnings_of_all_histories(lengths, size, data):
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    taken = [data.draw(st.integers(0, length)) for length in lengths]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(implementation, "BLOCK", size)
        parts = list(take_parts(np.arange(offsets[-1]), offsets, np.array(taken)))
    expected = [
        place
        for start, count in zip(offsets[:-1].tolist(), taken, strict=True)
        for place in range(start, start + count)
    ]
    assert np.concatenate(parts).tolist() == expected


@given(
    st.lists(st.lists(st.integers(0, ITEMS - 1), max_size=12), min_size=1, max_size=6),
    st.integers(1, 9),
)
def test_repeats_are_dropped_alike_whatever_the_stretches(histories, size):
    sequences = make_sequences(histories)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(implementation, "BLOCK", size)
        once = without_repeats(sequences)
    assert histories_of(once) == [list(dict.fromkeys(history)) for history in histories]
