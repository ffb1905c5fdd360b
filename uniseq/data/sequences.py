"""Sequences: every user's history in one flat array."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from uniseq.errors import DataError


@dataclass(frozen=True, slots=True)
class Sequences:
    """The interaction histories of a data set, oldest interaction first.

    Args:
        name: the data set, for messages and records.
        items: item rows 0 … N - 1 of all users, one user after the other. Shape (M,), integer.
        offsets: user u's history is ``items[offsets[u]:offsets[u + 1]]``. Shape (U + 1,).
        item_ids: the original id of each item row. Shape (N,).
        user_ids: the original id of each user row. Shape (U,).
        fingerprint: hash of the content, the data set's identity in records.
        times: seconds since 1970 of each interaction, or None where the source has none.
            Shape (M,), integer.
    """

    name: str
    items: np.ndarray
    offsets: np.ndarray
    item_ids: np.ndarray
    user_ids: np.ndarray
    fingerprint: str
    times: np.ndarray | None = None

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.offsets) - 1

    @property
    def num_items(self) -> int:
        """N."""
        return len(self.item_ids)

    @property
    def lengths(self) -> np.ndarray:
        """Interactions of each user. Shape (U,)."""
        return np.diff(self.offsets)

    def history(self, user: int) -> np.ndarray:
        """The whole history of the user in row ``user``."""
        return self.items[self.offsets[user] : self.offsets[user + 1]]


def require_splittable(sequences: Sequences) -> None:
    """Raise unless leave-one-out leaves each user a validation, a test and a training item.

    Raises:
        DataError: naming the first user whose history is too short.
    """
    short = np.flatnonzero(sequences.lengths < MIN_LENGTH)
    if short.size:
        user = short[0]
        raise DataError(
            sequences.name,
            f"user {sequences.user_ids[user]} has {sequences.lengths[user]} interactions, too few "
            f"to split ({MIN_LENGTH} needed: training, validation, test); {short.size} user(s) are "
            "too short: leave them out with dataset.short_histories=drop, or filter the log to a "
            "5-core",
        )


MIN_LENGTH = 3
BLOCK = 2**20  # interactions looked at together by what looks at all of them


def user_blocks(offsets: np.ndarray, size: int | None = None) -> Iterator[slice]:
    """All users, in order, in stretches of about ``size`` interactions and at least one user.

    What is computed a stretch at a time needs memory for one stretch, not for the log.

    Args:
        offsets: see :class:`Sequences`.
        size: interactions; ``BLOCK`` where not given.
    """
    size = size or BLOCK
    cuts = np.searchsorted(offsets, np.arange(size, offsets[-1], size))
    edges = np.unique([0, *cuts, len(offsets) - 1])
    for first, end in pairwise(edges.tolist()):
        yield slice(first, end)


def take_ranges(flat: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """``flat[starts[r]:starts[r] + lengths[r]]`` for all r, end to end. Shape (sum(lengths),)."""
    taken: np.ndarray = flat[ranges(starts, lengths)]
    return taken


def take_parts(flat: np.ndarray, offsets: np.ndarray, lengths: np.ndarray) -> Iterator[np.ndarray]:
    """The first ``lengths[u]`` interactions of each user u, end to end, a stretch at a time.

    Args:
        flat: items or times of all interactions. Shape (M,).
        offsets: see :class:`Sequences`.
        lengths: how many. Shape (U,).
    """
    for users in user_blocks(offsets):
        yield take_ranges(flat, offsets[users], lengths[users])


def ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """``starts[r], starts[r] + 1, …``, ``lengths[r]`` of them, for all r. Shape (sum(lengths),)."""
    shift = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    return shift + np.arange(len(shift))


def without_repeats(sequences: Sequences) -> Sequences:
    """Each user's first interaction with each item alone; the identity of the data changes too."""
    kept = np.zeros(len(sequences.items), dtype=bool)
    lengths = sequences.lengths
    for users in user_blocks(sequences.offsets):
        start, end = sequences.offsets[users.start], sequences.offsets[users.stop]
        owners = np.repeat(np.arange(users.stop - users.start), lengths[users])
        keys = owners * sequences.num_items + sequences.items[start:end]
        first = np.unique(keys, return_index=True)[1]
        kept[start + first] = True
        lengths[users] = np.bincount(owners[first], minlength=users.stop - users.start)
    return replace(
        sequences,
        items=sequences.items[kept],
        offsets=np.concatenate(([0], np.cumsum(lengths))),
        fingerprint=hashlib.sha256(f"{sequences.fingerprint} no repeats".encode()).hexdigest(),
        times=None if sequences.times is None else sequences.times[kept],
    )


def without_short(sequences: Sequences) -> Sequences:
    """The users alone whose history can be split; the identity of the data changes with them."""
    lengths = sequences.lengths
    long = lengths >= MIN_LENGTH
    if long.all():
        return sequences
    kept = np.repeat(long, lengths)
    return replace(
        sequences,
        items=sequences.items[kept],
        offsets=np.concatenate(([0], np.cumsum(lengths[long]))),
        user_ids=sequences.user_ids[long],
        fingerprint=hashlib.sha256(f"{sequences.fingerprint} no short".encode()).hexdigest(),
        times=None if sequences.times is None else sequences.times[kept],
    )
