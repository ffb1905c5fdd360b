"""Negative items, drawn from what a user does not have."""

import numpy as np

from uniseq.data.sequences import BLOCK, Sequences, take_ranges
from uniseq.errors import DataError

FEW = 4  # draws of a user that are compared with the history one by one
FACTOR = 2654435761  # spreads rows over the table of marks (Knuth's multiplicative hash)


class Negatives:
    """Draws items from those outside a user's whole history, uniformly or by popularity.

    Each draw is compared with the user's own history; nothing is kept that grows with the log.
    Rejected draws are drawn again all at once, and the few that are rejected again and again,
    where a user has nearly all that is likely, each from what is left to its user.

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
        self._items, self._offsets = sequences.items, sequences.offsets
        self._num_items = sequences.num_items
        drawable = counts > 0 if power else np.ones(self._num_items, dtype=bool)
        _require_rest(sequences, drawable)
        # Logarithms of the weights: a large power neither overflows nor makes all but one zero.
        self._logits = np.where(drawable, power * np.log(np.maximum(counts, 1)), -np.inf)
        self._cumulative = _cumulative(self._logits) if power else None

    def draw(self, rng: np.random.Generator, users: np.ndarray, count: int) -> np.ndarray:
        """Negatives for the given user rows. Shape (R,) to (R, count), integer."""
        drawn = self._propose(rng, len(users) * count)
        pending = self._suspects(users, drawn, count)
        for _ in range(self.PATIENCE):
            pending = pending[self._owned(users[pending // count], drawn[pending])]
            if not pending.size:
                break
            drawn[pending] = self._propose(rng, pending.size)
        for place in pending:
            drawn[place] = self._draw_from_rest(rng, users[place // count])
        return drawn.reshape(len(users), count)

    def _owned(self, users: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """Which of the pairs (users[p], drawn[p]) are in the log, ascending."""
        begins = self._offsets[users]
        lengths = self._offsets[users + 1] - begins
        ends = lengths.cumsum()
        if len(users) > 1 and ends[-1] > BLOCK:  # a bound on memory, whatever the histories
            half = len(users) // 2
            later = half + self._owned(users[half:], drawn[half:])
            return np.concatenate((self._owned(users[:half], drawn[:half]), later))
        owned = take_ranges(self._items, begins, lengths)
        (found,) = (owned == drawn.repeat(lengths)).nonzero()
        # Nearly always empty where a catalogue is large; a repeated item is found twice.
        return np.unique(ends.searchsorted(found, side="right")) if found.size else found

    def _suspects(self, users: np.ndarray, drawn: np.ndarray, count: int) -> np.ndarray:
        """The draws that may have to be rejected, ascending; all others need not be looked at.

        A table marks hashes of the pairs (row, item) of all histories, so that the histories are
        read once and not once for each of many draws.
        """
        if count < FEW:
            return np.arange(len(drawn))
        lengths = self._offsets[users + 1] - self._offsets[users]
        rows = np.arange(len(users)) * FACTOR
        size = 1 << min(int(32 * lengths.sum()).bit_length(), 24)
        marked = np.zeros(size, dtype=bool)
        items = take_ranges(self._items, self._offsets[users], lengths)
        marked[(rows.repeat(lengths) + items) & (size - 1)] = True
        return np.flatnonzero(marked[(rows.repeat(count) + drawn) & (size - 1)])

    def _propose(self, rng: np.random.Generator, size: int) -> np.ndarray:
        if self._cumulative is None:
            return rng.integers(self._num_items, size=size)
        return _draw_by(self._cumulative, rng, size)

    def _draw_from_rest(self, rng: np.random.Generator, user: int) -> int:
        """One negative for a user, without a rejection."""
        logits = self._logits.copy()
        logits[self._items[self._offsets[user] : self._offsets[user + 1]]] = -np.inf
        return int(_draw_by(_cumulative(logits), rng, 1)[0])


def _require_rest(sequences: Sequences, drawable: np.ndarray) -> None:
    """Raise DataError where users have every item that can be drawn: how many, and the first."""
    count = int(drawable.sum())
    # Only a long history can hold them all.
    full = [
        user
        for user in np.flatnonzero(sequences.lengths >= count).tolist()
        if drawable[np.unique(sequences.history(user))].sum() == count
    ]
    if full:
        first = ", ".join(str(sequences.user_ids[user]) for user in full[:5])
        raise DataError(
            sequences.name,
            f"{len(full)} user(s) have all {count} items that can be drawn: there is no negative; "
            f"remove the users {first}{', …' if len(full) > 5 else ''}",
        )


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
