"""From numbers of samples to ragged batches, without a loop over histories."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from uniseq.batch import RankingBatch, SequenceBatch
from uniseq.data.negatives import UniformNegatives
from uniseq.data.samples import Samples
from uniseq.data.sequences import Sequences, take_ranges


@dataclass(frozen=True, slots=True)
class Draw:
    """Which samples make a batch, and where its random numbers come from."""

    seed: tuple[int, ...]
    samples: np.ndarray


class EpochBatches(Sampler[Draw]):
    """The batches of one epoch, a function of seed and epoch alone.

    Nothing is carried from epoch to epoch, so that a run resumed at an epoch sees the batches
    that the uninterrupted run saw.

    Args:
        samples: the training samples.
        batch_size: triplets a batch.
        seed: of the run.
    """

    def __init__(self, samples: Samples, batch_size: int, seed: int) -> None:
        self._samples = samples
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer when an epoch starts."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._samples.num_batches(self._batch_size)

    def __iter__(self) -> Iterator[Draw]:
        rng = np.random.default_rng((self._seed, self._epoch))
        for number, chosen in enumerate(self._samples.batches(rng, self._batch_size)):
            yield Draw((self._seed, self._epoch, number), chosen)


class TrainingBatches(Dataset[SequenceBatch]):
    """Builds training batches; indexed by a :class:`Draw`."""

    def __init__(
        self, sequences: Sequences, samples: Samples, negatives: UniformNegatives, count: int
    ) -> None:
        self._sequences = sequences
        self._samples = samples
        self._negatives = negatives
        self._count = count

    def __getitem__(self, draw: Draw) -> SequenceBatch:
        users, starts, lengths = self._samples.locate(draw.samples)
        flat = self._sequences.items
        if self._samples.all_positions:
            targets = take_ranges(flat, starts + 1, lengths)  # (T,)
            owners = np.repeat(users, lengths)  # (T,)
        else:
            targets, owners = flat[starts + lengths], users  # (B,), (B,)
        rng = np.random.Generator(np.random.SFC64(draw.seed))
        negatives = self._negatives.draw(rng, owners, self._count)  # (R, K)
        return _batch(
            take_ranges(flat, starts, lengths),
            lengths,
            targets,
            negatives,
            users,
            self._samples.all_positions,
        )


class RankingBatches(Dataset[RankingBatch]):
    """Builds batches of users to rank for; indexed by a range of user rows.

    Args:
        sequences: the histories.
        held_out: 2 to rank the validation items (last but one), 1 the test items (last).
        max_length: most recent items that a history keeps; the seen items are always all.
    """

    def __init__(self, sequences: Sequences, held_out: int, max_length: int) -> None:
        self._sequences = sequences
        self._held_out = held_out
        self._max_length = max_length

    def __getitem__(self, users: range) -> RankingBatch:
        sequences = self._sequences
        rows = np.arange(users.start, users.stop)
        begins = sequences.offsets[rows]
        targets = sequences.offsets[rows + 1] - self._held_out
        whole = targets - begins
        lengths = np.minimum(whole, self._max_length)
        seen = np.unique(
            np.repeat(np.arange(len(rows)), whole) * sequences.num_items
            + take_ranges(sequences.items, begins, whole)
        )
        return RankingBatch(
            sequences=_batch(
                take_ranges(sequences.items, targets - lengths, lengths),
                lengths,
                sequences.items[targets],
                np.empty((len(rows), 0), dtype=np.int64),
                rows,
            ),
            seen_rows=torch.from_numpy(seen // sequences.num_items),
            seen_items=torch.from_numpy(seen % sequences.num_items),
        )


def _batch(
    items: np.ndarray,
    lengths: np.ndarray,
    targets: np.ndarray,
    negatives: np.ndarray,
    users: np.ndarray,
    all_positions: bool = False,
) -> SequenceBatch:
    return SequenceBatch(
        items=torch.from_numpy(items).long(),
        offsets=torch.from_numpy(np.concatenate(([0], np.cumsum(lengths)))),
        lengths=lengths,
        targets=torch.from_numpy(targets).long(),
        negatives=torch.from_numpy(negatives),
        users=torch.from_numpy(users),
        all_positions=all_positions,
    )
