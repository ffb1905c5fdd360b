"""Small data sets for the tests."""

import numpy as np
from hypothesis import strategies as st

from tests.references import flat_and_offsets
from uniseq.data.sequences import Sequences
from uniseq.data.synthetic import Synthetic

ITEMS = 9


def make_sequences(histories, num_items=ITEMS):
    """Sequences of item rows; users are called 101, 102, …"""
    items, offsets = flat_and_offsets(histories)
    return Sequences(
        name="lists",
        items=items,
        offsets=offsets,
        item_ids=np.arange(1, num_items + 1),
        user_ids=np.arange(101, 101 + len(histories)),
        fingerprint="lists",
    )


class ListSource:
    """A source of given histories."""

    def __init__(self, histories, num_items=ITEMS):
        self.histories = histories
        self.num_items = num_items

    def load(self):
        return make_sequences(self.histories, self.num_items)


def tiny_synthetic(**changed):
    """A generator small enough to look at."""
    arguments = {
        "num_users": 50,
        "num_items": 60,
        "num_clusters": 6,
        "max_length": 20,
        **changed,
    }
    return Synthetic(**arguments)


# Histories as the sources give them: at least three items each, repeats allowed; the first user
# has a training sample.
history_lists = st.tuples(
    st.lists(st.integers(0, ITEMS - 2), min_size=4, max_size=12),
    st.lists(st.lists(st.integers(0, ITEMS - 2), min_size=3, max_size=12), max_size=5),
).map(lambda drawn: [drawn[0], *drawn[1]])
