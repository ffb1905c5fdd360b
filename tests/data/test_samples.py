import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.cases import ITEMS, history_lists, make_sequences, samples_of
from tests.references import prefix_samples, whole_samples
from uniseq.data.samples import Prefixes, WholeSequences
from uniseq.data.sequences import take_ranges

lengths = st.integers(1, 7)
seeds = st.integers(0, 2**32)


def one_epoch(samples, batch_size, seed):
    """Numbers of all samples of an epoch, in the order of its batches."""
    return np.concatenate(samples.batches(np.random.default_rng(seed), batch_size))


def read(sequences, samples, numbers):
    """(user, history, target or targets) of the samples with these numbers."""
    users, starts, counts, _ = samples.locate(numbers)
    flat = sequences.items.tolist()
    found = []
    for user, start, count in zip(users.tolist(), starts.tolist(), counts.tolist(), strict=True):
        history = flat[start : start + count]
        following = flat[start + 1 : start + count + 1]
        found.append((user, history, following if samples.all_positions else following[-1]))
    return found


@pytest.mark.parametrize(
    ("scheme", "slow"), [(Prefixes, prefix_samples), (WholeSequences, whole_samples)]
)
@given(history_lists, lengths, lengths, seeds)
def test_an_epoch_has_each_sample_exactly_once(
    scheme, slow, histories, max_length, batch_size, seed
):
    sequences = make_sequences(histories)
    samples = samples_of(scheme, sequences, max_length)
    expected = slow(histories, max_length)
    assert len(samples) == len(expected)
    assert read(sequences, samples, np.arange(len(samples))) == expected
    found = read(sequences, samples, one_epoch(samples, batch_size, seed))
    assert sorted(found) == sorted(expected)


def test_prefixes_by_hand():
    sequences = make_sequences([[1, 2, 3, 4, 5, 6], [7, 0, 1]])
    samples = samples_of(Prefixes, sequences, max_length=2)
    expected = [(0, [1], 2), (0, [1, 2], 3), (0, [2, 3], 4)]
    assert read(sequences, samples, np.arange(3)) == expected


def test_whole_sequences_by_hand():
    sequences = make_sequences([[7, 0, 1], [1, 2, 3, 4, 5, 6]])
    samples = samples_of(WholeSequences, sequences, max_length=2)
    assert read(sequences, samples, np.arange(1)) == [(1, [2, 3], [3, 4])]


@pytest.mark.parametrize("scheme", [Prefixes, WholeSequences])
@given(st.lists(st.integers(3, 9), min_size=1, max_size=6), lengths)
def test_held_out_items_and_other_users_are_never_touched(scheme, counts, max_length):
    # Each interaction an item of its own: an item tells user and position.
    ends = np.cumsum(counts).tolist()
    histories = [list(range(end - n, end)) for end, n in zip(ends, counts, strict=True)]
    sequences = make_sequences(histories, num_items=ends[-1])
    samples = samples_of(scheme, sequences, max_length)
    used = {user: set() for user in range(len(counts))}
    for user, history, target in read(sequences, samples, np.arange(len(samples))):
        used[user] |= {*history, *(target if samples.all_positions else [target])}
    for user, history in enumerate(histories):
        training = history[:-2]
        if len(training) < 2:
            assert used[user] == set()
        elif scheme is Prefixes:
            assert used[user] == set(training)
        else:
            assert used[user] == set(training[-max_length - 1 :])


@given(history_lists, lengths, lengths, seeds)
def test_prefixes_fill_every_batch_but_the_last(histories, max_length, batch_size, seed):
    samples = samples_of(Prefixes, make_sequences(histories), max_length)
    batches = samples.batches(np.random.default_rng(seed), batch_size)
    assert len(batches) == samples.num_batches(batch_size)
    assert {len(batch) for batch in batches[:-1]} <= {batch_size}
    assert 1 <= len(batches[-1]) <= batch_size


def triplets(samples, batches):
    return [int(samples.locate(batch)[2].sum()) for batch in batches]


@given(history_lists, lengths, seeds, st.integers(0, 20))
def test_whole_sequences_keep_the_number_of_batches(histories, max_length, seed, more):
    samples = samples_of(WholeSequences, make_sequences(histories), max_length)
    batch_size = 2 * max_length + more
    batches = samples.batches(np.random.default_rng(seed), batch_size)
    assert len(batches) == samples.num_batches(batch_size)
    assert sum(triplets(samples, batches)) == len(
        [position for _, history, _ in whole_samples(histories, max_length) for position in history]
    )


