"""Ragged batches from numbers of samples, without a loop over histories."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from uniseq.batch import Histories, RankingBatch, TrainingBatch
from uniseq.data.negatives import Negatives
from uniseq.data.samples import Samples
from uniseq.data.sequences import Sequences, take_ranges
from uniseq.data.split import HeldOut
from uniseq.distributed import Share


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


class TrainingBatches(Dataset[TrainingBatch]):
    """Builds training batches; indexed by a :class:`Draw`.

    Args:
        sequences: the histories.
        samples: what is trained. Where one has an empty history, item N is its start token.
        negatives: draws the negatives.
        count: K, negatives a triplet.
        owned: whether batches tell which users have which of the batch's targets.
        share: histories that fall to this process; None where it is the only one. The triplets
            are the whole batch's in each: they are drawn alike by all, and their vectors are
            looked up in each one's item table.
    """

    def __init__(
        self,
        sequences: Sequences,
        samples: Samples,
        negatives: Negatives,
        count: int,
        owned: bool = False,
        share: Share | None = None,
    ) -> None:
        self._sequences = sequences
        self._items = sequences.items
        self._samples = samples
        self._negatives = negatives
        self._count = count
        self._owned = owned
        self._share = share

    def __getitem__(self, draw: Draw) -> TrainingBatch:
        users, starts, lengths, places = self._samples.locate(draw.samples)
        all_positions = self._samples.all_positions
        owners = np.repeat(users, lengths) if all_positions else users  # (R,)
        targets = self._items[places]
        rng = np.random.Generator(np.random.SFC64(draw.seed))
        negatives = self._negatives.draw(rng, owners, self._count)  # (R, K)
        shares = None
        if self._share is not None:
            shares = self._share.sums(lengths if all_positions else np.ones_like(lengths))
            own = self._share.of(len(users))
            users, starts, lengths = users[own], starts[own], lengths[own]
        return TrainingBatch(
            histories=_histories(self._read(starts, lengths), lengths, users),
            targets=torch.from_numpy(targets).long(),
            negatives=torch.from_numpy(negatives),
            all_positions=all_positions,
            owned=_owned(self._sequences, owners, targets) if self._owned else None,
            shares=shares,
        )

    def _read(self, starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """The items of the histories, end to end. Shape (T,)."""
        nothing = len(self._items)  # where an empty history starts
        empty = starts == nothing
        if not empty.any():
            return take_ranges(self._items, starts, lengths)
        items = take_ranges(self._items, np.where(empty, 0, starts), lengths)
        items[np.repeat(empty, lengths)] = self._sequences.num_items
        return items


def _owned(sequences: Sequences, owners: np.ndarray, targets: np.ndarray) -> torch.Tensor:
    """Whether the user of triplet r has the target of triplet c. Shape (R, R)."""
    order = np.argsort(targets, kind="stable")
    arranged = targets[order]
    begins = sequences.offsets[owners]
    lengths = sequences.offsets[owners + 1] - begins
    items = take_ranges(sequences.items, begins, lengths)
    begin, end = (np.searchsorted(arranged, items, side) for side in ("left", "right"))
    rows = np.repeat(np.repeat(np.arange(len(owners)), lengths), end - begin)
    owned = torch.zeros(len(owners), len(owners), dtype=torch.bool)
    columns = take_ranges(order, begin, end - begin)
    owned[torch.from_numpy(rows), torch.from_numpy(columns)] = True
    return owned


class RankingBatches(Dataset[RankingBatch]):
    """Builds batches of users to rank for; indexed by a range of rows of ``held_out``.

    Args:
        sequences: the histories.
        held_out: whom to rank for, and which of their items.
        max_length: most recent items that a history keeps; the seen items are always all.
        share: users of each range that fall to this process; None where it is the only one.
    """

    def __init__(
        self,
        sequences: Sequences,
        held_out: HeldOut,
        max_length: int,
        share: Share | None = None,
    ) -> None:
        self._sequences = sequences
        self._held_out = held_out
        self._max_length = max_length
        self._share = share

    def whole(self) -> "RankingBatches":
        """Those of all processes together."""
        return RankingBatches(self._sequences, self._held_out, self._max_length)

    def __getitem__(self, rows: range) -> RankingBatch:
        sequences = self._sequences
        shares = None
        if self._share is not None:
            shares = self._share.sums(np.ones(len(rows), dtype=np.int64))
            rows = rows[self._share.of(len(rows))]
        users = self._held_out.users[rows.start : rows.stop]
        targets = self._held_out.places[rows.start : rows.stop]
        begins = sequences.offsets[users]
        whole = targets - begins
        lengths = np.minimum(whole, self._max_length)
        seen = np.unique(
            np.repeat(np.arange(len(users)), whole) * sequences.num_items
            + take_ranges(sequences.items, begins, whole)
        )
        items = take_ranges(sequences.items, targets - lengths, lengths)
        return RankingBatch(
            histories=_histories(items, lengths, users),
            targets=torch.from_numpy(sequences.items[targets]).long(),
            seen_rows=torch.from_numpy(seen // sequences.num_items),
            seen_items=torch.from_numpy(seen % sequences.num_items),
            shares=shares,
        )


def _histories(items: np.ndarray, lengths: np.ndarray, users: np.ndarray) -> Histories:
    return Histories(
        items=torch.from_numpy(items).long(),
        offsets=torch.from_numpy(np.concatenate(([0], np.cumsum(lengths)))),
        lengths=lengths,
        users=torch.from_numpy(users),
    )
