"""Negative items: drawn from what a user does not have."""

import numpy as np

from uniseq.data.sequences import Sequences
from uniseq.errors import DataError


class Negatives:
    """Draws items from those outside a user's whole history, uniformly or by popularity.

    One sorted array of (user, item) keys answers for all users; rejected draws are drawn again
    all at once, and the few that are rejected again and again, where a user has nearly all that
    is likely, each from what is left to its user.

    Args:
        sequences: the histories.
        counts: training interactions of each item. Shape (N,).
        power: α; an item is drawn in proportion to its count to the power of α. 0 is uniform over
            all items, also those that never train; Mikolov et al. (2013) use .75.

    Raises:
        DataError: when a user has every item that can be drawn.
    """

    PATIENCE = 100  # rounds of rejection

    def __init__(self, sequences: Sequences, counts: np.ndarray, power: float = 0.0) -> None:
        self._num_items = sequences.num_items
        owners = np.repeat(np.arange(sequences.num_users), sequences.lengths)
        self._keys = np.unique(owners * self._num_items + sequences.items)  # (≤ M,)
        drawable = counts > 0 if power else np.ones(self._num_items, dtype=bool)
        rows, items = np.divmod(self._keys, self._num_items)
        owned = np.bincount(rows[drawable[items]], minlength=sequences.num_users)
        if owned.max() >= drawable.sum():
            user = sequences.user_ids[int(owned.argmax())]
            raise DataError(
                sequences.name,
                f"user {user} has all {drawable.sum()} items that can be drawn: there is no "
                "negative; remove the user",
            )
        # Logarithms of the weights: a large power neither overflows nor makes all but one zero.
        self._logits = np.where(drawable, power * np.log(np.maximum(counts, 1)), -np.inf)
        self._cumulative = _cumulative(self._logits) if power else None

    def draw(self, rng: np.random.Generator, users: np.ndarray, count: int) -> np.ndarray:
        """Negatives for the given user rows. Shape (R,) to (R, count), integer."""
        base = np.repeat(users * self._num_items, count)
        drawn = self._propose(rng, len(base))
        pending = np.arange(len(base))
        for _ in range(self.PATIENCE):
            keys = base[pending] + drawn[pending]
            found = np.searchsorted(self._keys, keys)
            found[found == len(self._keys)] = 0
            pending = pending[self._keys[found] == keys]
            if not pending.size:
                break
            drawn[pending] = self._propose(rng, pending.size)
        for place in pending:
            drawn[place] = self._draw_from_rest(rng, base[place])
        return drawn.reshape(len(users), count)

    def _propose(self, rng: np.random.Generator, size: int) -> np.ndarray:
        if self._cumulative is None:
            return rng.integers(self._num_items, size=size)
        return _draw_by(self._cumulative, rng, size)

    def _draw_from_rest(self, rng: np.random.Generator, base: int) -> int:
        """One negative for the user whose keys start at ``base``, without a rejection."""
        begin, end = np.searchsorted(self._keys, (base, base + self._num_items))
        logits = self._logits.copy()
        logits[self._keys[begin:end] - base] = -np.inf
        return int(_draw_by(_cumulative(logits), rng, 1)[0])


def _cumulative(logits: np.ndarray) -> np.ndarray:
    """Weights accumulated, the largest of them being 1."""
    return np.cumsum(np.exp(logits - logits.max()))


def _draw_by(cumulative: np.ndarray, rng: np.random.Generator, size: int) -> np.ndarray:
    """Rows in proportion to their weights; those of weight 0 never."""
    # A number may round to the sum itself; never beyond the last item that can be drawn.
    last = np.searchsorted(cumulative, cumulative[-1])
    numbers = rng.random(size) * cumulative[-1]
    rows: np.ndarray = np.searchsorted(cumulative, numbers, side="right").clip(max=last)
    return rows
