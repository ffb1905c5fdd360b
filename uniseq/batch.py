"""Ragged batches: histories of different lengths, end to end in one flat array.

The legend of letters, used in every shape comment of the project:

=  =========================================================================================
B  histories in the batch
T  items of all histories of the batch together (no padding)
R  triplets (history, positive, negatives): B when each history ends in one, T when each
   position does
K  negatives of a triplet
S  seen items of all users to rank for, each once a user
N  items of the catalogue
d  dimension of the embeddings
=  =========================================================================================

A backbone sees :class:`Histories` and nothing else of a batch. What is to be predicted from them
stands beside them: in a :class:`TrainingBatch` the triplets, in a :class:`RankingBatch` the items
to rank.

Where several processes share a batch, histories are those of this process alone, and ``shares``
says how many vectors each process adds to those that are gathered; it is None for one process.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Histories:
    """B histories: all that a backbone may see of a batch.

    Args:
        items: item ids of all histories, oldest first, one history after the other. Shape (T,).
        offsets: history b is ``items[offsets[b]:offsets[b + 1]]``. Shape (B + 1,).
        lengths: the lengths of the histories, on the host, so that a kernel that plans its work
            by length never waits for the device. Shape (B,); each at least 1.
        users: row of each history in its data set. Shape (B,).
    """

    items: Tensor
    offsets: Tensor
    lengths: np.ndarray
    users: Tensor

    @classmethod
    def from_histories(cls, histories: Sequence[Sequence[int]]) -> "Histories":
        """From plain lists of item ids, oldest first; users are numbered from 0.

        Raises:
            ValueError: when there is no history, or one of them is empty.
        """
        lengths = np.array([len(history) for history in histories], dtype=np.int64)
        if lengths.size == 0 or lengths.min() == 0:
            raise ValueError("every history needs at least one item, and a batch one history")
        return cls(
            items=torch.tensor([item for history in histories for item in history]),
            offsets=torch.from_numpy(np.concatenate(([0], np.cumsum(lengths)))),
            lengths=lengths,
            users=torch.arange(len(histories)),
        )

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "Histories":
        """The histories with their tensors on ``device``; the lengths stay on the host."""
        return replace(
            self,
            items=self.items.to(device, non_blocking=non_blocking),
            offsets=self.offsets.to(device, non_blocking=non_blocking),
            users=self.users.to(device, non_blocking=non_blocking),
        )


@dataclass(frozen=True, slots=True)
class TrainingBatch:
    """Histories and the R triplets that they are trained on.

    Of a batch that several processes share, the triplets are those of all processes.

    Args:
        histories: those that the triplets begin with.
        targets: the positive item of each triplet. Shape (R,) with R = B or R = T.
        negatives: sampled negatives. Shape (R, K).
        all_positions: whether each position of a history ends a triplet (R = T), or only the
            last one does (R = B).
        owned: whether the user of triplet r has the target of triplet c; None unless asked for.
            Shape (R, R).
        shares: triplets of each process, on the host.
    """

    histories: Histories
    targets: Tensor
    negatives: Tensor
    all_positions: bool = False
    owned: Tensor | None = None
    shares: tuple[int, ...] | None = None

    @property
    def num_triplets(self) -> int:
        """R, the number that sums over the batch are divided by."""
        return len(self.targets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "TrainingBatch":
        """The batch with its tensors on ``device``."""
        if self.targets.device == torch.device(device):
            return self
        return replace(
            self,
            histories=self.histories.to(device, non_blocking),
            targets=self.targets.to(device, non_blocking=non_blocking),
            negatives=self.negatives.to(device, non_blocking=non_blocking),
            owned=None if self.owned is None else self.owned.to(device, non_blocking=non_blocking),
        )


@dataclass(frozen=True, slots=True)
class RankingBatch:
    """Histories whose next item is to be ranked, and all that their users had before.

    Of users that several processes share, all fields but ``shares`` are of this process's alone.

    Args:
        histories: cut to what a backbone reads.
        targets: the next item of each history. Shape (B,).
        seen_rows: history of each seen item, row of the batch. Shape (S,).
        seen_items: the items of the whole histories, each once a user. Shape (S,).
        shares: histories of each process, on the host.
    """

    histories: Histories
    targets: Tensor
    seen_rows: Tensor
    seen_items: Tensor
    shares: tuple[int, ...] | None = None

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "RankingBatch":
        """The batch with its tensors on ``device``."""
        if self.targets.device == torch.device(device):
            return self
        return replace(
            self,
            histories=self.histories.to(device, non_blocking),
            targets=self.targets.to(device, non_blocking=non_blocking),
            seen_rows=self.seen_rows.to(device, non_blocking=non_blocking),
            seen_items=self.seen_items.to(device, non_blocking=non_blocking),
        )
