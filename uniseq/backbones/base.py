"""What every backbone is."""

from typing import Protocol

from torch import Tensor

from uniseq.batch import SequenceBatch


class Backbone(Protocol):
    """A sequence encoder: histories in, one vector a history out.

    ``dim`` is the dimension of the item embeddings it takes and of the vectors it gives. It sees
    the histories of a batch only, never its targets.
    """

    dim: int

    def __call__(self, batch: SequenceBatch, embedded: Tensor, *, all_positions: bool) -> Tensor:
        """Encode the histories.

        Args:
            batch: the histories.
            embedded: the embeddings of ``batch.items``. Shape (T, d).
            all_positions: a vector for each prefix of each history instead of the whole one only.

        Returns:
            Shape (B, d), or (T, d) for all positions.
        """
        ...
