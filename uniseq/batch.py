"""The ragged batch: histories of different lengths, end to end in one flat array.

The legend of letters, used in every shape comment of the project:

=  =========================================================================================
B  histories in the batch
T  items of all histories of the batch together (no padding)
R  triplets (history, positive, negatives): B when each history ends in one, T when each
   position does
K  negatives of a triplet
N  items of the catalogue
d  dimension of the embeddings
=  =========================================================================================
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class SequenceBatch:
    """B histories and what is to be predicted from them.

    Args:
        items: item ids of all histories, oldest first, one history after the other. Shape (T,).
        offsets: history b is ``items[offsets[b]:offsets[b + 1]]``. Shape (B + 1,).
        lengths: the lengths of the histories, on the host, so that a kernel that plans its work
            by length never waits for the device. Shape (B,); each at least 1.
        targets: the positive item of each triplet. Shape (R,) with R = B or R = T.
        negatives: sampled negatives; K may be 0. Shape (R, K).
        users: row of each history in its data set. Shape (B,).
        all_positions: whether each position of a history ends a triplet (R = T), or only the
            last one does (R = B).
        owned: whether the user of triplet r has the target of triplet c; None unless asked for.
            Shape (R, R).
        shares: where several processes share a batch, how many vectors each adds to those that
            are gathered, on the host. Items, lengths and users are then this process's alone, and
            so are a :class:`RankingBatch`'s targets; triplets (R) are the whole batch's, their
            histories spread over the processes. None for one process.
    """

    items: Tensor
    offsets: Tensor
    lengths: np.ndarray
    targets: Tensor
    negatives: Tensor
    users: Tensor
    all_positions: bool = False
    owned: Tensor | None = None
    shares: tuple[int, ...] | None = None

    @classmethod
    def from_histories(cls, histories: Sequence[Sequence[int]]) -> "SequenceBatch":
        """A batch for inference from plain lists of item ids, oldest first.

        Raises:
            ValueError: when there is no history, or one of them is empty.
        """
        lengths = np.array([len(history) for history in histories], dtype=np.int64)
        if lengths.size == 0 or lengths.min() == 0:
            raise ValueError("every history needs at least one item, and a batch one history")
        none = torch.empty(0, dtype=torch.long)
        return cls(
            items=torch.tensor([item for history in histories for item in history]),
            offsets=torch.from_numpy(np.concatenate(([0], np.cumsum(lengths)))),
            lengths=lengths,
            targets=none,
            negatives=none.view(0, 0),
            users=torch.arange(len(histories)),
        )

    @property
    def num_triplets(self) -> int:
        """R, the number that sums over the batch are divided by."""
        return len(self.targets)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "SequenceBatch":
        """The batch with its tensors on ``device``; the lengths stay on the host."""
        if self.items.device == torch.device(device):
            return self
        return replace(
            self,
            items=self.items.to(device, non_blocking=non_blocking),
            offsets=self.offsets.to(device, non_blocking=non_blocking),
            targets=self.targets.to(device, non_blocking=non_blocking),
            negatives=self.negatives.to(device, non_blocking=non_blocking),
            users=self.users.to(device, non_blocking=non_blocking),
            owned=None if self.owned is None else self.owned.to(device, non_blocking=non_blocking),
        )


@dataclass(frozen=True, slots=True)
class RankingBatch:
    """Histories whose next item is to be ranked, and all that their users had before.

    Args:
        sequences: the histories, cut to what a backbone reads, and their targets (R = B).
        seen_rows: history of each seen item, row of the batch. Shape (S,).
        seen_items: the items of the whole histories, each once a user. Shape (S,).
    """

    sequences: SequenceBatch
    seen_rows: Tensor
    seen_items: Tensor

    def to(self, device: torch.device | str, non_blocking: bool = False) -> "RankingBatch":
        """The batch with its tensors on ``device``."""
        return RankingBatch(
            self.sequences.to(device, non_blocking),
            self.seen_rows.to(device, non_blocking=non_blocking),
            self.seen_items.to(device, non_blocking=non_blocking),
        )
