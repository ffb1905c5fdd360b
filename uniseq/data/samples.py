"""Training samples: prefixes of histories, or whole ones."""

from typing import Protocol

import numpy as np

from uniseq.data.sequences import Sequences, ranges


class Samples(Protocol):
    """A numbering of training samples that are never written out.

    ``all_positions`` says whether each position of a sample's history ends a triplet.
    """

    all_positions: bool

    def __len__(self) -> int: ...

    def batches(self, rng: np.random.Generator, batch_size: int) -> list[np.ndarray]:
        """Numbers of the samples of each batch of one shuffled epoch."""
        ...

    def num_batches(self, batch_size: int) -> int:
        """The length of :meth:`batches`, the same for each epoch."""
        ...

    def locate(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Users, first places and lengths of the histories of samples, and places of targets.

        Places lie in ``Sequences.items``; a history that starts at the end of it is empty, and
        the start token its one item.
        """
        ...


class Prefixes:
    """Each prefix of the training part is a sample; its target is the item that follows.

    Samples are numbered user by user, shortest prefix first. The default; Chung & Kim
    do not say what a sample is.

    Args:
        sequences: the histories, held-out interactions included.
        train: interactions of each user that train. Shape (U,).
        max_length: most recent items that a history keeps.
        empty_history: whether the first interaction, whose history is empty, is a sample too.
    """

    all_positions = False

    def __init__(
        self,
        sequences: Sequences,
        train: np.ndarray,
        max_length: int,
        empty_history: bool = False,
    ) -> None:
        self._offsets = sequences.offsets
        self._max_length = max_length
        self._skipped = 0 if empty_history else 1  # interactions of a user before the first target
        per_user = np.maximum(train - self._skipped, 0)
        self._first = np.concatenate(([0], np.cumsum(per_user)))  # (U + 1,) sample numbers

    def __len__(self) -> int:
        return int(self._first[-1])

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch; the last may be smaller."""
        return -(-len(self) // batch_size)

    def batches(self, rng: np.random.Generator, batch_size: int) -> list[np.ndarray]:
        """A random order cut into batches of ``batch_size`` samples."""
        # Half the memory of a permutation of 64-bit numbers, and the same one.
        order = np.arange(len(self), dtype=np.int32 if len(self) < 2**31 else np.int64)
        rng.shuffle(order)
        return np.split(order, np.arange(batch_size, len(self), batch_size))

    def locate(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """See :class:`Samples`."""
        users = np.searchsorted(self._first, samples, side="right") - 1
        begin = self._offsets[users]
        target = begin + self._skipped + samples - self._first[users]
        start = np.maximum(begin, target - self._max_length)
        lengths = target - start
        if not self._skipped:
            empty = lengths == 0
            start[empty], lengths[empty] = self._offsets[-1], 1
        return users, start, lengths, target


class WholeSequences:
    """Each user is one sample, and each position of the history has the next item as target.

    A causal backbone computes them all in one pass. Batches are filled with whole users up to a
    number of *triplets*, so that sums over a batch mean the same as under :class:`Prefixes`.

    Args:
        sequences: the histories, held-out interactions included.
        train: interactions of each user that train. Shape (U,).
        max_length: most recent items that a history keeps.
    """

    all_positions = True

    def __init__(self, sequences: Sequences, train: np.ndarray, max_length: int) -> None:
        inputs = train - 1
        self._users = np.flatnonzero(inputs > 0)
        self._lengths = np.minimum(inputs[self._users], max_length)
        self._starts = (sequences.offsets[:-1] + inputs)[self._users] - self._lengths

    def __len__(self) -> int:
        return len(self._users)

    def num_batches(self, batch_size: int) -> int:
        """Batches of an epoch, of about ``batch_size`` triplets and at least one user each."""
        return min(max(1, round(int(self._lengths.sum()) / batch_size)), len(self))

    def batches(self, rng: np.random.Generator, batch_size: int) -> list[np.ndarray]:
        """A random order of users cut where the triplets so far reach the next equal share."""
        order = rng.permutation(len(self))
        count = self.num_batches(batch_size)
        end = np.cumsum(self._lengths[order])
        cut = np.arange(count - 1)
        ahead = np.searchsorted(end, end[-1] * (cut + 1) / count, side="right") - cut
        # A long history may fill more than its share: every batch still gets a user.
        ahead = np.maximum.accumulate(np.clip(ahead, 1, len(order) - count + 1))
        return np.split(order, ahead + cut)

    def locate(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """See :class:`Samples`."""
        starts, lengths = self._starts[samples], self._lengths[samples]
        return self._users[samples], starts, lengths, ranges(starts + 1, lengths)
