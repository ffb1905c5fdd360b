"""Negative items: uniform over what a user does not have."""

import numpy as np

from uniseq.data.sequences import Sequences
from uniseq.errors import DataError


class UniformNegatives:
    """Draws items uniformly from those outside a user's whole history.

    One sorted array of (user, item) keys answers for all users; rejected draws are drawn again
    until none is left, all at once.

    Args:
        sequences: the histories.

    Raises:
        DataError: when a user has every item, so that no negative exists.
    """

    def __init__(self, sequences: Sequences) -> None:
        self._num_items = sequences.num_items
        owners = np.repeat(np.arange(sequences.num_users), sequences.lengths)
        self._keys = np.unique(owners * self._num_items + sequences.items)  # (≤ M,)
        owned = np.bincount(self._keys // self._num_items, minlength=sequences.num_users)
        if owned.max() >= self._num_items:
            user = sequences.user_ids[int(owned.argmax())]
            raise DataError(
                sequences.name,
                f"user {user} has all {self._num_items} items: there is no negative to draw; "
                "remove the user",
            )

    def draw(self, rng: np.random.Generator, users: np.ndarray, count: int) -> np.ndarray:
        """Negatives for the given user rows. Shape (R,) to (R, count), integer."""
        base = np.repeat(users * self._num_items, count)
        drawn = rng.integers(self._num_items, size=len(base))
        pending = np.arange(len(base))
        while True:
            keys = base[pending] + drawn[pending]
            found = np.searchsorted(self._keys, keys)
            found[found == len(self._keys)] = 0
            pending = pending[self._keys[found] == keys]
            if not pending.size:
                return drawn.reshape(len(users), count)
            drawn[pending] = rng.integers(self._num_items, size=pending.size)
