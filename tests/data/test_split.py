"""Which interactions train and which are held out, by hand, by loops and by what must hold."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.data.cases import make_sequences
from uniseq.data import sequences as implementation
from uniseq.data.split import HeldOut, by_time, leakage, leave_one_out, sample_users
from uniseq.errors import DataError


def timed(times, histories=None):
    """Sequences with these times a user; by default each interaction is an item of its own."""
    if histories is None:
        numbers = iter(range(10_000))
        histories = [[next(numbers) for _ in of_user] for of_user in times]
    sequences = make_sequences(histories, num_items=1 + max(i for h in histories for i in h))
    flat = [time for of_user in times for time in of_user]
    return replace(sequences, times=np.array(flat, dtype=np.int64))


def pairs(held_out):
    return list(zip(held_out.users.tolist(), held_out.places.tolist(), strict=True))


def test_leave_one_out_by_hand():
    split = leave_one_out(make_sequences([[4, 2, 7, 1], [3, 3, 5], [0, 1, 2, 3, 4]]))
    assert split.train.tolist() == [2, 1, 3]
    assert pairs(split.validation) == [(0, 2), (1, 5), (2, 10)]
    assert pairs(split.test) == [(0, 3), (1, 6), (2, 11)]


def test_leave_one_out_names_the_first_user_that_is_too_short():
    with pytest.raises(DataError, match=r"user 102 has 2 .* 2 user\(s\) are too short"):
        leave_one_out(make_sequences([[1, 2, 3], [1, 2], [1]]))


def test_leave_one_out_goes_by_place_and_never_by_time():
    split = leave_one_out(timed([[9, 1, 5, 3]]))
    assert (split.train.tolist(), pairs(split.validation)) == ([2], [(0, 2)])


def test_by_time_by_hand():
    # Ten moments; a share of .2 cuts between 60 and 70 and between 80 and 90.
    split = by_time(timed([[10, 30, 70, 90], [20, 40, 50, 60], [80, 100]]), 0.2)
    assert split.train.tolist() == [2, 4, 0]
    # 80 is the third user's very first interaction: nothing to rank it from.
    assert pairs(split.validation) == [(0, 2)]
    assert pairs(split.test) == [(0, 3), (2, 9)]


def test_only_the_first_interaction_in_a_period_is_ranked():
    # Cuts between 4 and 5 and between 6 and 7 (share .25 of 8).
    split = by_time(timed([[1, 2, 5, 6, 7, 8], [3, 4]]), 0.25)
    assert split.train.tolist() == [2, 2]
    assert (pairs(split.validation), pairs(split.test)) == ([(0, 2)], [(0, 4)])


def test_users_with_no_interaction_and_with_one_take_part():
    sequences = timed([[1, 2, 5, 7], [], [3], [4, 6, 8], []])
    split = by_time(sequences, 0.25)
    assert split.train.tolist() == [2, 0, 1, 1, 0]
    assert (pairs(split.validation), pairs(split.test)) == ([(0, 2), (3, 6)], [(0, 3), (3, 7)])


def test_equal_times_fall_on_the_same_side_of_a_cut():
    # Sorted: 1 1 2 2 2 3 3 3 4 4 4; a share of .2 cuts at exactly 3 (index 6) and 4 (index 8).
    split = by_time(timed([[1, 2, 2, 3, 3, 4], [1, 2, 3, 4, 4]]), 0.2)
    assert split.train.tolist() == [3, 2]
    assert pairs(split.validation) == [(0, 3), (1, 8)]
    assert pairs(split.test) == [(0, 5), (1, 9)]


@pytest.mark.parametrize(
    ("times", "part"),
    [
        ([[5, 5, 5], [5, 5, 5]], "training"),  # one moment: all of it is held out
        ([[1, 2, 7], [3, 4, 8], [5], [6]], "validation"),  # the period holds newcomers alone
        ([[1, 2, 5], [3, 4, 6], [7], [8]], "test"),
        ([[1], [2], [3], [4], [5], [6], [7], [8]], "validation"),
    ],
)
def test_a_part_that_is_left_empty_is_named(times, part):
    with pytest.raises(DataError, match=rf"lists: no {part} interaction .*held_out_share"):
        by_time(timed(times), 0.25)


def test_the_share_is_told_as_it_was_given():
    with pytest.raises(DataError, match=r"the last 2 × 0\.25% of the log"):
        by_time(timed([[5, 5, 5]]), 0.0025)


def test_a_source_without_times_is_told_so():
    with pytest.raises(DataError, match=r"^lists: has no times .*dataset\.split=leave_one_out"):
        by_time(make_sequences([[0, 1, 2, 3]]), 0.1)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint32])
def test_the_first_user_out_of_order_is_named(dtype):
    # From the first user's 90 back to the second's 10 is no disorder.
    sequences = timed([[80, 90], [10, 30, 20, 40], [7, 5]])
    with pytest.raises(DataError, match="history of user 102 is not in order of time"):
        by_time(replace(sequences, times=sequences.times.astype(dtype)), 0.1)


histories_in_time = st.lists(
    st.lists(st.integers(0, 40), max_size=8).map(sorted), min_size=1, max_size=8
).filter(lambda times: sum(map(len, times)) > 0)
shares = st.floats(0.01, 0.49)


def slow_by_time(times, first, second):
    """Numbers that train, and {user: number of the interaction} of both held-out parts."""
    train, validation, test = [], {}, {}
    for user, of_user in enumerate(times):
        train.append(sum(time < first for time in of_user))
        for number, time in enumerate(of_user):
            part = test if time >= second else validation if time >= first else None
            if part is not None:
                part.setdefault(user, number)
    known = [{u: n for u, n in part.items() if n > 0} for part in (validation, test)]
    return train, *known


@given(histories_in_time, shares)
@settings(max_examples=30)
def test_by_time_is_the_slow_loop_and_keeps_the_future_out(times, share):
    sequences = timed(times)
    flat = sorted(time for of_user in times for time in of_user)
    try:
        split = by_time(sequences, share)
    except DataError as error:
        assert "interaction is left" in str(error)
        assume(False)
    train, validation, test = slow_by_time(times, *np.quantile(flat, [1 - 2 * share, 1 - share]))
    assert split.train.tolist() == train
    moments = []
    for part, slow in ((split.validation, validation), (split.test, test)):
        begins = sequences.offsets[part.users]
        assert dict(pairs(part)) == {u: sequences.offsets[u] + n for u, n in slow.items()}
        assert part.users.tolist() == sorted(set(part.users.tolist()))
        # Each place lies in its user's history, behind another interaction.
        assert (part.places > begins).all()
        assert (part.places < sequences.offsets[part.users + 1]).all()
        # Nothing that trains is ranked.
        assert (part.places >= begins + split.train[part.users]).all()
        moments.append(sequences.times[part.places])
    trained = [t for of_user, n in zip(times, train, strict=True) for t in of_user[:n]]
    assert max(trained) < min(moments[0])
    assert max(moments[0]) < min(moments[1])


@given(st.integers(100, 300), st.floats(0.02, 0.48), st.integers(0, 99))
def test_the_periods_hold_the_share_that_was_asked_for(count, share, seed):
    rng = np.random.default_rng(seed)
    moments = np.sort(rng.choice(10**9, count, replace=False)) + 10**9
    first, second = (int(np.ceil(count * (1 - k * share))) for k in (2, 1))
    # One user: what trains ends where the validation item is, and so on.
    split = by_time(timed([moments.tolist()]), share)
    assert abs(split.train[0] - first) <= 1
    assert abs(split.test.places[0] - second) <= 1


def test_leakage_by_hand():
    sequences = timed(
        [[1, 2, 8, 9], [3, 10, 11, 12], [4, 5, 6]],
        [[0, 1, 2, 5], [1, 5, 3, 6], [2, 3, 0]],
    )
    # Training at 1 2 3 10 4, tests at 9, 12 and 6. One training interaction comes after the first
    # and after the last of them. Item 5 is tested at 9 and first trained at 10; item 6 is never
    # trained and item 0 trained at 1.
    assert leakage(sequences) == pytest.approx(
        {
            "tests_with_later_training": 2 / 3,
            "training_after_test": (1 / 5 + 0 + 1 / 5) / 3,
            "items_first_seen_later": 1 / 3,
        }
    )


def test_equal_times_do_not_leak():
    assert set(leakage(timed([[1, 1, 1], [1, 1, 1]], [[0, 1, 2], [2, 1, 0]])).values()) == {0.0}


def test_users_too_short_for_leave_one_out_do_not_count():
    long = timed([[1, 2, 3], [2, 4, 6]], [[0, 1, 2], [3, 4, 5]])
    mixed = timed([[9], [1, 2, 3], [7, 8], [2, 4, 6], []], [[2], [0, 1, 2], [2, 5], [3, 4, 5], []])
    assert leakage(mixed) == leakage(long)
    assert leakage(timed([[1, 2], [3]])) == {}


def slow_leakage(times, histories):
    training = [
        pair
        for of_user, history in zip(times, histories, strict=True)
        for pair in list(zip(of_user, history, strict=True))[:-2]
    ]
    later, after, unseen = [], [], []
    for of_user, history in zip(times, histories, strict=True):
        behind = [time for time, _ in training if time > of_user[-1]]
        later.append(bool(behind))
        after.append(len(behind) / len(training))
        seen = [time for time, item in training if item == history[-1]]
        unseen.append(bool(seen) and min(seen) > of_user[-1])
    means = [sum(values) / len(values) for values in (later, after, unseen)]
    names = ("tests_with_later_training", "training_after_test", "items_first_seen_later")
    return dict(zip(names, means, strict=True))


interactions = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)), min_size=3, max_size=7)


@given(st.lists(interactions, min_size=1, max_size=5))
def test_leakage_is_the_slow_loop(users):
    times = [[time for time, _ in user] for user in users]
    histories = [[item for _, item in user] for user in users]
    found = leakage(timed(times, histories))
    assert found == pytest.approx(slow_leakage(times, histories))
    assert all(0 <= share <= 1 for share in found.values())


@given(histories_in_time, shares, st.integers(1, 9))
@settings(max_examples=30)
def test_the_stretches_that_are_looked_at_together_do_not_matter(times, share, size):
    sequences = timed(times)

    def outcome():
        try:
            split = by_time(sequences, share)
        except DataError as error:
            return str(error), leakage(sequences)
        return split.train.tolist(), pairs(split.validation), pairs(split.test), leakage(sequences)

    whole = outcome()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(implementation, "BLOCK", size)
        assert outcome() == whole


def test_memory_mapped_histories_are_split_like_those_in_memory(tmp_path):
    sequences = timed([[1, 2, 5, 7], [3, 4, 6], [4, 6, 8, 9]])
    arrays = {}
    for name in ("items", "offsets", "times"):
        np.save(tmp_path / f"{name}.npy", getattr(sequences, name))
        arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    mapped = replace(sequences, **arrays)
    for split_by in (leave_one_out, partial(by_time, share=0.2)):
        expected, found = split_by(sequences), split_by(mapped)
        assert found.train.tolist() == expected.train.tolist()
        assert pairs(found.validation) == pairs(expected.validation)
        assert pairs(found.test) == pairs(expected.test)
    assert leakage(mapped) == leakage(sequences)


def held_out(count):
    """Users 0, 3, 6, …, whose held-out interactions lie at 1, 6, 11, …"""
    return HeldOut(3 * np.arange(count), 1 + 5 * np.arange(count))


@given(st.integers(1, 60), st.integers(1, 70))
def test_a_sample_of_users_is_in_order_and_keeps_their_places(count, size):
    everybody, sample = held_out(count), sample_users(held_out(count), size)
    assert len(sample.users) == min(size, count)
    assert set(pairs(sample)) <= set(pairs(everybody))
    assert (np.diff(sample.users) > 0).all()
    assert pairs(sample_users(everybody, size)) == pairs(sample)
    assert set(pairs(sample)) <= set(pairs(sample_users(everybody, size + 1)))


def test_a_sample_is_spread_over_all_users():
    rows = sample_users(held_out(100_000), 5000).users // 3
    tenths = np.bincount(rows // 10_000, minlength=10)
    # Hypergeometric: 500 expected, variance 5000 · .1 · .9 · .95.
    assert np.abs(tenths - 500).max() < 4 * np.sqrt(427.5)
