import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.data.cases import ITEMS, history_lists, make_sequences, negatives_of
from uniseq.data import negatives as implementation
from uniseq.data.negatives import Negatives
from uniseq.errors import DataError


@given(history_lists, st.integers(1, 4), st.integers(0, 2**32))
def test_no_negative_is_an_item_of_its_user(histories, count, seed):
    negatives = negatives_of(make_sequences(histories))
    users = np.repeat(np.arange(len(histories)), 5)
    drawn = negatives.draw(np.random.default_rng(seed), users, count)
    assert drawn.shape == (len(users), count)
    assert drawn.min() >= 0
    assert drawn.max() < ITEMS
    for user, row in zip(users, drawn.tolist(), strict=True):
        assert not set(row) & set(histories[user])


def test_validation_and_test_items_are_no_negatives_either():
    # All but item 4 stand somewhere in the history; 2 and 3 are held out.
    negatives = negatives_of(make_sequences([[0, 1, 2, 3]], num_items=5))
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(50, dtype=np.int64), 2)
    assert (drawn == 4).all()


def chi_square(drawn, allowed):
    counts = np.bincount(drawn.ravel(), minlength=max(allowed) + 1)[allowed]
    expected = drawn.size / len(allowed)
    return float(((counts - expected) ** 2 / expected).sum())


def test_negatives_are_uniform_over_the_rest():
    histories = [[0, 3, 9, 3], [5, 6, 7]]
    negatives = negatives_of(make_sequences(histories, num_items=10))
    users = np.tile([0, 1], 3000)
    drawn = negatives.draw(np.random.default_rng(0), users, 3)
    first, second = [1, 2, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 8, 9]
    # 22.5 is the chi-square quantile .999 with 6 degrees of freedom.
    assert chi_square(drawn[users == 0], first) < 22.5
    assert chi_square(drawn[users == 1], second) < 22.5
    for column in range(3):
        assert chi_square(drawn[users == 0, column], first) < 22.5


def test_the_negatives_of_a_triplet_are_drawn_independently():
    negatives = negatives_of(make_sequences([[0, 1, 2]], num_items=5))
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(4000, dtype=np.int64), 2)
    equal = (drawn[:, 0] == drawn[:, 1]).mean()
    assert abs(equal - 0.5) < 4 * np.sqrt(0.25 / 4000)


def test_the_same_generator_draws_the_same():
    negatives = negatives_of(make_sequences([[0, 1, 2], [3, 4, 5]]))
    users = np.tile([0, 1], 50)
    first, same, other = (
        negatives.draw(np.random.default_rng(seed), users, 2).tolist() for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


def test_a_user_with_all_items_is_named():
    histories = [[0, 1, 2], [3, 1, 2, 0, 1], [1, 2, 3]]
    with pytest.raises(
        DataError, match=r"^lists: 1 user\(s\) have all 4 items that .*remove the users 102$"
    ):
        negatives_of(make_sequences(histories, num_items=4))


# Popularity of items 0 … 9; items 0 and 5 never train.
COUNTS = np.array([0, 1, 2, 4, 8, 0, 16, 32, 3, 9])


def assert_drawn_like(drawn, weights):
    """Each item's frequency lies within 5 standard deviations of its share of the weights."""
    shares = weights / weights.sum()
    frequencies = np.bincount(drawn.ravel(), minlength=len(weights)) / drawn.size
    deviation = np.sqrt(shares * (1 - shares) / drawn.size)
    assert (np.abs(frequencies - shares) <= 5 * deviation).all()


@pytest.mark.parametrize("power", [0.5, 0.75, 1.0, 2.0])
def test_negatives_follow_popularity_among_what_the_user_does_not_have(power):
    histories = [[0, 3, 9, 3], [7, 6, 5]]
    negatives = Negatives(make_sequences(histories, num_items=10), COUNTS, power)
    users = np.tile([0, 1], 10_000)
    drawn = negatives.draw(np.random.default_rng(0), users, 2)
    for user, history in enumerate(histories):
        weights = COUNTS.astype(float) ** power
        weights[history] = 0
        # A share of 0 has a deviation of 0: what must not be drawn is not drawn once.
        assert_drawn_like(drawn[users == user], weights)


def test_negatives_without_a_power_are_uniform_whatever_the_counts():
    negatives = Negatives(make_sequences([[9, 8, 9]], num_items=10), COUNTS, 0.0)
    drawn = negatives.draw(np.random.default_rng(1), np.zeros(20_000, dtype=np.int64), 1)
    assert_drawn_like(drawn, np.array([1.0] * 8 + [0.0] * 2))


@given(history_lists, st.floats(0.1, 30), st.integers(1, 3), st.integers(0, 2**32))
def test_negatives_by_popularity_train_and_are_not_the_users_own(histories, power, count, seed):
    try:
        negatives = negatives_of(make_sequences(histories), power)
    except DataError:
        trained = {item for history in histories for item in history[:-2]}
        assert any(trained <= set(history) for history in histories)
        assume(False)
    users = np.repeat(np.arange(len(histories)), 3)
    drawn = negatives.draw(np.random.default_rng(seed), users, count)
    assert drawn.shape == (len(users), count)
    trained = {item for history in histories for item in history[:-2]}
    for user, row in zip(users, drawn.tolist(), strict=True):
        assert set(row) <= trained - set(histories[user])


def test_a_user_with_all_items_that_train_is_named():
    # Items 0, 1, 2 and 4 train; the second user has these four and not 3, which no one trains.
    histories = [[0, 1, 2, 3, 3], [4, 0, 1, 2, 2]]
    negatives_of(make_sequences(histories, num_items=6))
    with pytest.raises(
        DataError, match=r"1 user\(s\) have all 4 items that can be drawn: .* users 102$"
    ):
        negatives_of(make_sequences(histories, num_items=6), 0.75)


def test_no_training_count_at_all_is_an_error_and_no_warning(recwarn):
    with pytest.raises(DataError, match="all 0 items"):
        Negatives(make_sequences([[0, 1, 2]]), np.zeros(9, dtype=np.int64), 1.0)
    assert not recwarn.list


@pytest.mark.parametrize("power", [8.0, 1000.0])
def test_a_large_power_ends_and_draws_the_most_popular_of_the_rest(power, recwarn):
    # The first user has the item beside which all others vanish, the second one all but two.
    counts = np.array([10**6, 40, 20, 0, 1])
    histories = [[0, 3, 3], [0, 1, 2, 3], [4, 4, 4]]
    negatives = Negatives(make_sequences(histories, num_items=5), counts, power)
    drawn = negatives.draw(np.random.default_rng(0), np.repeat([0, 1, 2], 200), 2)
    first, second, third = drawn.reshape(3, -1)
    assert (first == 1).mean() > 0.98
    assert set(first.tolist()) <= {1, 2, 4}
    assert (second == 4).all()
    assert (third == 0).all()
    assert not recwarn.list


def test_the_one_item_that_a_user_lacks_is_found_in_a_large_catalogue():
    history = np.delete(np.arange(20_000), 777).tolist()
    negatives = negatives_of(make_sequences([history, [1, 2, 3]], num_items=20_000))
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(20, dtype=np.int64), 2)
    assert (drawn == 777).all()


