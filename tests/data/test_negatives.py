import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.cases import ITEMS, history_lists, make_sequences
from uniseq.data.negatives import UniformNegatives
from uniseq.errors import DataError


@given(history_lists, st.integers(1, 4), st.integers(0, 2**32))
def test_no_negative_is_an_item_of_its_user(histories, count, seed):
    negatives = UniformNegatives(make_sequences(histories))
    users = np.repeat(np.arange(len(histories)), 5)
    drawn = negatives.draw(np.random.default_rng(seed), users, count)
    assert drawn.shape == (len(users), count)
    assert drawn.min() >= 0
    assert drawn.max() < ITEMS
    for user, row in zip(users, drawn.tolist(), strict=True):
        assert not set(row) & set(histories[user])


def test_validation_and_test_items_are_no_negatives_either():
    # All but item 4 stand somewhere in the history; 2 and 3 are held out.
    negatives = UniformNegatives(make_sequences([[0, 1, 2, 3]], num_items=5))
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(50, dtype=np.int64), 2)
    assert (drawn == 4).all()


def chi_square(drawn, allowed):
    counts = np.bincount(drawn.ravel(), minlength=max(allowed) + 1)[allowed]
    expected = drawn.size / len(allowed)
    return float(((counts - expected) ** 2 / expected).sum())


def test_negatives_are_uniform_over_the_rest():
    histories = [[0, 3, 9, 3], [5, 6, 7]]
    negatives = UniformNegatives(make_sequences(histories, num_items=10))
    users = np.tile([0, 1], 3000)
    drawn = negatives.draw(np.random.default_rng(0), users, 3)
    first, second = [1, 2, 4, 5, 6, 7, 8], [0, 1, 2, 3, 4, 8, 9]
    # 22.5 is the chi-square quantile .999 with 6 degrees of freedom.
    assert chi_square(drawn[users == 0], first) < 22.5
    assert chi_square(drawn[users == 1], second) < 22.5
    for column in range(3):
        assert chi_square(drawn[users == 0, column], first) < 22.5


def test_the_negatives_of_a_triplet_are_drawn_independently():
    negatives = UniformNegatives(make_sequences([[0, 1, 2]], num_items=5))
    drawn = negatives.draw(np.random.default_rng(0), np.zeros(4000, dtype=np.int64), 2)
    equal = (drawn[:, 0] == drawn[:, 1]).mean()
    assert abs(equal - 0.5) < 4 * np.sqrt(0.25 / 4000)


def test_the_same_generator_draws_the_same():
    negatives = UniformNegatives(make_sequences([[0, 1, 2], [3, 4, 5]]))
    users = np.tile([0, 1], 50)
    first, same, other = (
        negatives.draw(np.random.default_rng(seed), users, 2).tolist() for seed in (1, 1, 2)
    )
    assert first == same
    assert first != other


def test_a_user_with_all_items_is_named():
    histories = [[0, 1, 2], [3, 1, 2, 0, 1], [1, 2, 3]]
    with pytest.raises(DataError, match=r"^lists: user 102 has all 4 items: .*remove the user"):
        UniformNegatives(make_sequences(histories, num_items=4))