@pytest.mark.parametrize("batch_size", [1, 2, 3, 4, 5, 6])
def test_whole_sequences_keep_the_number_of_batches_where_a_user_fills_one(batch_size):
    histories = [[0, 1, 2, 3, 4, 5, 6]] * 6 + [[0, 1, 2, 3]] * 6  # 4 triplets each, then 1 each
    samples = samples_of(WholeSequences, make_sequences(histories), max_length=50)
    counts = [len(samples.batches(np.random.default_rng(epoch), batch_size)) for epoch in range(20)]
    assert counts == [samples.num_batches(batch_size)] * 20


def test_batches_of_whole_sequences_are_close_to_the_number_of_triplets_asked_for():
    rng = np.random.default_rng(3)
    histories = [rng.integers(ITEMS, size=size).tolist() for size in rng.integers(3, 15, size=300)]
    samples = samples_of(WholeSequences, make_sequences(histories), max_length=10)
    total = sum(len(history) for _, history, _ in whole_samples(histories, 10))
    for batch_size in (32, 64, 256):
        share = total / samples.num_batches(batch_size)
        assert abs(share - batch_size) < 0.2 * batch_size
        for epoch in range(3):
            sizes = triplets(samples, samples.batches(np.random.default_rng(epoch), batch_size))
            assert len(sizes) == samples.num_batches(batch_size)
            assert max(abs(size - share) for size in sizes) <= 10


@pytest.mark.parametrize("scheme", [Prefixes, WholeSequences])
def test_the_order_is_the_generators_and_another_one_each_time(scheme):
    histories = [[0, 1, 2, 3, 4, 5, 6, 7]] * 20
    samples = samples_of(scheme, make_sequences(histories), max_length=50)
    first, same, other = (one_epoch(samples, 32, seed).tolist() for seed in (1, 1, 2))
    assert first == same
    assert first != other
    assert sorted(first) == sorted(other) == list(range(len(samples)))


ranges = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), max_size=6)


@given(ranges)
def test_take_ranges_joins_slices_empty_ones_too(drawn):
    flat = np.arange(100, 120)
    starts, counts = np.array(drawn, dtype=np.int64).reshape(-1, 2).T
    expected = [item for start, count in drawn for item in range(100 + start, 100 + start + count)]
    assert take_ranges(flat, starts, counts).tolist() == expected


def located(samples, numbers=None):
    numbers = np.arange(len(samples)) if numbers is None else numbers
    return list(zip(*(part.tolist() for part in samples.locate(numbers)), strict=True))


def test_prefixes_with_the_empty_one_by_hand():
    # Places of the first user: 0 1 2 3 (two train), of the second: 4 5 6; place 7 is no place.
    sequences = make_sequences([[5, 6, 7, 8], [1, 2, 3]])
    samples = samples_of(Prefixes, sequences, empty_history=True)
    assert located(samples) == [(0, 7, 1, 0), (0, 0, 1, 1), (1, 7, 1, 4)]


@given(history_lists, lengths, lengths, seeds)
def test_an_empty_history_adds_a_sample_for_each_user_that_trains(
    histories, max_length, batch_size, seed
):
    sequences = make_sequences(histories)
    samples = samples_of(Prefixes, sequences, max_length, empty_history=True)
    without = samples_of(Prefixes, sequences, max_length)
    assert len(samples) == len(without) + len(histories)
    assert len(samples) == sum(len(history) - 2 for history in histories)
    nowhere = len(sequences.items)
    found = located(samples)
    assert [sample for sample in found if sample[1] != nowhere] == located(without)
    # The target of the empty history is the user's first interaction.
    empty = [sample for sample in found if sample[1] == nowhere]
    assert empty == [(user, nowhere, 1, sequences.offsets[user]) for user in range(len(histories))]
    assert sorted(located(samples, one_epoch(samples, batch_size, seed))) == sorted(found)


@pytest.mark.parametrize("empty_history", [False, True])
def test_users_who_do_not_train_have_no_sample(empty_history):
    sequences = make_sequences([[1, 2], [], [3], [4, 5, 6], [7]])
    samples = Prefixes(sequences, np.array([0, 0, 1, 3, 0]), 50, empty_history)
    users = [user for user, _, _, _ in located(samples)]
    assert users == ([2, 3, 3, 3] if empty_history else [3, 3])
    whole = WholeSequences(sequences, np.array([0, 0, 1, 3, 0]), 50)
    assert whole.locate(np.arange(len(whole)))[0].tolist() == [3]