def test_what_is_drawn_after_many_rejections_is_distributed_alike(monkeypatch):
    monkeypatch.setattr(Negatives, "PATIENCE", 1)
    negatives = Negatives(make_sequences([[7, 6, 4]], num_items=10), COUNTS, 0.75)
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(2000, dtype=np.int64), 2)
    weights = COUNTS**0.75
    weights[[7, 6, 4]] = 0
    assert_drawn_like(drawn, weights)


@given(history_lists, st.integers(4, 40), st.integers(0, 2**32))
def test_many_negatives_are_drawn_as_if_compared_one_by_one(histories, count, seed):
    negatives = negatives_of(make_sequences(histories))
    users = np.repeat(np.arange(len(histories)), 3)
    many = negatives.draw(np.random.default_rng(seed), users, count)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(implementation, "FEW", count + 1)
        one_by_one = negatives.draw(np.random.default_rng(seed), users, count)
    assert many.tolist() == one_by_one.tolist()
    for user, row in zip(users, many.tolist(), strict=True):
        assert not set(row) & set(histories[user])


@given(history_lists, st.integers(1, 8), st.integers(1, 30), st.integers(0, 2**32))
def test_a_bound_on_what_is_compared_at_once_does_not_matter(histories, count, bound, seed):
    negatives = negatives_of(make_sequences(histories))
    users = np.repeat(np.arange(len(histories)), 3)
    whole = negatives.draw(np.random.default_rng(seed), users, count)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(implementation, "BLOCK", bound)
        in_parts = negatives.draw(np.random.default_rng(seed), users, count)
    assert in_parts.tolist() == whole.tolist()


@given(history_lists, st.data())
def test_owned_pairs_are_those_of_a_loop(histories, data):
    pair = st.tuples(st.integers(0, len(histories) - 1), st.integers(0, ITEMS - 1))
    drawn = data.draw(st.lists(pair, min_size=1, max_size=20))
    users, items = np.array(drawn).T
    found = negatives_of(make_sequences(histories))._owned(users, items)
    assert found.tolist() == [n for n, (user, item) in enumerate(drawn) if item in histories[user]]


@pytest.mark.parametrize("count", [1, 100])
def test_nothing_is_held_that_grows_with_the_log(count):
    # A hundred thousand users with ten items each, as the files in the cache hold them.
    users, length = 100_000, 10
    sequences = replace(
        make_sequences([[0]], num_items=50_000),
        items=np.random.default_rng(0).integers(50_000, size=users * length).astype(np.int32),
        offsets=np.arange(0, users * length + 1, length),
    )
    counts = np.ones(50_000, dtype=np.int64)
    chosen = np.arange(0, users, 400)
    tracemalloc.start()
    drawn = Negatives(sequences, counts).draw(np.random.default_rng(0), chosen, count)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not (drawn[:, :, None] == sequences.items.reshape(users, 1, length)[chosen]).any()
    assert peak < 4 * len(sequences.items)  # 8 bytes an interaction would be twice as much


def test_all_users_with_all_items_are_counted_and_named_at_once():
    histories = [[0, 1, 2, 1, 0], [2, 1, 0, 3], [3, 2, 1, 0, 3, 3]]
    with pytest.raises(DataError, match=r"2 user\(s\) have all 4 items .* users 102, 103$"):
        negatives_of(make_sequences(histories, num_items=4))
