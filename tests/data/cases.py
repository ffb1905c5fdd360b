"""Small data sets for the tests."""

import numpy as np
from hypothesis import strategies as st

from tests.references import flat_and_offsets
from uniseq.data.batches import RankingBatches
from uniseq.data.negatives import Negatives
from uniseq.data.sequences import Sequences, take_ranges
from uniseq.data.sources.synthetic import Synthetic
from uniseq.data.split import HeldOut

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


def training_part(sequences):
    """Interactions of each user that train under leave-one-out."""
    return np.maximum(sequences.lengths - 2, 0)


def negatives_of(sequences, power=0.0):
    """Negatives whose popularity counts the training part."""
    items = take_ranges(sequences.items, sequences.offsets[:-1], training_part(sequences))
    counts = np.bincount(items, minlength=sequences.num_items)
    return Negatives(sequences, counts, power)


def samples_of(scheme, sequences, max_length=50, **options):
    """The training samples of a scheme under leave-one-out."""
    return scheme(sequences, training_part(sequences), max_length, **options)


def ranking_batches(sequences, back, max_length=50):
    """Batches that rank each user's last item (``back`` 1) or last but one (2)."""
    held_out = HeldOut(np.arange(sequences.num_users), sequences.offsets[1:] - back)
    return RankingBatches(sequences, held_out, max_length)


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
